import type { LogIndex } from "../raft/types.ts";
import type { LogEntry } from "../storage/entry.ts";
import type { ContentHash } from "./content-hash.ts";
import { hashText, isBlockEnd } from "./content-hash.ts";
import type { Progress, RecordedConfiguration, RecordedRun } from "./records.ts";
import { recordedConfiguration } from "./records.ts";

/** More than this is not gathered into one record: somebody has to read it. */
const mostBlocks = 1024;

type Writable<Type> = { -readonly [Key in keyof Type]: Type[Key] };

/** Gathers what moves on until it is recorded: a record for many turns, however many there are in a second. */
export class PendingProgress {
  #fields: Writable<Omit<Progress, "event" | "hash">> = {};
  /** At the last of the entries. */
  #hash: number | null = null;
  #runs: RecordedRun[] = [];
  #blocks: (string | null)[] = [];
  #configurations: RecordedConfiguration[] = [];
  #isEmpty = true;

  get isEmpty(): boolean {
    return this.#isEmpty;
  }

  /** Enough for one record. */
  get isFull(): boolean {
    return this.#blocks.length >= mostBlocks;
  }

  /** Consecutive entries, which `hash` takes in; the log's last term before them is `lastTerm`. */
  addEntries(entries: readonly LogEntry[], hash: ContentHash): void {
    const [first] = entries;
    if (first === undefined) return;
    this.#isEmpty = false;
    this.#fields.first ??= first.index;
    for (const entry of entries) {
      hash.append(entry);
      if (this.#runs.at(-1)?.[1] !== entry.term) this.#runs.push([entry.index, entry.term]);
      if (isBlockEnd(entry.index)) this.#blocks.push(textOf(hash.hash));
      if (entry.configuration)
        this.#configurations.push(recordedConfiguration(entry.index, entry.configuration));
    }
    this.#fields.last = entries[entries.length - 1]!.index;
    this.#hash = hash.hash;
  }

  set(what: "durable" | "acknowledged" | "commit" | "applied", index: LogIndex): void {
    this.#isEmpty = false;
    this.#fields[what] = index;
  }

  addReads(readIndex: LogIndex, reads: number): void {
    this.#isEmpty = false;
    this.#fields.reads = (this.#fields.reads ?? 0) + reads;
    this.#fields.readIndex = Math.max(this.#fields.readIndex ?? 0, readIndex);
  }

  /** What has been gathered, as a record; begins anew. */
  take(): Progress {
    const { first, last, ...indexes } = this.#fields;
    const hash = textOf(this.#hash);
    const entries = first === undefined ? {} : { first, last: last!, runs: this.#runs, hash };
    const progress: Progress = {
      event: "progress",
      ...entries,
      ...(this.#blocks.length > 0 && { blocks: this.#blocks }),
      ...(this.#configurations.length > 0 && { configurations: this.#configurations }),
      ...indexes,
    };
    this.#fields = {};
    this.#hash = null;
    this.#runs = [];
    this.#blocks = [];
    this.#configurations = [];
    this.#isEmpty = true;
    return progress;
  }
}

function textOf(hash: number | null): string | null {
  return hash === null ? null : hashText(hash);
}
