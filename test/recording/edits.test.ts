import { beforeAll, describe, expect, test } from "vitest";
import type { RecordingFile } from "../../shared/recording/read-recording.ts";
import { LineWriter, placeOf } from "../../shared/recording/record-line.ts";
import type { Opener, RecordedConfiguration, Unnumbered } from "../../shared/recording/records.ts";
import { TermRuns } from "../../shared/recording/term-runs.ts";
import { Random } from "../../sim/random.ts";
import { brokenRules, judge, MemoryFile, rewritten, simulated } from "./support.ts";

/**
 * The recordings of a simulated run, tampered with. What was written by the nodes is accepted; what was changed since
 * is not, wherever it was changed; what is missing at an end is a gap.
 */

const random = new Random(20_261_121, "edits");
let original: MemoryFile[] = [];

/** A run of three nodes that is long enough, and no longer: what a seed stands for changes with the simulator. */
beforeAll(async () => {
  for (let seed = 2; original.length === 0; seed++) {
    const files = await simulated(seed);
    const isFit = ["A", "B", "C"].every((node) => ofNode(files, node).length > 4);
    if (isFit && files.length < 40 && !files.some(({ node }) => node > "C")) original = files;
  }
});

function copies(): MemoryFile[] {
  return original.map(
    ({ node, store, segment, bytes }) => new MemoryFile(node, store, segment, bytes.slice()),
  );
}

function ofNode(files: readonly MemoryFile[], node: string): MemoryFile[] {
  return files.filter((file) => file.node === node);
}

/** One node's, with one change to one file. */
async function judgeEdited(edit: (file: MemoryFile) => void): Promise<string[]> {
  const files = ofNode(copies(), random.pick(["A", "B", "C"]));
  edit(random.pick(files.filter(({ lines }) => lines.length > 3)));
  const verdict = await judge(files);
  expect(verdict.accepted).toBe(verdict.findingCount === 0);
  return brokenRules(verdict);
}

test("as they were written they are accepted, with their gaps", async () => {
  const { accepted, gaps, recordings } = await judge(original);
  expect(accepted).toBe(true);
  expect(recordings.length).toBeGreaterThanOrEqual(3);
  expect(Math.max(...recordings.map(({ lastBoot }) => lastBoot))).toBeGreaterThan(2);
  expect(gaps.some(({ kind }) => kind === "away")).toBe(true);
});

describe("refused as changed", () => {
  /** Over and over, each time elsewhere. */
  async function expectRefused(edit: (file: MemoryFile) => void): Promise<void> {
    for (let round = 0; round < 25; round++) {
      expect(await judgeEdited(edit), `round ${round}`).toContain("recording-chain");
    }
  }

  test("a bit that was flipped", async () => {
    await expectRefused((file) => {
      // Without the very last newline a file is cut, not changed.
      const at = random.int(0, file.bytes.length - 2);
      file.bytes[at] = file.bytes[at]! ^ (1 << random.int(0, 7));
    });
  });

  test("a line that was removed", async () => {
    await expectRefused((file) => {
      const { lines } = file;
      lines.splice(random.int(0, lines.length - 2), 1);
      file.lines = lines;
    });
  });

  test("two lines that were swapped", async () => {
    await expectRefused((file) => {
      const { lines } = file;
      const at = random.int(0, lines.length - 2);
      lines.splice(at, 2, lines[at + 1]!, lines[at]!);
      file.lines = lines;
    });
  });

  test("a line that was doubled", async () => {
    await expectRefused((file) => {
      const { lines } = file;
      const at = random.int(0, lines.length - 1);
      lines.splice(at, 0, lines[at]!);
      file.lines = lines;
    });
  });

  test("the end of a file that others follow", async () => {
    const files = copies();
    const [first] = ofNode(files, "A") as [MemoryFile];
    first.lines = first.lines.slice(0, -1);
    expect(brokenRules(await judge(files))).toContain("recording-chain");
  });

  test("a file in the middle that is missing", async () => {
    const files = copies();
    const second = ofNode(files, "A")[1]!;
    const verdict = await judge(files.filter((file) => file !== second));
    expect(brokenRules(verdict)).toContain("recording-chain");
    expect(verdict.findings[0]?.message).toBe("A: between files 1 and 3 at least one is missing");
  });

  test("files that changed their names", async () => {
    const files = copies();
    const [one, two] = ofNode(files, "A") as [MemoryFile, MemoryFile];
    [one.bytes, two.bytes] = [two.bytes, one.bytes];
    const verdict = await judge(files);
    expect(brokenRules(verdict)).toContain("recording-chain");
    expect(verdict.findings[0]?.message).toMatch(/^A: this is file 2 of node A, .* under another name$/);
  });

  test("another node's file", async () => {
    const files = copies();
    ofNode(files, "A")[1]!.bytes = ofNode(files, "B")[1]!.bytes;
    expect(brokenRules(await judge(files))).toContain("recording-chain");
  });

  test("a line is named, and the one before it", async () => {
    const files = copies();
    const file = ofNode(files, "B")[0]!;
    const { lines } = file;
    lines[2] = lines[2]!.replace(/"wall":\d/, '"wall":9');
    file.lines = lines;
    const { findings, gaps } = await judge(files);
    expect(findings[0]).toMatchObject({
      message: "B: this is not what was written after the record before",
      records: [
        { path: file.path, line: 2, text: lines[1] },
        { path: file.path, line: 3, text: lines[2] },
      ],
    });
    expect(gaps).toContainEqual(expect.objectContaining({ kind: "untold", path: file.path, line: 3 }));
  });
});

