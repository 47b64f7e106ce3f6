import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { findRecordings } from "../ec2-node/find-recordings.ts";
import { FlightRecorder } from "../ec2-node/flight-recorder.ts";
import type { NodeRecorder, Opening } from "../shared/node/recorder.ts";
import type { Work } from "../shared/raft/types.ts";
import { LineWriter } from "../shared/recording/record-line.ts";
import { Recorder } from "../shared/recording/recorder.ts";
import { segmentFileName } from "../shared/recording/segment-name.ts";
import { verifyRecordings } from "../shared/recording/verify.ts";
import type { LogEntry } from "../shared/storage/entry.ts";

/**
 * What the flight recorder costs a node, how fast its files grow, and what it takes to judge them.
 *
 *     node bench/flight-recorder.ts [--rounds 7] [--verify]
 *
 * The first table is the processor time of the node's own path, per put of 256 bytes, for groups of several sizes; the
 * columns take turns, round by round: nothing recorded, the recorder alone, and with its files written beside it.
 * `--verify` also writes five recordings of 64 MB of a busy cluster and judges them.
 */
const { values } = parseArgs({
  options: {
    rounds: { type: "string", default: "7" },
    verify: { type: "boolean", default: false },
    judge: { type: "string" },
  },
});
const rounds = Number(values.rounds);
const putsPerRound = 200_000;
const bytes = new Uint8Array(256).fill(120);
const realClock = { now: () => performance.now(), wallTime: () => Date.now() };

const voters = ["A", "B", "C", "D", "E"].map((id) => ({
  id,
  storeId: `store${id}`,
  address: `http://${id}`,
}));
const configuration = { clusterId: "cluster", slots: voters };

function openingOf(id: string): Opening {
  return {
    id,
    storeId: `store${id}`,
    boot: 1,
    clusterId: null,
    hardState: { term: 0, votedFor: null },
    lastIndex: 0,
    runs: [],
    applied: 0,
    configurations: [],
    read: () => [],
  };
}

function entryOf(index: number): LogEntry {
  const origin = { node: "A", boot: 1, sequence: index, floor: 0 };
  const data = { time: 1, origin, schema: 1, bytes };
  return { index, term: 1, kind: "command", size: bytes.length, ordinal: index - 1, data };
}

const quiet: Work = {
  send: [],
  sendAfter: [],
  trace: [],
  commit: null,
  reads: [],
  deadline: 0,
  persist: null,
};

/** Tells a recorder what a leader's node tells it, group by group: appended, durable, committed, applied. */
class Leader {
  readonly #recorder: NodeRecorder;
  #last = 0;
  #write = 0;

  constructor(recorder: NodeRecorder, id = "A") {
    this.#recorder = recorder;
    recorder.opened(openingOf(id));
    const follows =
      id === "A"
        ? ({ type: "leader", term: 1 } as const)
        : ({ type: "follows", term: 1, leader: "A" } as const);
    const term = { type: "term", term: 1 } as const;
    recorder.worked({ ...quiet, trace: [term], persist: this.#persist([], "A") }, []);
    recorder.durable(this.#write);
    const first: LogEntry = { ...entryOf(1), kind: "configuration", configuration };
    this.#group([first], [follows]);
  }

  #persist(entries: readonly LogEntry[], vote?: string): Work["persist"] {
    this.#write++;
    return { number: this.#write, entries, ...(vote && { hardState: { term: 1, votedFor: vote } }) };
  }

  puts(entries: readonly LogEntry[]): void {
    this.#group(entries);
  }

  #group(entries: readonly LogEntry[], trace: Work["trace"] = []): void {
    const previous = this.#last;
    this.#last = entries[entries.length - 1]!.index;
    this.#recorder.worked({ ...quiet, trace, persist: this.#persist(entries) }, entries);
    this.#recorder.durable(this.#write);
    const committed = { type: "committed", index: this.#last, previous } as const;
    this.#recorder.worked({ ...quiet, trace: [committed] }, []);
    this.#recorder.applied(this.#last);
  }
}

const nothing: NodeRecorder = {
  opened() {},
  worked() {},
  durable() {},
  applied() {},
  served() {},
  stalled() {},
  stopped() {},
  failed() {},
};

/** Groups of entries that exist already: their making is not to be measured. */
function groupsOf(size: number): LogEntry[][] {
  return Array.from({ length: putsPerRound / size }, (_, group) =>
    Array.from({ length: size }, (_each, at) => entryOf(2 + group * size + at)),
  );
}

/** Nanoseconds of this process's processor time per put. */
async function costOf(groups: readonly LogEntry[][], recorder: NodeRecorder): Promise<number> {
  const leader = new Leader(recorder);
  const begin = process.cpuUsage();
  let sinceBreath = performance.now();
  for (const group of groups) {
    leader.puts(group);
    // As often as a loop that has other things to do: timers and finished writes get their turn.
    if (performance.now() - sinceBreath > 5) {
      await new Promise((resolve) => setImmediate(resolve));
      sinceBreath = performance.now();
    }
  }
  const { user, system } = process.cpuUsage(begin);
  return ((user + system) * 1000) / putsPerRound;
}

async function measure(): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), "raft-lite-bench-"));
  console.log("group   nothing   recorder alone   with files      (ns of processor time per put, median)");
  try {
    for (const size of [1, 16, 64, 256]) {
      const groups = groupsOf(size);
      const costs: [number[], number[], number[]] = [[], [], []];
      for (let round = 0; round < rounds; round++) {
        costs[0].push(await costOf(groups, nothing));
        const alone = new Recorder({ clock: realClock, release: "bench", onRecord: () => {} });
        costs[1].push(await costOf(groups, alone));
        const path = join(directory, `${size}-${round}`);
        const files = new FlightRecorder({
          directory: path,
          clock: realClock,
          release: "bench",
          onNotice: console.error,
        });
        costs[2].push(await costOf(groups, files));
        await files.close();
      }
      const [bare, alone, files] = costs.map(median);
      const columns = [String(size).padEnd(8), `${bare}`.padEnd(10), `${alone}`.padEnd(17), `${files}`];
      console.log(columns.join(""));
    }
  } finally {
    rmSync(directory, { recursive: true });
  }
}

