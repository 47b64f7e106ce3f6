import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { EntryStep, NodeEvent } from "../../shared/node/events.ts";
import { LogLines } from "../../shared/node/log-lines.ts";

interface Log {
  readonly lines: string[];
  report(now: number, ...traces: NodeEvent["trace"][]): void;
  poll(now: number): void;
  count(step: EntryStep, count: number, ordinal: number, leader: boolean, now: number): boolean;
}

function logOf(id: string, options: { format?: "text" | "json"; verbose?: boolean } = {}): Log {
  const lines: string[] = [];
  const log = new LogLines({
    id,
    format: options.format ?? "text",
    verbose: options.verbose ?? false,
    wallTime: () => Date.UTC(2026, 10, 21, 12),
    write: (line) => lines.push(line),
  });
  return {
    lines,
    report(now, ...traces) {
      for (const trace of traces) log.report({ now, trace });
    },
    poll: (now) => log.poll(now),
    count: log.count.bind(log),
  };
}

const appended = (ordinal: number, leader: boolean, cmd = `SET x=${ordinal}`): NodeEvent["trace"] => ({
  type: "entry-appended",
  leader,
  term: 3,
  ordinal,
  cmd,
});
const committed = (ordinal: number, leader = true): NodeEvent["trace"] => ({
  type: "entry-committed",
  leader,
  ordinal,
  index: ordinal + 2,
});
const applied = (ordinal: number, cmd = `SET x=${ordinal}`): NodeEvent["trace"] => ({
  type: "entry-applied",
  ordinal,
  cmd,
});

describe("the lab's lines, to the letter", () => {
  test.each<[string, string, NodeEvent["trace"]]>([
    ["[Node B] Started on port 8001", "B", { type: "started", port: 8001 }],
    [
      "[Node B] Started on port 7000, for clients on port 8000",
      "B",
      { type: "started", port: 7000, clientPort: 8000 },
    ],
    ["[Node B] Timeout → Candidate (term 3)", "B", { type: "candidate", term: 3, cause: "timeout" }],
    ["[Node B] Vote received from A", "B", { type: "vote-received", term: 3, from: "A", preVote: false }],
    ["[Node B] Became Leader (term 3)", "B", { type: "leader", term: 3 }],
    ["[Leader B] Append log entry SET x=5", "B", appended(0, true, "SET x=5")],
    ['[Node A] Append log {"term":3,"cmd":"SET x=5"}', "A", appended(0, false, "SET x=5")],
    ["[Leader B] Entry committed (index=0)", "B", committed(0)],
    ["[Node A] Apply → SET x=5", "A", applied(0, "SET x=5")],
    ["[Node A] Follows B (term 3)", "A", { type: "follows", term: 3, leader: "B" }],
  ])("%s", (line, id, trace) => {
    const log = logOf(id);
    log.report(0, trace);
    expect(log.lines).toEqual([line]);
  });

  test("a candidacy has its line whatever its cause", () => {
    const log = logOf("B");
    for (const cause of ["timeout", "peer-lost", "transfer"] as const) {
      log.report(0, { type: "candidate", term: 4, cause });
    }
    expect(log.lines).toEqual(Array(3).fill("[Node B] Timeout → Candidate (term 4)"));
  });

  test("a pre-vote prints nothing, and with --verbose nothing that reads like an election", () => {
    const preVote: NodeEvent["trace"][] = [
      { type: "pre-candidate", term: 3, cause: "timeout" },
      { type: "vote-received", term: 3, from: "A", preVote: true },
      { type: "vote-granted", term: 3, to: "A", preVote: true },
      { type: "vote-refused", term: 3, to: "A", preVote: true, reason: "leader-alive" },
    ];
    const quiet = logOf("B");
    quiet.report(0, ...preVote);
    expect(quiet.lines).toEqual([]);
    const verbose = logOf("B", { verbose: true });
    verbose.report(0, ...preVote);
    expect(verbose.lines).toHaveLength(4);
    expect(verbose.lines.join("\n")).not.toMatch(/Candidate|Vote received|Timeout|Leader/);
  });

  test("a follower's commit is its Apply line", () => {
    const log = logOf("A");
    log.report(0, committed(0, false));
    expect(log.lines).toEqual([]);
  });
});

