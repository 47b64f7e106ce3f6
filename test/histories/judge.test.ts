import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { StoreCall } from "../../sim/store/call.ts";
import type { Line } from "../sim/store-history.ts";
import { answer, done, each, found, history, put, read } from "../sim/store-history.ts";
import type { RecordedHistory } from "./recorded-history.ts";
import { format, historyText } from "./recorded-history.ts";

let directory = "";
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), "raft-lite-history-"));
});
afterAll(() => rmSync(directory, { recursive: true }));

function histories(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  return new Promise((resolve) => {
    execFile(process.execPath, [join(import.meta.dirname, "main.ts"), ...args], (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr });
    });
  });
}

function judge(name: string, content: unknown): ReturnType<typeof histories> {
  const file = join(directory, `${name}.json`);
  writeFileSync(file, typeof content === "string" ? content : historyText(content as RecordedHistory));
  return histories("--judge", file);
}

function recorded(calls: readonly StoreCall[], leaderChanges = 1): RecordedHistory {
  const timed = calls.map((call) => ({ ...call, invokedMs: call.invokedAt, endedMs: call.endedAt }));
  return { format, seed: 7, leaderChanges, faults: { kill: { leader: 1, follower: 0 } }, calls: timed };
}

/** 600 operations of two clients that are always under way together; the last reads are given. */
function busy(...last: readonly Line[]): StoreCall[] {
  const lines: Line[] = [];
  for (let round = 0; round < 300; round++) {
    const at = 4 * round;
    const index = 2 + round;
    lines.push([at, at + 2, each(put("a/1", `v${round}`)), answer(done(index))]);
    lines.push([at + 1, at + 3, read("a/"), found(index, `a/1=v${round}@${index}`)]);
  }
  return history([...lines, ...last]);
}

test("a history that is true and worth something passes", async () => {
  const { code, stdout } = await judge(
    "true",
    recorded(busy([1200, 1201, read("a/1"), found(301, "a/1=v299@301")])),
  );
  expect(stdout).toBe(
    "history 7: 601 operations, 1 leader changes, 0 unknown outcomes, 100% overlapping, faults at leader+follower: kill 1+0, linearizable\n",
  );
  expect(code).toBe(0);
});

test("a lost write is refused, and said to be", async () => {
  const { code, stdout } = await judge("lost", recorded(busy([1200, 1201, read("a/1"), found(301)])));
  expect(code).toBe(1);
  expect(stdout).toMatch(/NOT LINEARIZABLE\nREAD a\/1 of client 600 at A was answered with \[\] at 301/);
});

test("a stale read is refused, whichever index it bears", async () => {
  for (const [name, stale] of [
    ["old", found(300, "a/1=v298@300")],
    ["new", found(301, "a/1=v298@300")],
    ["untold", found(null, "a/1=v298")],
  ] as const) {
    const { code, stdout } = await judge(name, recorded(busy([1200, 1201, read("a/1"), stale])));
    expect([name, code]).toEqual([name, 1]);
    expect(stdout).toContain("NOT LINEARIZABLE");
  }
});

test("a history without a change of leader, a short one, and one in which nothing overlaps do not count", async () => {
  const lonely = busy().map((call, at) => ({ ...call, invokedAt: 2 * at, endedAt: 2 * at + 1 }));
  for (const [name, thin] of [
    ["leader", recorded(busy(), 0)],
    ["short", recorded(busy().slice(0, 490))],
    ["lonely", recorded(lonely)],
  ] as const) {
    const { code, stdout } = await judge(name, thin);
    expect([name, code, stdout]).toEqual([
      name,
      1,
      expect.stringMatching(/, linearizable \(does not count\)\n$/),
    ]);
  }
});

test.each([
  ["nothing", undefined, "cannot read"],
  ["text", "no JSON", "cannot read"],
  ["number", "5", 'is no recorded history ("format": "raft-lite history 1")'],
  ["other", { ...recorded([]), format: "raft-lite history 2" }, "is no recorded history"],
  ["call", { ...recorded([]), calls: [{ node: "A" }] }, "call 0 is none"],
])("what is no history is refused with one line: %s", async (name, content, says) => {
  const { code, stdout, stderr } =
    content === undefined
      ? await histories("--judge", join(directory, "none.json"))
      : await judge(name, content);
  expect([code, stdout]).toEqual([1, ""]);
  expect(stderr).toMatch(/^histories: [^\n]+\n$/);
  expect(stderr).toContain(says);
});

test("wrong usage is one line, then the usage, and exit 2", async () => {
  const { code, stdout, stderr } = await histories("--count", "0");
  expect([code, stdout]).toEqual([2, ""]);
  expect(stderr).toMatch(
    /^histories: --count takes a whole number from 1 to 10000, not "0"\nusage: npm run histories /,
  );
});
