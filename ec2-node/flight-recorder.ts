import type { FileHandle } from "node:fs/promises";
import { open, unlink } from "node:fs/promises";
import type { Clock } from "../shared/node/ports.ts";
import type { NodeRecorder, Opening } from "../shared/node/recorder.ts";
import type { LogIndex, Work } from "../shared/raft/types.ts";
import { LineWriter } from "../shared/recording/record-line.ts";
import { Recorder } from "../shared/recording/recorder.ts";
import type { LogEntry } from "../shared/storage/entry.ts";
import { RecordingDirectory } from "./recording-directory.ts";

export interface FlightRecorderOptions {
  readonly directory: string;
  readonly clock: Clock;
  /** Version of the software. */
  readonly release: string;
  /** One line, when it stops recording and when it goes on. */
  readonly onNotice: (message: string) => void;
  /** What the files of one node take at most. */
  readonly limitBytes?: number;
  /** Length at which a file is full. */
  readonly segmentBytes?: number;
  /** After a failure it tries again in this time. */
  readonly retryMs?: number;
}

const LIMIT_BYTES = 64_000_000;
const SEGMENT_BYTES = 4_000_000;
const RETRY_MS = 5000;
/** Progress is gathered for so long: ten records a second for it at most, at any load. */
const GATHER_MS = 100;
/** The end of the process waits no longer for the disk. */
const CLOSE_WITHIN_MS = 300;

/**
 * Writes what a node does into files, for `raft-lite verify`. The node fills a queue in memory and nothing more; what is
 * in it is encoded and written beside the node's work, one write at a time, never synced. What cannot be written,
 * because the disk is full, slow or read-only, is counted and let go: the node goes on as if nothing were.
 */
export class FlightRecorder implements NodeRecorder {
  readonly #options: FlightRecorderOptions;
  readonly #segmentBytes: number;
  readonly #recorder: Recorder;
  #directory: RecordingDirectory | null = null;
  /** null: where the next record belongs has to be read from the files. */
  #lines: LineWriter | null = null;
  #file: FileHandle | null = null;
  #fileBytes = 0;
  /** A file that was made for the write under way, and has nothing in it before that. */
  #newFile: string | null = null;
  /** What all files of this node take; null: not known yet. */
  #total: number | null = null;
  #due: "nothing" | "later" | "now" = "nothing";
  #timer: NodeJS.Timeout | undefined;
  #writing: Promise<void> | null = null;
  #isFailing = false;
  #isClosing = false;
  #closed: Promise<void> | null = null;
  /** By a fault of ours: nothing more is recorded, and the node does not suffer from it. */
  #isBroken = false;

  constructor(options: FlightRecorderOptions) {
    this.#options = options;
    this.#segmentBytes = options.segmentBytes ?? SEGMENT_BYTES;
    const { clock, release } = options;
    this.#recorder = new Recorder({ clock, release, onRecord: (urgent) => this.#wake(urgent) });
  }

