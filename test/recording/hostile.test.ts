import { describe, expect, test } from "vitest";
import { longestLine } from "../../shared/recording/segment-lines.ts";
import { crc32c } from "../../shared/storage/crc32c.ts";
import { brokenRules, cluster, healthy, judge, MemoryFile, progress, Tape } from "./support.ts";

/** Files that somebody has written who wants verify to fail: they are refused like others that are no recordings. */

/** A file of one line, with the checksum that belongs to it. */
function sealed(text: string): MemoryFile {
  const open = text.slice(0, -1);
  const crc = crc32c(new TextEncoder().encode(open)).toString(16).padStart(8, "0");
  return new MemoryFile("A", "storeA", 1, `${open},"crc":"${crc}"}\n`);
}

const deep = `${"[".repeat(200_000)}${"]".repeat(200_000)}`;

test("a line without an end is not read to its end", async () => {
  const chunk = new Uint8Array(1 << 20);
  let chunks = 0;
  class Endless extends MemoryFile {
    override async *read(): AsyncIterable<Uint8Array> {
      for (let each = 0; each < 1000; each++) {
        chunks++;
        yield chunk;
      }
    }
  }
  const verdict = await judge([new Endless("A", "storeA", 1, "")]);
  expect(brokenRules(verdict)).toEqual(["recording-chain"]);
  expect(verdict.findings[0]?.message).toBe(
    `A: this is longer than any record: ${longestLine} bytes and more`,
  );
  // Once to be judged, and once to be shown.
  expect(chunks).toBeLessThanOrEqual((2 * longestLine) / chunk.length + 4);
  expect(verdict.findings[0]?.records[0]?.text.length).toBeLessThanOrEqual(1 << 16);
});

test("a line that is nearly too long is a line", async () => {
  const [a] = healthy();
  a.add({ event: "failed", code: "x".repeat(longestLine - 1000) });
  expect((await judge(a)).findings).toEqual([]);
  a.pop().add({ event: "failed", code: "x".repeat(longestLine + 2000) });
  expect(brokenRules(await judge(a))).toEqual(["recording-chain"]);
});

test("more voters than any cluster has are no configuration", async () => {
  for (const [count, rules] of [
    [1024, []],
    [1025, ["recording-chain"]],
  ] as const) {
    const voters = Array.from({ length: count }, (_, at) => [`N${at}`, `store${at}`] as const);
    const configurations = [{ ...cluster, voters }];
    const entry = { first: 1, last: 1, runs: [[1, 1]] as const, hash: null, configurations };
    const tape = new Tape("A").open("started").add({ event: "term", term: 1 }, progress(entry));
    expect(brokenRules(await judge(tape))).toEqual(rules);
  }
});

describe("what JSON can hold and no message can", () => {
  test.each([
    [
      "an event of any depth",
      `{"seq":0,"wall":0,"at":0,"event":${deep}}`,
      "no event that this version knows: object",
    ],
    ["an event without an end", `{"seq":0,"event":"${"x".repeat(100_000)}"}`, 'knows: "xxx'],
    [
      "a version of any depth",
      `{"format":"raft-lite-recording","version":${deep}}`,
      "no event that this version knows",
    ],
    [
      "a version that is no text",
      '{"format":"raft-lite-recording","version":{"toString":1,"valueOf":1}}',
      "no event that this version knows",
    ],
  ])("%s", async (_what, line, message) => {
    const verdict = await judge([sealed(line)]);
    expect(brokenRules(verdict)).toEqual(["recording-chain"]);
    expect(verdict.findings[0]?.message).toContain(message);
    expect(verdict.findings[0]?.message.length).toBeLessThan(300);
  });
});
