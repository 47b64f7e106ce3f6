import { RaftLiteError } from "../errors.ts";
import type { Evidence } from "./evidence.ts";
import type { Where } from "./findings.ts";
import { whereOf } from "./findings.ts";
import { placeOf, readLine } from "./record-line.ts";
import { foreignVersion, recordProblem } from "./record-shapes.ts";
import type { FlightRecord, Opener } from "./records.ts";
import { isOpener, RECORDING_VERSION } from "./records.ts";
import type { SegmentLine } from "./segment-lines.ts";
import { longestLine, segmentLines } from "./segment-lines.ts";
import type { SegmentName } from "./segment-name.ts";
import { shortStore } from "./segment-name.ts";

/** A file of a recording, wherever it is kept. */
export interface RecordingFile extends SegmentName {
  /** As people find it. */
  readonly path: string;
  /** Its bytes from the beginning; every call reads them anew. */
  read(): AsyncIterable<Uint8Array>;
}

/** A file with the number under which its lines are known. */
export interface NumberedFile extends RecordingFile {
  readonly number: number;
}

/**
 * Reads the files of one recording in their order and hands out its records, each verified to be what was written
 * after the one before. Stops at the first that is not: nothing behind it can be trusted.
 *
 * A file may end in the middle of a line: the process was killed, or the disk was full. That is a gap, and the file
 * after it begins where the last whole line ended.
 */
export class RecordingReader {
  readonly #evidence: Evidence;
  readonly #take: (record: FlightRecord, where: Where) => void;
  #records = 0;
  #last: FlightRecord | null = null;
  #lastWhere: Where = 0;
  #lastCrc: string | null = null;
  /** Of the line before in the same file; null at its front. */
  #crc: string | null = null;
  #isWhole = true;
  /** The very first file is there: what no line of it tells has not been. */
  #fromFirst = false;

  constructor(evidence: Evidence, take: (record: FlightRecord, where: Where) => void) {
    this.#evidence = evidence;
    this.#take = take;
  }

  get records(): number {
    return this.#records;
  }

  get last(): FlightRecord | null {
    return this.#last;
  }

  /** All was read to the end of a record. */
  get isWhole(): boolean {
    return this.#isWhole;
  }

  /** Of the last record. */
  get lastWhere(): Where {
    return this.#lastWhere;
  }

  /** Throws `recording-too-new` when a newer release wrote it, and what reading throws. */
  async read(files: readonly NumberedFile[]): Promise<void> {
    let before: NumberedFile | null = null;
    this.#fromFirst = files[0]?.segment === 1;
    for (const file of files) {
      if (before !== null && file.segment !== before.segment + 1) {
        this.#break(file, 1, `between files ${before.segment} and ${file.segment} at least one is missing`);
        return;
      }
      before = file;
      this.#crc = null;
      for await (const lines of segmentLines(file.read())) {
        for (const line of lines) if (!this.#line(file, line)) return;
      }
    }
  }

  /** Returns whether to go on. */
  #line(file: NumberedFile, line: SegmentLine): boolean {
    const { number, bytes, isWhole, isTooLong } = line;
    const where = whereOf(file.number, number);
    this.#isWhole = isWhole;
    if (isTooLong)
      return this.#break(file, number, `this is longer than any record: ${longestLine} bytes and more`);
    if (!isWhole) {
      this.#evidence.gap("tail", `${file.node}: a file ends in the middle of a record`, where);
      return true;
    }
    const read = readLine(bytes, this.#crc);
    if (read === null) return this.#break(file, number, this.#whatIsWrong(bytes));
    const version = number === 1 ? foreignVersion(read.value) : null;
    if (version !== null) throw tooNew(file, version);
    const problem = recordProblem(read.value);
    if (problem !== null) return this.#break(file, number, `this is no record: ${problem}`);
    const record = read.value as FlightRecord;
    const misplaced = this.#misplaced(file, number, record);
    if (misplaced !== null) return this.#break(file, number, misplaced);
    this.#records++;
    this.#crc = read.crc;
    this.#lastCrc = read.crc;
    this.#last = record;
    this.#lastWhere = where;
    this.#take(record, where);
    return true;
  }

  /** A record that is what was written, in another place; null when it is in its own. */
  #misplaced(file: NumberedFile, line: number, record: FlightRecord): string | null {
    if (isOpener(record) !== (line === 1)) return "a file begins with its opener, and has no other";
    if (this.#last !== null && record.seq !== this.#last.seq + 1) {
      return `record ${record.seq} comes after record ${this.#last.seq}`;
    }
    return isOpener(record) ? this.#misplacedFile(file, record) : null;
  }

  #misplacedFile(file: NumberedFile, { node, store, segment, after }: Opener): string | null {
    if (node !== file.node || shortStore(store) !== file.store || segment !== file.segment) {
      return `this is file ${segment} of node ${node}, store ${store}, under another name`;
    }
    const isAfterAll = this.#last !== null || (this.#fromFirst && segment > 1);
    if (isAfterAll && after !== this.#lastCrc) {
      return "the file before does not end with the record that this one follows";
    }
    return null;
  }

  #whatIsWrong(line: Uint8Array): string {
    const place = placeOf(line);
    if (place !== null && this.#last !== null && place.seq !== this.#last.seq + 1) {
      return `record ${place.seq} comes after record ${this.#last.seq}: records are missing, or not in their order`;
    }
    return "this is not what was written after the record before";
  }

  #break(file: NumberedFile, line: number, message: string): false {
    this.#isWhole = false;
    const where = whereOf(file.number, line);
    const records = this.#last === null ? [where] : [this.#lastWhere, where];
    this.#evidence.findings.add("recording-chain", `${file.node}: ${message}`, ...records);
    this.#evidence.gap("untold", `${file.node} is judged up to there only`, where);
    return false;
  }
}

function tooNew({ path }: RecordingFile, version: number): RaftLiteError {
  return new RaftLiteError(
    "recording-too-new",
    `${path} is a recording of version ${version}, and this release reads version ${RECORDING_VERSION}: ` +
      "verify it with the release that wrote it, or a newer one.",
    { details: { path, version } },
  );
}