function median(numbers: readonly number[]): number {
  return Math.round([...numbers].sort((a, b) => a - b)[numbers.length >> 1]!);
}

/** Bytes that an hour takes, by a clock that is not waited for. */
function hourly(putsPerSecond: number): number {
  let now = 0;
  const clock = { now: () => now, wallTime: () => 1_700_000_000_000 + Math.floor(now) };
  const recorder = new Recorder({ clock, release: "bench", onRecord: () => {} });
  const leader = new Leader(recorder);
  const lines = new LineWriter({ segment: 0, seq: 0, crc: null });
  lines.write(recorder.take());
  let written = 0;
  let index = 1;
  const minutes = 2;
  for (; now < minutes * 60_000; now += 100) {
    for (let each = 0; each < putsPerSecond / 10; each++) leader.puts([entryOf(++index)]);
    written += lines.write(recorder.take()).length;
  }
  return (written / minutes) * 60;
}

/**
 * Five recordings of `megabytes` each, of a cluster that takes some 200 puts a second: at this rate most records, and
 * most different hashes, fit into a file. No two nodes have the same groups, as on real ones.
 */
function writeRecordings(directory: string, megabytes: number): void {
  for (const [position, { id }] of voters.entries()) {
    let now = 0;
    const clock = { now: () => now, wallTime: () => 1_700_000_000_000 + Math.floor(now) };
    const recorder = new Recorder({ clock, release: "bench", onRecord: () => {} });
    const leader = new Leader(recorder, id);
    const lines = new LineWriter({ segment: 0, seq: 0, crc: null });
    mkdirSync(join(directory, id), { recursive: true });
    let index = 1;
    let text = "";
    for (let total = 0; total < megabytes * 1e6; now += 100) {
      leader.puts(Array.from({ length: 19 + position }, () => entryOf(++index)));
      const more = lines.write(recorder.take());
      text += more;
      total += more.length;
      if (text.length < 4e6 && total < megabytes * 1e6) continue;
      writeFileSync(join(directory, id, segmentFileName(id, `store${id}`, lines.segment)), text);
      text = "";
      recorder.rotate();
    }
  }
}

/** In a process of its own, so that its memory is that of `raft-lite verify`. */
async function measureVerify(): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), "raft-lite-bench-"));
  try {
    writeRecordings(directory, 64);
    const { status } = spawnSync(process.execPath, [import.meta.filename, "--judge", directory], {
      stdio: "inherit",
    });
    if (status !== 0) throw new Error(`--judge: exit code ${status}`);
  } finally {
    rmSync(directory, { recursive: true });
  }
}

async function judge(directory: string): Promise<void> {
  const begin = performance.now();
  const files = await findRecordings([directory]);
  const { accepted, findings, recordings, clusters } = await verifyRecordings(files);
  const seconds = ((performance.now() - begin) / 1000).toFixed(1);
  const { maxRSS, userCPUTime } = process.resourceUsage();
  const records = recordings.reduce((sum, recording) => sum + recording.records, 0);
  console.log(
    `verify: 5 recordings of 64 MB, ${records} records, ${clusters[0]?.commit} entries: ` +
      `${accepted ? "accepted" : findings[0]?.message} after ${seconds} s ` +
      `(${(userCPUTime / 1e6).toFixed(1)} s of processor time), ${Math.round(maxRSS / 1024)} MiB at most`,
  );
}

if (values.judge === undefined) {
  await measure();
  for (const rate of [0, 100, 1000, 10_000]) {
    console.log(`${rate ? "" : "\n"}an hour of ${rate} puts a second: ${(hourly(rate) / 1e6).toFixed(1)} MB`);
  }
  if (values.verify) await measureVerify();
} else {
  await judge(values.judge);
}