test("control characters are escaped, in text and in JSON", () => {
  const cmd = "SET x=\u001b[31m\nred\u0085\u009b1m\u2028\u2029\u007f\u0000\u202eabc";
  const escaped = "SET x=\\u001b[31m\\nred\\u0085\\u009b1m\\u2028\\u2029\\u007f\\u0000\\u202eabc";
  const leader = logOf("B");
  leader.report(0, appended(0, true, cmd), applied(0, cmd));
  expect(leader.lines).toEqual([`[Leader B] Append log entry ${escaped}`, `[Node B] Apply → ${escaped}`]);

  const follower = logOf("A");
  follower.report(0, appended(0, false, cmd));
  expect(follower.lines).toEqual([`[Node A] Append log {"term":3,"cmd":"${escaped}"}`]);
  expect(JSON.parse(follower.lines[0]!.replace("[Node A] Append log ", ""))).toEqual({ term: 3, cmd });

  const json = logOf("A", { format: "json" });
  json.report(0, applied(0, cmd), {
    type: "refused",
    peer: "X\n",
    address: null,
    code: "c",
    message: "a\nb",
  });
  for (const line of json.lines) expect(line).toMatch(/^[^\p{Cc}\u2028\u2029\u202e]*$/u);
  expect(JSON.parse(json.lines[0]!)).toMatchObject({ event: "entry-applied", cmd });
});

test("a very long command does not make a very long line", () => {
  const log = logOf("A");
  log.report(0, applied(0, `SET x=${"y".repeat(1_000_000)}`));
  expect(log.lines[0]!.length).toBeLessThan(1100);
  expect(log.lines[0]).toContain("1000006 characters");
});

describe("--log json", () => {
  test("one object a line: the event, its cause, its time and the line that text would have", () => {
    const log = logOf("B", { format: "json" });
    log.report(5, { type: "candidate", term: 4, cause: "peer-lost" }, committed(7));
    expect(log.lines.map((line) => JSON.parse(line))).toEqual([
      {
        time: "2026-11-21T12:00:00.000Z",
        node: "B",
        event: "candidate",
        term: 4,
        cause: "peer-lost",
        text: "[Node B] Timeout → Candidate (term 4)",
      },
      {
        time: "2026-11-21T12:00:00.000Z",
        node: "B",
        event: "entry-committed",
        leader: true,
        ordinal: 7,
        index: 9,
        text: "[Leader B] Entry committed (index=7)",
      },
    ]);
  });

  test("a summary too", () => {
    const log = logOf("A", { format: "json" });
    for (let i = 0; i < 100; i++) log.report(i, applied(i));
    log.poll(1100);
    expect(JSON.parse(log.lines.at(-1)!)).toMatchObject({ event: "entries", applied: 80, index: 99 });
  });
});

