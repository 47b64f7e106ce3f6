import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Clock } from "../shared/node/ports.ts";
import type { NodeRecorder, Opening } from "../shared/node/recorder.ts";
import type { NodeId } from "../shared/raft/types.ts";
import type { RecordingFile } from "../shared/recording/read-recording.ts";
import type { Position } from "../shared/recording/record-line.ts";
import { LineWriter, placeOf } from "../shared/recording/record-line.ts";
import { Recorder } from "../shared/recording/recorder.ts";
import { segmentFileName, shortStore } from "../shared/recording/segment-name.ts";
import { Random } from "./random.ts";

/** Small, so that even a short run fills several. */
const segmentCharacters = 20_000;
/** Virtual milliseconds for which progress is gathered, as on a real node. */
const gatherMs = 100;
/** Now and then a disk that holds recordings takes nothing for a while. */
const failureChance = 0.002;
const longestFailureMs = 3000;
/** A process that ends may leave its last line half written. */
const cutChance = 0.3;

const utf8 = new TextEncoder();

/**
 * What the nodes of a simulation record, in the form of real recordings: with what a crash loses of them, with files
 * that fill up, and with times in which nothing can be written. Its chance is its own: a run is the same without it.
 */
export class Recordings {
  readonly #random: Random;
  readonly #disks = new Map<NodeId, RecordingDisk>();

  constructor(seed: number) {
    this.#random = new Random(seed, "recordings");
  }

  /** For one run of a node. */
  recorder(id: NodeId, clock: Clock): NodeRecorder {
    const disk = this.#disks.get(id) ?? new RecordingDisk(this.#random.fork(id));
    this.#disks.set(id, disk);
    return disk.start(clock);
  }

  /** The process of `id` has ended, however that came. */
  ended(id: NodeId): void {
    this.#disks.get(id)?.end();
  }

  files(): RecordingFile[] {
    return [...this.#disks.values()].flatMap((disk) => disk.files());
  }

  /** Puts the files where `raft-lite verify` finds them: a directory for each node below `directory`. */
  async write(directory: string): Promise<void> {
    for (const [id, disk] of this.#disks) {
      mkdirSync(join(directory, id), { recursive: true });
      for (const file of disk.files()) {
        for await (const bytes of file.read()) writeFileSync(join(directory, file.path), bytes);
      }
    }
  }
}

/** The files of one node. */
class RecordingDisk {
  readonly #random: Random;
  readonly #segments: string[] = [];
  #name: { readonly node: NodeId; readonly store: string } | null = null;
  #running: RecordingProcess | null = null;

  constructor(random: Random) {
    this.#random = random;
  }

  start(clock: Clock): NodeRecorder {
    const running = new RecordingProcess(clock, this.#random, this);
    this.#running = running;
    return running.recorder;
  }

  end(): void {
    this.#running?.end();
    this.#running = null;
  }

  opened({ id, storeId }: Opening): void {
    this.#name = { node: id, store: storeId };
  }

  /** After the last whole line. */
  position(): Position {
    const segment = this.#segments.length;
    for (let at = segment - 1; at >= 0; at--) {
      const line = this.#segments[at]!.split("\n").slice(0, -1).at(-1);
      const place = line === undefined ? null : placeOf(utf8.encode(line));
      if (place !== null) return { segment, seq: place.seq + 1, crc: place.crc };
    }
    return { segment, seq: 0, crc: null };
  }

  /** Returns whether the file is full. */
  append(text: string, isNew: boolean): boolean {
    if (isNew) this.#segments.push("");
    const at = this.#segments.length - 1;
    this.#segments[at] += text;
    return this.#segments[at]!.length >= segmentCharacters;
  }

  /** So many characters at the end are not there. */
  cut(characters: number): void {
    const at = this.#segments.length - 1;
    if (at >= 0 && characters > 0) this.#segments[at] = this.#segments[at]!.slice(0, -characters);
  }

  files(): RecordingFile[] {
    const name = this.#name;
    if (name === null) return [];
    return this.#segments.map((text, at) => ({
      node: name.node,
      store: shortStore(name.store),
      segment: at + 1,
      path: join(name.node, segmentFileName(name.node, name.store, at + 1)),
      async *read() {
        yield utf8.encode(text);
      },
    }));
  }
}

/** What one run of a node writes. */
class RecordingProcess {
  readonly recorder: NodeRecorder;
  readonly #recorder: Recorder;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #disk: RecordingDisk;
  #lines: LineWriter | null = null;
  #isAlive = true;
  #gatheredSince: number | null = null;
  #failsUntil = 0;
  #lastWrite = 0;

  constructor(clock: Clock, random: Random, disk: RecordingDisk) {
    this.#clock = clock;
    this.#random = random;
    this.#disk = disk;
    this.#recorder = new Recorder({ clock, release: "simulated", onRecord: (urgent) => this.#wake(urgent) });
    this.recorder = onlyWhile(this.#recorder, () => this.#isAlive);
    const { opened } = this.recorder;
    this.recorder.opened = (opening) => {
      disk.opened(opening);
      opened(opening);
    };
  }

  end(): void {
    this.#isAlive = false;
    if (this.#random.chance(cutChance)) this.#disk.cut(this.#random.int(0, this.#lastWrite));
  }

  #wake(urgent: boolean): void {
    const now = this.#clock.now();
    this.#gatheredSince ??= now;
    if (urgent || now - this.#gatheredSince >= gatherMs) this.#write(now);
  }

  #write(now: number): void {
    if (now < this.#failsUntil) return;
    if (this.#recorder.isPaused) {
      this.#recorder.resume();
      this.#lines = null;
    }
    this.#gatheredSince = null;
    this.#lines ??= new LineWriter(this.#disk.position());
    const records = this.#recorder.take();
    if (records[0] === undefined) return;
    if (this.#random.chance(failureChance)) {
      this.#recorder.pause(records.length);
      this.#failsUntil = now + this.#random.between(1, longestFailureMs);
      return;
    }
    const text = this.#lines.write(records);
    this.#lastWrite = text.length;
    if (this.#disk.append(text, "format" in records[0])) this.#recorder.rotate();
  }
}

/** A process that has ended says nothing more, whatever of it is still under way. */
function onlyWhile(recorder: Recorder, isAlive: () => boolean): NodeRecorder {
  const when = <Args extends unknown[]>(tell: (...args: Args) => void) => {
    return (...args: Args) => {
      if (isAlive()) tell(...args);
    };
  };
  return {
    opened: when((opening) => recorder.opened(opening)),
    worked: when((work, entries) => recorder.worked(work, entries)),
    durable: when((number) => recorder.durable(number)),
    applied: when((index) => recorder.applied(index)),
    served: when((readIndex, reads) => recorder.served(readIndex, reads)),
    stalled: when(() => recorder.stalled()),
    stopped: when(() => recorder.stopped()),
    failed: when((error) => recorder.failed(error)),
  };
}
