import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { verdictText } from "../../ec2-node/cli/verdict-text.ts";
import { findRecordings } from "../../ec2-node/find-recordings.ts";
import { judgeRecordings } from "../../ec2-node/judge-recordings.ts";
import type { Verdict } from "../../shared/recording/verdict.ts";
import { crc32c } from "../../shared/storage/crc32c.ts";
import type { Tape } from "../recording/support.ts";
import { healthy, healthyState, judge, wins } from "../recording/support.ts";

const BIN = join(import.meta.dirname, "..", "..", "bin", "raft-lite.js");
const temporary = mkdtempSync(join(tmpdir(), "raft-lite-verify-"));
afterAll(() => rmSync(temporary, { recursive: true }));

function verify(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  return new Promise((resolve) => {
    const child = execFile(process.execPath, [BIN, "verify", ...args], (_error, stdout, stderr) => {
      resolve({ code: child.exitCode ?? -1, stdout, stderr });
    });
  });
}

/** As nodes leave them: each in `trace` in a directory of its own. */
function store(name: string, tapes: readonly Tape[]): string {
  const directory = join(temporary, name);
  for (const tape of tapes) {
    const own = join(directory, tape.node, "trace");
    mkdirSync(own, { recursive: true });
    for (const file of tape.files()) writeFileSync(join(own, file.path), file.bytes);
  }
  return directory;
}

test("what is as it should be: exit 0, with what was judged and what was not there", async () => {
  const [a, b] = healthy();
  b.add({ event: "stopped" });
  const directory = store("healthy", [a, b]);
  const { code, stdout, stderr } = await verify(directory);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  const file = join(directory, "A/trace/A-storeA-000001.ndjson");
  expect(stdout).toBe(
    [
      "NODE  STORE   STARTS  FROM                      TO                        RECORDS  TERM  LOG  COMMIT  ENDS",
      "A     storeA  1       2023-11-14T22:13:20.000Z  2023-11-14T22:13:20.000Z  8        1     10   10      open",
      "B     storeB  1       2023-11-14T22:13:20.000Z  2023-11-14T22:13:20.000Z  10       1     10   10      stopped",
      "",
      "Cluster cluster: 1 leader, committed up to entry 10",
      "  terms led: A 1",
      "",
      "Gaps, of which nothing is known:",
      `  A may have gone on after the last of its records (${file}:8)`,
      "  there is no recording of C, a member of cluster cluster",
      "",
      "Accepted: 2 recordings, and nothing in them breaks a rule of Raft.",
      "",
    ].join("\n"),
  );
});

test("what breaks a rule: exit 1, with the rule and the records of both sides", async () => {
  const [a, b, c] = healthy();
  a.add(...wins("A", 2));
  b.add(...wins("B", 2));
  const directory = store("broken", [a, b, c]);
  const { code, stdout, stderr } = await verify(directory);
  expect({ code, stderr }).toEqual({ code: 1, stderr: "" });
  expect(stdout).toContain(
    [
      "election-safety: A and B both lead term 2",
      `  ${join(directory, "A/trace/A-storeA-000001.ndjson")}:12`,
      '    {"seq":11,"wall":1700000000000,"at":0,"event":"leader","term":2,',
    ].join("\n"),
  );
  expect(stdout).toContain(`  ${join(directory, "B/trace/B-storeB-000001.ndjson")}:13\n    {"seq":12,`);
  expect(stdout).toMatch(/\nRefused: 1 finding\.\n$/);

  const json = await verify(directory, "--json");
  expect(json.code).toBe(1);
  expect(JSON.parse(json.stdout)).toMatchObject({
    accepted: false,
    findingCount: 1,
    findings: [{ rule: "election-safety", records: [{ line: 12 }, { line: 13 }] }],
    recordings: [{ node: "A" }, { node: "B" }, { node: "C" }],
  });
});

test("one file, one directory, or several", async () => {
  const [a, b, c] = healthy();
  const directory = store("several", [a, b, c]);
  const path = (node: string) => join(directory, node, "trace");
  const nodesOf = async (...paths: string[]) => (await findRecordings(paths)).map(({ node }) => node).sort();
  expect(await nodesOf(directory)).toEqual(["A", "B", "C"]);
  expect(await nodesOf(path("A"), path("B"))).toEqual(["A", "B"]);
  expect(await nodesOf(join(path("C"), "C-storeC-000001.ndjson"))).toEqual(["C"]);
  // The same by two ways counts once.
  symlinkSync(directory, join(temporary, "link"));
  expect(await nodesOf(directory, path("A"), join(temporary, "link"))).toEqual(["A", "B", "C"]);
});