describe("lines of entries", () => {
  test("are all shown while people can read them", () => {
    const log = logOf("A");
    for (let i = 0; i < 200; i++) log.report(i * 51, appended(i, false), applied(i));
    expect(log.lines).toHaveLength(400);
  });

  test("become one line a second when they come too fast, and come back", () => {
    const log = logOf("B");
    let ordinal = 0;
    const busyUntil = 5000;
    for (let now = 0; now < busyUntil; now += 1) {
      log.report(now, appended(ordinal, true), committed(ordinal), applied(ordinal));
      ordinal++;
    }
    for (let now = busyUntil; now < 8000; now += 250) log.poll(now);
    const single = log.lines.filter((line) => !line.includes("Entries in"));
    const summaries = log.lines.filter((line) => line.includes("Entries in"));
    expect(single).toHaveLength(3 * 20);
    expect(summaries).toHaveLength(5);
    expect(summaries[0]).toBe(
      "[Leader B] Entries in 1.0 s: 1000 appended, 1000 committed, 1000 applied (index=1019)",
    );
    expect(total(summaries, "applied")).toBe(ordinal - 20);
    log.report(9000, appended(ordinal, true, "SET y=1"));
    expect(log.lines.at(-1)).toBe("[Leader B] Append log entry SET y=1");
  });

  test("are counted to the last one when the node stops", () => {
    const log = logOf("A");
    for (let i = 0; i < 50; i++) log.report(10, applied(i));
    log.report(20, { type: "stopped" });
    expect(log.lines.slice(20)).toEqual([
      "[Node A] Entries in 0.0 s: 30 applied (index=49)",
      "[Node A] Stopped",
    ]);
  });

  test("never hold back other lines", () => {
    const log = logOf("A");
    for (let i = 0; i < 50; i++) log.report(0, applied(i));
    log.report(1, { type: "follows", term: 3, leader: "B" });
    expect(log.lines.at(-1)).toBe("[Node A] Follows B (term 3)");
  });

  test("are all shown with --verbose", () => {
    const log = logOf("A", { verbose: true });
    for (let i = 0; i < 1000; i++) log.report(0, applied(i));
    expect(log.lines).toHaveLength(1000);
  });

  test("are not even described while they are not shown", () => {
    const log = logOf("A");
    let described = 0;
    for (let i = 0; i < 1000; i++) {
      log.report(0, {
        type: "entry-applied",
        ordinal: i,
        get cmd() {
          described++;
          return "SET x=1";
        },
      });
    }
    expect(described).toBe(20);
  });
});

test("a refusal is said once a minute for each peer and reason, with --verbose always", () => {
  const refused = (peer: string): NodeEvent["trace"] => ({
    type: "refused",
    peer,
    address: `http://${peer}:1`,
    code: "other-cluster",
    message: `Refused ${peer}: it belongs to another cluster`,
  });
  const log = logOf("A");
  for (let now = 0; now < 120_000; now += 1000) log.report(now, refused("B"), refused("C"));
  expect(log.lines).toHaveLength(4);
  expect(log.lines[0]).toBe("[Node A] Refused B: it belongs to another cluster");

  const verbose = logOf("A", { verbose: true });
  for (let now = 0; now < 10; now++) verbose.report(now, refused("B"));
  expect(verbose.lines).toHaveLength(10);
});

function total(lines: readonly string[], what: string): number {
  return lines.reduce((sum, line) => sum + Number(new RegExp(`(\\d+) ${what}`).exec(line)?.[1] ?? 0), 0);
}

test("commands that are counted many at once make the lines that they make one by one", () => {
  const group = fc.record({
    step: fc.constantFrom<EntryStep>("appended", "committed", "applied"),
    size: fc.integer({ min: 1, max: 60 }),
    leader: fc.boolean(),
    pauseMs: fc.constantFrom(0, 1, 100, 500, 1500),
  });
  const options = fc.record({
    format: fc.constantFrom("text" as const, "json" as const),
    verbose: fc.boolean(),
  });
  fc.assert(
    fc.property(options, fc.array(group, { maxLength: 40 }), (how, groups) => {
      const [one, many] = [logOf("B", how), logOf("B", how)];
      let now = 0;
      let ordinal = 0;
      let countedAny = false;
      for (const { step, size, leader, pauseMs } of groups) {
        now += pauseMs;
        const traces = Array.from({ length: size }, (_, at) => {
          if (step === "appended") return appended(ordinal + at, leader);
          return step === "committed" ? committed(ordinal + at, leader) : applied(ordinal + at);
        });
        ordinal += size;
        one.report(now, ...traces);
        if (many.count(step, size, ordinal - 1, leader, now)) countedAny = true;
        else many.report(now, ...traces);
      }
      for (const log of [one, many]) log.poll(now + 5000);
      expect(many.lines).toEqual(one.lines);
      expect(countedAny && how.verbose).toBe(false);
    }),
  );
});

test("commands are counted at once as soon as they are too many to be read, and not before", () => {
  const log = logOf("B");
  expect(log.count("applied", 1, 0, false, 0)).toBe(false);
  log.report(0, ...Array.from({ length: 30 }, (_, at) => applied(at)));
  expect(log.count("applied", 5, 34, false, 1)).toBe(true);
  expect(log.count("applied", 1, 35, false, 5000)).toBe(false);
  expect(log.lines.at(-1)).toContain("15 applied (index=34)");
});