describe("refused though every checksum is right", () => {
  test("a second vote in a term", async () => {
    const isVote = (record: Unnumbered) => record.event === "vote-granted" && !record.preVote;
    // Whoever voted: who does changes with the simulator.
    const voter = original.find(({ lines }) => lines.some((line) => isVote(JSON.parse(line))))!.node;
    const mine = ofNode(original, voter);
    const forged = rewritten(mine, (segments) => {
      const segment = segments.find((records) => records.some(isVote))!;
      const at = segment.findIndex(isVote);
      const vote = segment[at] as Extract<Unnumbered, { event: "vote-granted" }>;
      segment.splice(at + 1, 0, {
        ...vote,
        to: ["A", "B", "C"].find((id) => id !== vote.to && id !== voter)!,
      });
      return segments;
    });
    const others = original.filter(({ node }) => node !== voter);
    const verdict = await judge(forged, others);
    expect(brokenRules(verdict)).toContain("one-vote-per-term");
    const finding = verdict.findings.find(({ rule }) => rule === "one-vote-per-term");
    expect(finding?.records).toHaveLength(2);
    // The same without the forgery: what is refused is the vote.
    expect(
      (
        await judge(
          rewritten(mine, (segments) => segments),
          others,
        )
      ).accepted,
    ).toBe(true);
  });

  test("a file that takes up the count too late", async () => {
    const [one] = ofNode(original, "A") as [MemoryFile];
    const { seq, crc } = placeOf(new TextEncoder().encode(one.lines.at(-1)!))!;
    const late = new LineWriter({ segment: 1, seq: seq + 3, crc });
    const { seq: _seq, segment: _segment, after: _after, crc: _crc, ...opener } = JSON.parse(one.lines[0]!);
    const two = new MemoryFile("A", opener.store, 2, late.write([{ ...opener, boot: 2 } as Unnumbered]));
    const verdict = await judge([one, two]);
    expect(verdict.findings[0]).toMatchObject({
      rule: "recording-chain",
      message: `A: record ${seq + 3} comes after record ${seq}`,
    });
  });

  test("a committed entry that a majority comes back without", async () => {
    const nodes = [...new Set(original.map(({ node }) => node))];
    const majority = nodes.slice(0, Math.floor(nodes.length / 2) + 1);
    const forged = majority.flatMap((node) => rewritten(ofNode(original, node), losesCommitted));
    const others = original.filter(({ node }) => !majority.includes(node));
    const verdict = await judge(forged, others);
    expect(brokenRules(verdict)).toContain("committed-never-changes");
    expect(verdict.findings.map(({ message }) => message).join("\n")).toMatch(
      /comes back without entry \d+ of term \d+, which it called committed/,
    );
  });

  /** Ends with one start more, which finds half of what was known to be committed. */
  function losesCommitted(segments: Unnumbered[][]): Unnumbered[][] {
    const log = new TermRuns([], 0);
    let commit = 0;
    let configuration: RecordedConfiguration | null = null;
    for (const record of segments.flat()) {
      if (record.event === "truncated") log.truncate(record.from);
      if (record.event !== "progress") continue;
      commit = record.commit ?? commit;
      configuration = record.configurations?.at(-1) ?? configuration;
      for (const [at, [first, term]] of (record.runs ?? []).entries()) {
        log.truncate(first);
        log.append(term, (record.runs?.[at + 1]?.[0] ?? record.last! + 1) - 1);
      }
    }
    const last = Math.floor(commit / 2);
    log.truncate(last + 1);
    const [opener] = segments.at(-1)! as unknown as [Opener];
    const runs = log.newest(64);
    const found = {
      ...opener.state,
      configuration,
      last,
      durable: last,
      commit: last,
      applied: last,
      hash: null,
      runs,
    };
    const again = { ...opener, event: "started", boot: opener.boot + 1, state: found } as const;
    return [...segments, [again as unknown as Unnumbered]];
  }
});