describe("files that go while they are read", () => {
  const rotated = (): Tape => {
    const [a] = healthy();
    return a.open("rotated", healthyState("A")).open("rotated", healthyState("A"));
  };
  const file = (directory: string, segment: number) =>
    join(directory, `A/trace/A-storeA-00000${segment}.ndjson`);

  test("because a running node makes room: what is left is judged", async () => {
    const directory = store("room", [rotated()]);
    let segment = 0;
    const verdict = await judgeRecordings([directory], async (paths) => {
      const found = await findRecordings(paths);
      if (++segment < 3) rmSync(file(directory, segment));
      return found;
    });
    expect(verdict.findings).toEqual([]);
    expect(verdict.recordings).toMatchObject([{ files: 1, commit: 10 }]);
    expect(verdict.gaps.map(({ kind }) => kind)).toContain("head");
  });

  test("over and over are no recording", async () => {
    const directory = store("no-room", [rotated()]);
    const find: typeof findRecordings = async (paths) => {
      store("no-room", [rotated()]);
      const found = await findRecordings(paths);
      rmSync(file(directory, 2));
      return found;
    };
    await expect(judgeRecordings([directory], find)).rejects.toMatchObject({ code: "recording-gone" });
  });
});

test("what has no end is not begun", async () => {
  const device = join(temporary, "P-storeP-000001.ndjson");
  symlinkSync("/dev/zero", device);
  const { code, stderr } = await verify(device);
  expect(code).toBe(2);
  expect(stderr).toContain("cannot be read: it is neither a file nor a directory");
});

describe("exit 2, with what is wrong and the usage", () => {
  mkdirSync(join(temporary, "empty"));
  writeFileSync(join(temporary, "empty", "notes.ndjson"), "{}\n");
  const [a] = healthy();
  store("twice/one", [a]);
  store("twice/two", [a]);
  const newer = store("newer", [a]);
  const [file] = a.files();
  writeFileSync(
    join(newer, "A/trace/A-storeA-000001.ndjson"),
    resealed(file!.lines[0]!.replace('"version":1', '"version":2')),
  );

  test.each([
    [[], "missing required argument"],
    [["--frobnicate", "x"], "--frobnicate"],
    [["nowhere"], "nowhere cannot be read: there is no such file or directory"],
    [["empty"], "empty holds no recording: name the data directory of a node"],
    [["empty/notes.ndjson"], "notes.ndjson holds no recording"],
    [["healthy", "nowhere"], "nowhere cannot be read"],
    [["twice"], "are both file 1 of node A, store storeA"],
    [["newer"], "is a recording of version 2, and this release reads version 1"],
  ])("%j", async (paths, message) => {
    const { code, stdout, stderr } = await verify(
      ...paths.map((path) => (path.startsWith("-") ? path : join(temporary, path))),
    );
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr).toContain(message);
    expect(stderr).toContain("Usage: raft-lite verify DIR... [--json]");
    expect(stderr).not.toContain("    at ");
  });
});

describe("as people read it", () => {
  const lines = async (...tapes: Tape[]): Promise<string[]> => verdictText(await judge(...tapes));

  test("terms in a row are shown as such", async () => {
    const [a, b, c] = healthy();
    for (const term of [2, 3, 5]) a.add(...wins("A", term));
    expect(await lines(a, b, c)).toContain("  terms led: A 1-3, 5");
  });

  test("starts that follow one another too", async () => {
    const [a, b, c] = healthy();
    c.open("started", healthyState("C"), { boot: 2 }).open("started", healthyState("C"), { boot: 4 });
    const text = await lines(a, b, c);
    expect(text[3]).toMatch(/^C +storeC +1-4 /);
    expect(text).toContain("  C left no record of start 3 (C-storeC-000002.ndjson:1)");
  });

  test("more findings than anybody reads are counted", async () => {
    const [a, b, c] = healthy();
    for (let round = 0; round < 150; round++) c.add({ event: "term", term: 1 });
    const text = await lines(a, b, c);
    expect(text.at(-1)).toBe("Refused: 150 findings, of which the first 20 are shown.");
  });

  test("whatever stands in a file is safe to print, however long", () => {
    const verdict: Verdict = {
      accepted: false,
      recordings: [],
      clusters: [{ clusterId: "\u001b[31m", leaders: [], commit: 0 }],
      gaps: [],
      findings: [
        {
          rule: "recording-chain",
          message: "A\u0007",
          records: [{ path: "p", line: 1, text: `\u001b]0;${"x".repeat(10_000)}` }],
        },
      ],
      findingCount: 1,
    };
    const text = verdictText(verdict).join("\n");
    // biome-ignore lint/suspicious/noControlCharactersInRegex: that there are none is what is tested.
    expect(text).not.toMatch(/[\u0000-\u0009\u000b-\u001f]/);
    expect(text.length).toBeLessThan(5000);
  });
});

/** The line with the checksum that belongs to it, at the front of a file. */
function resealed(line: string): string {
  const open = line.replace(/,"crc":"[0-9a-f]{8}"\}$/, "");
  return `${open},"crc":"${crc32c(new TextEncoder().encode(open)).toString(16).padStart(8, "0")}"}\n`;
}