  /** Writes what is left, if the disk takes it in time, and lets go of the files. May be called again. */
  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    this.#isClosing = true;
    clearTimeout(this.#timer);
    const timeout = new Promise<void>((resolve) => setTimeout(resolve, CLOSE_WITHIN_MS).unref());
    await Promise.race([this.#finish(), timeout]);
  }

  async #finish(): Promise<void> {
    await this.#writing;
    if (!this.#isFailing && !this.#isBroken && this.#directory !== null) await this.#write();
    const file = this.#file;
    this.#file = null;
    await file?.close().catch(() => {});
  }

  // ---- writing ----

  #wake(urgent: boolean): void {
    if (urgent) this.#due = "now";
    else if (this.#due === "nothing") this.#due = "later";
    else return;
    this.#schedule();
  }

  #schedule(): void {
    if (this.#due === "nothing" || this.#writing !== null) return;
    if (this.#isFailing || this.#isClosing || this.#isBroken) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#start(), this.#due === "now" ? 0 : GATHER_MS).unref();
  }

  #start(): void {
    if (this.#isClosing) return;
    this.#due = "nothing";
    this.#writing = this.#write().finally(() => {
      this.#writing = null;
      this.#schedule();
    });
  }

  async #write(): Promise<void> {
    let taken = 0;
    try {
      this.#lines ??= new LineWriter(await this.#directory!.position());
      if (this.#recorder.isPaused) this.#resume();
      const records = this.#recorder.take();
      taken = records.length;
      if (records[0] === undefined) return;
      const bytes = Buffer.from(this.#lines.write(records));
      const isFirst = "format" in records[0];
      this.#fileBytes = isFirst ? bytes.length : this.#fileBytes + bytes.length;
      // At once: what happens during the write belongs behind the next opener already.
      if (this.#fileBytes >= this.#segmentBytes) this.#recorder.rotate();
      if (isFirst) await this.#begin(this.#lines.segment);
      await this.#append(bytes);
      this.#newFile = null;
      if (this.#isFailing) this.#recovered();
    } catch (error) {
      await this.#fail(error, taken);
    }
  }

  async #begin(segment: number): Promise<void> {
    const before = this.#file;
    this.#file = null;
    await before?.close();
    const path = this.#directory!.fileOf(segment);
    this.#file = await open(path, "ax", 0o600);
    this.#newFile = path;
  }

  async #append(bytes: Buffer): Promise<void> {
    const room = (this.#options.limitBytes ?? LIMIT_BYTES) - bytes.length;
    if (this.#total === null || this.#total > room) this.#total = await this.#directory!.prune(room);
    this.#total += bytes.length;
    for (let at = 0; at < bytes.length; ) {
      const { bytesWritten } = await this.#file!.write(bytes, at);
      at += bytesWritten;
    }
  }

  // ---- when it cannot ----

  /** After a failure, or because the queue ran full during a slow write. */
  #resume(): void {
    if (!this.#isFailing) {
      this.#notice(`${this.#options.directory} takes records too slowly; ${this.#recorder.dropped} are lost`);
    }
    this.#recorder.resume();
  }

  async #fail(error: unknown, lost: number): Promise<void> {
    this.#recorder.pause(lost);
    // Nobody knows how much of the last write is there.
    this.#lines = null;
    this.#total = null;
    const file = this.#file;
    this.#file = null;
    await file?.close().catch(() => {});
    // One for each time it tries, they would be the newest, and take the place of those that hold something.
    if (this.#newFile !== null) await unlink(this.#newFile).catch(() => {});
    this.#newFile = null;
    const { code, message } = error as NodeJS.ErrnoException;
    const { directory, retryMs } = this.#options;
    if (!this.#isFailing)
      this.#notice(`cannot write to ${directory} (${code ?? message}); nothing is recorded`);
    this.#isFailing = true;
    if (this.#isClosing) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#start(), retryMs ?? RETRY_MS).unref();
  }

  #recovered(): void {
    this.#isFailing = false;
    this.#notice(`records to ${this.#options.directory} again`);
  }

  #notice(message: string): void {
    this.#options.onNotice(`Trace: ${message}`);
  }

  /** The node's own path goes through here: whatever is wrong with the recorder, it is not the node's trouble. */
  #guard(record: () => void): void {
    if (this.#isBroken) return;
    try {
      record();
    } catch (error) {
      this.#isBroken = true;
      this.#notice(`a fault in the recorder (${(error as Error)?.stack ?? error}); nothing more is recorded`);
    }
  }

  // ---- for the node ----

  opened(opening: Opening): void {
    this.#guard(() => {
      const { directory } = this.#options;
      this.#directory = new RecordingDirectory(directory, opening.id, opening.storeId);
      this.#recorder.opened(opening);
    });
  }

  worked(work: Work, entries: readonly LogEntry[]): void {
    this.#guard(() => this.#recorder.worked(work, entries));
  }

  durable(number: number): void {
    this.#guard(() => this.#recorder.durable(number));
  }

  applied(index: LogIndex): void {
    this.#guard(() => this.#recorder.applied(index));
  }

  served(readIndex: LogIndex, reads: number): void {
    this.#guard(() => this.#recorder.served(readIndex, reads));
  }

  stalled(): void {
    this.#guard(() => this.#recorder.stalled());
  }

  stopped(): void {
    this.#guard(() => this.#recorder.stopped());
  }

  failed(error: unknown): void {
    this.#guard(() => this.#recorder.failed(error));
  }
}
