import type { EntryKind, LogIndex } from "../raft/types.ts";
import { crc32c, crc32cOfBody } from "../storage/crc32c.ts";
import type { LogEntry } from "../storage/entry.ts";
import { bodyOf } from "../storage/entry-row.ts";

/**
 * What entries hold, as 32 bits. The log is cut into blocks of `BLOCK_ENTRIES`; the hash at an index is a CRC-32C over
 * everything in its block up to it, each entry with its index and term. So two nodes can compare wherever both know a
 * hash, every entry counts at the next end of a block, and a node that starts needs to read one block at most.
 */

export const BLOCK_ENTRIES = 64;

/** Hashes are kept for this many of the newest entries: a log is cut back there, hardly ever before. */
const kept = 4096;

const kindNumbers: Readonly<Record<EntryKind, number>> = { noop: 1, configuration: 2, command: 3 };
/** Seven numbers, then the id of the node that took the command: 32 characters of ASCII at most. */
const numberBytes = 7 * 8;
const header = new DataView(new ArrayBuffer(numberBytes + 32));
const headerBytes = new Uint8Array(header.buffer);

/** Index of the first entry of the block that holds `index`. */
export function blockStart(index: LogIndex): LogIndex {
  return index - ((index - 1) % BLOCK_ENTRIES);
}

export function isBlockEnd(index: LogIndex): boolean {
  return index % BLOCK_ENTRIES === 0;
}

/** The hash at every recent index of a log that grows, and is cut back now and then. */
export class ContentHash {
  #last: LogIndex = 0;
  /** null: the beginning of the last entry's block was not seen. */
  #hash: number | null = null;
  /** The hash at `index` is at `index % kept`, for the indexes from `#keptFrom` on. */
  readonly #ring = new Uint32Array(kept);
  #keptFrom: LogIndex = 1;

  /** At the last entry; null when it is not known, or there is none. */
  get hash(): number | null {
    return this.#hash;
  }

  /** Goes to a place in the log without knowing what is there. */
  skipTo(index: LogIndex): void {
    this.#last = index;
    this.#hash = null;
    this.#keptFrom = index + 1;
  }

  append(entry: LogEntry): void {
    const { index } = entry;
    this.#last = index;
    if (index % BLOCK_ENTRIES === 1) this.#hash = 0;
    if (this.#hash === null) {
      this.#keptFrom = index + 1;
      return;
    }
    this.#hash = hashEntry(entry, this.#hash);
    this.#ring[index % kept] = this.#hash;
    this.#keptFrom = Math.max(this.#keptFrom, index - kept + 1);
  }

  /** Forgets the entry at `from` and everything after it. */
  truncate(from: LogIndex): void {
    const last = from - 1;
    if (last >= this.#last) return;
    this.#last = last;
    this.#hash = last >= this.#keptFrom ? this.#ring[last % kept]! : null;
    this.#keptFrom = Math.min(this.#keptFrom, from);
  }
}

export function hashText(hash: number): string {
  return hash.toString(16).padStart(8, "0");
}

function hashEntry(entry: LogEntry, before: number): number {
  const { origin, schema, time } = entry.data;
  header.setFloat64(0, entry.index, true);
  header.setFloat64(8, entry.term, true);
  header.setFloat64(16, kindNumbers[entry.kind], true);
  header.setFloat64(24, schema, true);
  header.setFloat64(32, time, true);
  header.setFloat64(40, origin?.boot ?? 0, true);
  header.setFloat64(48, origin?.sequence ?? 0, true);
  const node = origin?.node ?? "";
  for (let at = 0; at < node.length; at++) headerBytes[numberBytes + at] = node.charCodeAt(at);
  return crc32cOfBody(bodyOf(entry), crc32c(headerBytes, before, 0, numberBytes + node.length));
}
