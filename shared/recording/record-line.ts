import { crc32c } from "../storage/crc32c.ts";
import { hashText } from "./content-hash.ts";
import type { Unnumbered } from "./records.ts";

/**
 * A record as a line. Each ends with a checksum over itself and the checksum of the line before, so that a line cannot
 * be changed, removed, added or moved without a trace. Files stand by themselves: the chain begins anew with each, and
 * its first line names the checksum that ended the file before.
 */

/** `,"crc":"01234567"}` at the end of each line. */
const sealBytes = 18;
const sealStart = ',"crc":"';

const utf8 = new TextEncoder();
const strictUtf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Where the next record goes. */
export interface Position {
  /** Number of the file under way; its first record is an opener. */
  readonly segment: number;
  /** Of the next record. */
  readonly seq: number;
  /** Checksum of the last line; null before the very first. */
  readonly crc: string | null;
}

/** Numbers records and chains them. */
export class LineWriter {
  #segment: number;
  #seq: number;
  #crc: string | null;

  /** `segment`: of the last file that is there; 0 when there is none. The first record to come is an opener. */
  constructor({ segment, seq, crc }: Position) {
    this.#segment = segment;
    this.#seq = seq;
    this.#crc = crc;
  }

  /** Of the file that the last opener began. */
  get segment(): number {
    return this.#segment;
  }

  /** The records' lines, each with its end. */
  write(records: readonly Unnumbered[]): string {
    let text = "";
    for (const record of records) text += this.#line(record);
    return text;
  }

  #line(record: Unnumbered): string {
    const seq = this.#seq++;
    let before = this.#crc === null ? 0 : Number.parseInt(this.#crc, 16);
    let placed: object = { seq, ...record };
    if ("format" in record) {
      before = 0;
      const { wall, at, event, state, ...rest } = record;
      placed = { seq, wall, at, event, ...rest, segment: ++this.#segment, after: this.#crc, state };
    }
    const open = JSON.stringify(placed).slice(0, -1);
    this.#crc = hashText(crc32c(utf8.encode(open), before));
    return `${open}${sealStart}${this.#crc}"}\n`;
  }
}

/** A line that is what was written after the line before it. */
export interface ReadLine {
  /** Parsed, not yet known to be a record. */
  readonly value: unknown;
  readonly crc: string;
}

/** `before`: the checksum of the line before, null at the front of a file. null when the line is anything else. */
export function readLine(line: Uint8Array, before: string | null): ReadLine | null {
  const sealed = sealOf(line);
  if (sealed === null) return null;
  const expected = crc32c(
    line,
    before === null ? 0 : Number.parseInt(before, 16),
    0,
    line.length - sealBytes,
  );
  if (hashText(expected) !== sealed) return null;
  return { value: parsed(line), crc: sealed };
}

/** What a line says of its place; null when it is none of ours. Its checksum cannot be verified without those before. */
export function placeOf(line: Uint8Array): { readonly seq: number; readonly crc: string } | null {
  const crc = sealOf(line);
  const value = crc === null ? undefined : parsed(line);
  const seq = typeof value === "object" && value !== null && "seq" in value ? value.seq : undefined;
  return crc !== null && typeof seq === "number" && Number.isSafeInteger(seq) ? { seq, crc } : null;
}

function sealOf(line: Uint8Array): string | null {
  if (line.length < sealBytes) return null;
  const [, crc] = /^,"crc":"([0-9a-f]{8})"\}$/.exec(latin1(line.subarray(-sealBytes))) ?? [];
  return crc ?? null;
}

function latin1(bytes: Uint8Array): string {
  return String.fromCharCode(...bytes);
}

/** undefined when it is not JSON. */
function parsed(line: Uint8Array): unknown {
  try {
    return JSON.parse(strictUtf8.decode(line));
  } catch {
    return undefined;
  }
}
