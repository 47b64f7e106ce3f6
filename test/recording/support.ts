import type { RecordingFile } from "../../shared/recording/read-recording.ts";
import { LineWriter } from "../../shared/recording/record-line.ts";
import type {
  Happening,
  Opener,
  Progress,
  RecordedConfiguration,
  RecordedState,
  Unnumbered,
} from "../../shared/recording/records.ts";
import { RECORDING_FORMAT, RECORDING_VERSION } from "../../shared/recording/records.ts";
import { segmentFileName, shortStore } from "../../shared/recording/segment-name.ts";
import type { Verdict } from "../../shared/recording/verdict.ts";
import { verifyRecordings } from "../../shared/recording/verify.ts";
import { Recordings } from "../../sim/recordings.ts";
import { runSeed } from "../../sim/run-seed.ts";

const utf8 = new TextEncoder();
const text = new TextDecoder();

const emptyState: RecordedState = {
  term: 0,
  leads: false,
  durableTerm: 0,
  vote: null,
  last: 0,
  hash: null,
  runs: [],
  durable: 0,
  commit: 0,
  applied: 0,
  configuration: null,
};

/** A recording written by hand: numbered and chained as it should be, whatever it says. */
export class Tape {
  readonly node: string;
  readonly store: string;
  readonly #segments: Unnumbered[][] = [];

  constructor(node: string, store = `store${node}`) {
    this.node = node;
    this.store = store;
  }

  /** Begins a file. */
  open(
    event: Opener["event"],
    state: Partial<RecordedState> = {},
    { boot = 1, dropped = 0 }: { boot?: number; dropped?: number } = {},
  ): this {
    const { node, store } = this;
    const opener = { event, format: RECORDING_FORMAT, version: RECORDING_VERSION, release: "test" } as const;
    const whole = { ...emptyState, ...state };
    this.#segments.push([
      { wall: 1_700_000_000_000, at: 0, ...opener, node, store, boot, dropped, state: whole },
    ]);
    return this;
  }

  add(...records: (Happening | Progress)[]): this {
    for (const record of records) this.#segments.at(-1)!.push({ wall: 1_700_000_000_000, at: 0, ...record });
    return this;
  }

  /** Takes the newest record away. */
  pop(): this {
    this.#segments.at(-1)!.pop();
    return this;
  }

  files(): MemoryFile[] {
    const lines = new LineWriter({ segment: 0, seq: 0, crc: null });
    return this.#segments.map((records, at) => {
      return new MemoryFile(this.node, this.store, at + 1, lines.write(records));
    });
  }
}

/** A file of a recording, to be read and to be tampered with. */
export class MemoryFile implements RecordingFile {
  readonly node: string;
  readonly store: string;
  readonly segment: number;
  readonly path: string;
  bytes: Uint8Array;

  constructor(node: string, store: string, segment: number, content: string | Uint8Array) {
    this.node = node;
    this.store = shortStore(store);
    this.segment = segment;
    this.path = segmentFileName(node, store, segment);
    this.bytes = typeof content === "string" ? utf8.encode(content) : content;
  }

  static async of(file: RecordingFile): Promise<MemoryFile> {
    const chunks: Uint8Array[] = [];
    for await (const chunk of file.read()) chunks.push(chunk.slice());
    return new MemoryFile(file.node, file.store, file.segment, new Uint8Array(Buffer.concat(chunks)));
  }

  get text(): string {
    return text.decode(this.bytes);
  }

  /** Without the end of the last. */
  get lines(): string[] {
    return this.text.split("\n").slice(0, -1);
  }

  set lines(lines: readonly string[]) {
    this.bytes = utf8.encode(lines.map((line) => `${line}\n`).join(""));
  }

  /** In small pieces, so that lines are torn apart. */
  async *read(): AsyncIterable<Uint8Array> {
    for (let at = 0; at < this.bytes.length; at += 777) yield this.bytes.slice(at, at + 777);
  }
}

export function judge(...recordings: (Tape | readonly RecordingFile[])[]): Promise<Verdict> {
  return verifyRecordings(recordings.flatMap((each) => (each instanceof Tape ? each.files() : [...each])));
}

