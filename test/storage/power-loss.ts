import { fstatSync, mkdirSync, readSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import type { FileSyncs, SyncedFile } from "../../ec2-node/write-ahead-log.ts";

interface Version {
  readonly number: number;
  readonly content: Uint8Array;
}

interface RecordedFile {
  /** null until the process that has the file open now has shown it. */
  readonly file: SyncedFile | null;
  /** What the last finished sync of this file made certain. */
  durable: Version;
  /** What the file held since then, oldest first, as far as it was looked at. */
  later: Version[];
}

export interface PowerLossOptions {
  /** When a sync that was called may finish: decided by the test's own order of events, never by time. */
  readonly hold?: (file: SyncedFile) => Promise<void>;
  /** Names the syncs that are said to be done and are not: the mutants of a sync left out. `now`: one that blocks. */
  readonly lies?: (file: SyncedFile, now: boolean) => boolean;
}

/**
 * Stands for the disk below a NodeStorage: it knows what every finished sync made certain and what was written since,
 * and makes the files a power failure could leave. Nothing is really synced.
 */
export class PowerLossDisk implements FileSyncs {
  /** By file name. */
  readonly #files = new Map<string, RecordedFile>();
  readonly #options: PowerLossOptions;
  #versions = 0;

  constructor(options: PowerLossOptions = {}) {
    this.#options = options;
  }

  async fdatasync(file: SyncedFile): Promise<void> {
    const recorded = this.#look(file);
    // Only what the file held when the sync began is certain when it ends.
    const began = newestOf(recorded);
    const lies = this.#options.lies?.(file, false) ?? false;
    await this.#options.hold?.(file);
    if (!lies) finish(recorded, began);
  }

  fdatasyncNow(file: SyncedFile): void {
    const recorded = this.#look(file);
    if (!(this.#options.lies?.(file, true) ?? false)) finish(recorded, newestOf(recorded));
  }

  /** Remembers what the files hold now: a crash may leave blocks of every content that was looked at. */
  observe(): void {
    for (const { file } of this.#files.values()) if (file !== null) this.#look(file);
  }

  /**
   * Writes into `directory` what a power failure now could leave: of every file some size it had since its last sync,
   * and in every block of `blockBytes` what one of its contents since then had there.
   */
  crashInto(directory: string, random: () => number, blockBytes: 4096 | 512): void {
    this.observe();
    mkdirSync(directory, { recursive: true });
    // From "everything arrived" to "nothing did", and everything between.
    const newest = [0, 0.1, 0.5, 0.9, 0.99, 1][Math.floor(random() * 6)]!;
    for (const [name, { durable, later }] of this.#files) {
      const versions = [durable, ...later];
      const choose = (): Uint8Array => {
        const index = random() < newest ? versions.length - 1 : Math.floor(random() * versions.length);
        return versions[index]!.content;
      };
      const image = new Uint8Array(choose().length);
      for (let at = 0; at < image.length; at += blockBytes) {
        const block = choose().subarray(at, at + blockBytes);
        image.set(block.subarray(0, image.length - at), at);
      }
      writeFileSync(join(directory, name), image);
    }
  }

  /**
   * Kills the process but not the machine: `directory` gets the files as they stand in the page cache, and the disk that
   * is returned still knows which of it is certain.
   */
  killInto(directory: string): PowerLossDisk {
    this.observe();
    mkdirSync(directory, { recursive: true });
    const disk = new PowerLossDisk(this.#options);
    disk.#versions = this.#versions;
    for (const [name, { durable, later }] of this.#files) {
      writeFileSync(join(directory, name), newestOf({ durable, later }).content);
      disk.#files.set(name, { file: null, durable, later: [...later] });
    }
    return disk;
  }

  #look(file: SyncedFile): RecordedFile {
    // Through the open descriptor: closing another one of the database would drop the process's lock on it.
    const content = new Uint8Array(fstatSync(file.fd).size);
    readSync(file.fd, content, 0, content.length, 0);
    const name = basename(file.path);
    const known = this.#files.get(name);
    // A file that nobody knows was made, and synced, by SQLite itself.
    const durable = known?.durable ?? { number: 0, content };
    const recorded: RecordedFile =
      known?.file === file ? known : { file, durable, later: known?.later ?? [] };
    this.#files.set(name, recorded);
    if (Buffer.compare(newestOf(recorded).content, content) !== 0) {
      this.#versions++;
      recorded.later.push({ number: this.#versions, content });
    }
    return recorded;
  }
}

function newestOf({ durable, later }: Pick<RecordedFile, "durable" | "later">): Version {
  return later.at(-1) ?? durable;
}

function finish(recorded: RecordedFile, certain: Version): void {
  if (certain.number <= recorded.durable.number) return;
  recorded.durable = certain;
  recorded.later = recorded.later.filter((version) => version.number > certain.number);
}