describe("accepted as a gap", () => {
  test("the oldest files of a node", async () => {
    const files = ofNode(copies(), "A");
    const others = original.filter(({ node }) => node !== "A");
    expect(files.length).toBeGreaterThan(3);
    for (let left = 1; left <= files.length; left++) {
      const verdict = await judge(files.slice(-left), others);
      expect(verdict.findings).toEqual([]);
      expect(verdict.gaps.some(({ kind, message }) => kind === "head" && message.startsWith("A "))).toBe(
        left < files.length,
      );
    }
  });

  test("the oldest files of all nodes, each at another place", async () => {
    const kept = original.filter(({ node, segment }) => segment > (node === "A" ? 1 : node === "B" ? 3 : 2));
    const verdict = await judge(kept);
    expect(verdict.findings).toEqual([]);
    expect(verdict.gaps.filter(({ kind }) => kind === "head")).toHaveLength(verdict.recordings.length);
  });

  test("an end that is cut off anywhere", async () => {
    for (let round = 0; round < 40; round++) {
      const files = copies();
      const node = random.pick(["A", "B", "C"]);
      const keep = random.int(1, ofNode(files, node).length);
      const kept = files.filter((file) => file.node !== node || file.segment <= keep);
      const last = ofNode(kept, node).at(-1)!;
      last.bytes = last.bytes.slice(0, random.int(1, last.bytes.length));
      const { findings, gaps } = await judge(kept);
      expect(findings, `round ${round}`).toEqual([]);
      const isCut = !last.text.endsWith("\n");
      if (isCut) expect(gaps).toContainEqual(expect.objectContaining({ kind: "tail", path: last.path }));
    }
  });

  test("an end that a power failure left as zeros", async () => {
    const files = copies();
    const last = ofNode(files, "B").at(-1)!;
    last.bytes.fill(0, last.bytes.length - 150);
    const verdict = await judge(files);
    expect(verdict.findings).toEqual([]);
    expect(verdict.gaps).toContainEqual(expect.objectContaining({ kind: "tail", path: last.path }));
  });

  test("a file with nothing in it", async () => {
    const files: RecordingFile[] = copies();
    const last = ofNode(original, "B").at(-1)!;
    files.push(new MemoryFile("B", last.store, last.segment + 1, ""));
    expect((await judge(files)).findings).toEqual([]);
  });

  test.each(["A", "B", "C"])("no recording of %s", async (node) => {
    const verdict = await judge(original.filter((file) => file.node !== node));
    expect(verdict.findings).toEqual([]);
    expect(verdict.gaps).toContainEqual(
      expect.objectContaining({
        kind: "missing",
        message: expect.stringContaining(`no recording of ${node}`),
      }),
    );
  });
});

test("a file that is handed in twice is not judged", async () => {
  await expect(judge(copies(), [copies()[0]!])).rejects.toMatchObject({ code: "recording-given-twice" });
});

test("a recording of a later version is not judged", async () => {
  const files = copies().slice(0, 1);
  const newer = rewritten(files, (segments) => {
    Object.assign(segments[0]![0]!, { version: 2 });
    return segments;
  });
  await expect(judge(newer)).rejects.toMatchObject({ code: "recording-too-new" });
});

test.each<[string, object]>([
  ["an event that does not exist", { event: "coup" }],
  ["a term that is no number", { event: "term", term: "3" }],
  ["an index that is no whole number", { event: "progress", commit: 1.5 }],
  ["half of what entries came", { event: "progress", first: 3 }],
  ["a second opener", {}],
])("a line with %s is no record, whatever its checksum", async (_what, changes) => {
  const mine = ofNode(original, "A").slice(0, 1);
  const forged = rewritten(mine, ([records]) => {
    const [opener, ...rest] = records!;
    const { wall, at } = opener!;
    const isOpener = Object.keys(changes).length === 0;
    return [[opener!, (isOpener ? { ...opener } : { wall, at, ...changes }) as Unnumbered, ...rest]];
  });
  const verdict = await judge(forged);
  expect(brokenRules(verdict)).toEqual(["recording-chain"]);
});