/** The rules that are broken, each once, in the order in which they were found. */
export function brokenRules(verdict: Verdict): string[] {
  return [...new Set(verdict.findings.map(({ rule }) => rule))];
}

export const cluster: RecordedConfiguration = {
  index: 1,
  clusterId: "cluster",
  voters: [
    ["A", "storeA"],
    ["B", "storeB"],
    ["C", "storeC"],
  ],
};

export function progress(moved: Omit<Progress, "event">): Progress {
  return { event: "progress", ...moved };
}

/** Entries of one term, appended. */
export function entries(first: number, last: number, term: number, hash: string | null = null): Progress {
  return progress({ first, last, runs: [[first, term]], hash });
}

/** What a candidate that wins writes. */
export function wins(node: string, term: number, voters = cluster.voters): Happening[] {
  return [
    { event: "term", term },
    { event: "candidate", term, cause: "timeout" },
    { event: "hard-state", term, vote: node },
    { event: "leader", term, clusterId: cluster.clusterId, voters },
  ];
}

/** What a voter writes that elects `leader` and follows it. */
export function elects(leader: string, term: number): Happening[] {
  return [
    { event: "term", term },
    { event: "hard-state", term, vote: leader },
    { event: "vote-granted", term, to: leader, preVote: false },
    { event: "follows", term, leader },
  ];
}

/** What a node writes that hears of a leader it did not vote for. */
export function hears(leader: string, term: number): Happening[] {
  return [
    { event: "term", term },
    { event: "hard-state", term, vote: null },
    { event: "follows", term, leader },
  ];
}

/** A, B and C; A leads term 1, and all have the entries 1 to 10 committed and applied. */
export function healthy(): [a: Tape, b: Tape, c: Tape] {
  const founding = progress({
    first: 1,
    last: 1,
    runs: [[1, 1]],
    hash: "00000001",
    configurations: [cluster],
    durable: 1,
  });
  const rest = progress({ ...entries(2, 10, 1, "00000010"), durable: 10 });
  const done = progress({ commit: 10, applied: 10 });
  const a = new Tape("A").open("started").add(...wins("A", 1), founding, rest, done);
  const [b, c] = ["B", "C"].map((id) => {
    const tape = new Tape(id).open("started").add(...elects("A", 1), founding);
    return tape.add(rest, progress({ acknowledged: 10 }), done);
  }) as [Tape, Tape];
  return [a, b, c];
}

/** The state that `healthy` leads to at `node`. */
export function healthyState(node: string): RecordedState {
  return {
    term: 1,
    leads: node === "A",
    durableTerm: 1,
    vote: "A",
    last: 10,
    hash: "00000010",
    runs: [[1, 1]],
    durable: 10,
    commit: 10,
    applied: 10,
    configuration: cluster,
  };
}

/** What the nodes of a simulation record: many starts, elections and gaps. */
export async function simulated(seed: number): Promise<MemoryFile[]> {
  const recordings = new Recordings(seed);
  await runSeed(seed, { recordings });
  return await Promise.all(recordings.files().map((file) => MemoryFile.of(file)));
}

/** The same files with other records, numbered and chained as if they had been written so. */
export function rewritten(
  files: readonly MemoryFile[],
  rewrite: (records: Unnumbered[][]) => Unnumbered[][],
): MemoryFile[] {
  const whole = files.filter((file) => file.lines.length > 0);
  const records = whole.map((file) => file.lines.map(unnumbered));
  const lines = new LineWriter({ segment: 0, seq: 0, crc: null });
  return rewrite(records).map((segment, at) => {
    const { node, store } = JSON.parse(whole[Math.min(at, whole.length - 1)]!.lines[0]!) as Opener;
    return new MemoryFile(node, store, at + 1, lines.write(segment));
  });
}

function unnumbered(line: string): Unnumbered {
  const { seq: _seq, crc: _crc, segment: _segment, after: _after, ...record } = JSON.parse(line);
  return record as Unnumbered;
}
