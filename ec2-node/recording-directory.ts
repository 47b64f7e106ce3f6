import { mkdir, open, readdir, stat, unlink } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Position } from "../shared/recording/record-line.ts";
import { placeOf } from "../shared/recording/record-line.ts";
import { parseSegmentFileName, segmentFileName, shortStore } from "../shared/recording/segment-name.ts";

/** More than a whole file: what a power failure left at its end may be long. */
const tailBytes = 1 << 23;
/** A node that starts over and over leaves a small file each time. */
const mostFiles = 256;
const newline = 0x0a;

/** The directory that holds the recording of one node, among other things. Everything here is off the event loop. */
export class RecordingDirectory {
  readonly path: string;
  readonly #node: string;
  readonly #store: string;

  constructor(path: string, node: string, store: string) {
    this.path = path;
    this.#node = node;
    this.#store = store;
  }

  fileOf(segment: number): string {
    return join(this.path, segmentFileName(this.#node, this.#store, segment));
  }

  /** Where the next record belongs: after the last whole line that is there. Makes the directory if it is missing. */
  async position(): Promise<Position> {
    await makeMissing(this.path);
    const segments = await this.#segments();
    const segment = segments.at(-1) ?? 0;
    for (const each of segments.reverse()) {
      const place = await this.#lastPlace(each);
      if (place !== null) return { segment, seq: place.seq + 1, crc: place.crc };
    }
    return { segment, seq: 0, crc: null };
  }

  /** Removes the oldest files, but never the newest, until what is left takes `bytes` at most. Returns what it takes. */
  async prune(bytes: number): Promise<number> {
    const segments = await this.#segments();
    const sizes = await Promise.all(segments.map(async (segment) => (await stat(this.fileOf(segment))).size));
    let total = sizes.reduce((sum, size) => sum + size, 0);
    for (const [at, segment] of segments.slice(0, -1).entries()) {
      if (total <= bytes && segments.length - at <= mostFiles) break;
      await unlink(this.fileOf(segment));
      total -= sizes[at]!;
    }
    return total;
  }

  /** Numbers of the files of this recording, rising. */
  async #segments(): Promise<number[]> {
    const names = await readdir(this.path);
    return names
      .map(parseSegmentFileName)
      .filter((name) => name?.node === this.#node && name.store === shortStore(this.#store))
      .map((name) => name!.segment)
      .sort((a, b) => a - b);
  }

  /** null when the file holds no whole line. */
  async #lastPlace(segment: number): Promise<{ seq: number; crc: string } | null> {
    const file = await open(this.fileOf(segment), "r");
    try {
      const { size } = await file.stat();
      const length = Math.min(size, tailBytes);
      const { buffer } = await file.read(Buffer.alloc(length), 0, length, size - length);
      const end = buffer.lastIndexOf(newline);
      if (end <= 0) return null;
      const start = buffer.lastIndexOf(newline, end - 1) + 1;
      return placeOf(buffer.subarray(start, end));
    } finally {
      await file.close();
    }
  }
}

/** With what is missing above it. Not by `recursive`: see make-directory.ts. What is wrong is told by its first use. */
async function makeMissing(directory: string): Promise<void> {
  try {
    await mkdir(directory, { mode: 0o700 });
  } catch (error) {
    const parent = dirname(directory);
    if ((error as NodeJS.ErrnoException).code !== "ENOENT" || parent === directory) return;
    await makeMissing(parent);
    await mkdir(directory, { mode: 0o700 }).catch(() => {});
  }
}
