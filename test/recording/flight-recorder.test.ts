import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import type { FileHandle } from "node:fs/promises";
import { open } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test, vi } from "vitest";
import { findRecordings } from "../../ec2-node/find-recordings.ts";
import type { FlightRecorderOptions } from "../../ec2-node/flight-recorder.ts";
import { FlightRecorder } from "../../ec2-node/flight-recorder.ts";
import type { Opening } from "../../shared/node/recorder.ts";
import type { Verdict } from "../../shared/recording/verdict.ts";
import { verifyRecordings } from "../../shared/recording/verify.ts";
import type { LogEntry } from "../../shared/storage/entry.ts";
import { commandEntry } from "../node/support/entries.ts";
import { withDirectory } from "../storage/support.ts";
import { founding, openingOf, workOf } from "./turns.ts";

/** The files that a recorder leaves, whatever the disk does. */

const limitMs = 20_000;

async function until(what: string, isTrue: () => boolean): Promise<void> {
  const end = performance.now() + limitMs;
  while (!isTrue()) {
    if (performance.now() > end) throw new Error(`waited for: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** A node that founds a cluster by itself and then takes one command after the other. */
class Pilot {
  readonly notices: string[] = [];
  readonly recorder: FlightRecorder;
  readonly log: LogEntry[];
  #write = 0;

  constructor(
    directory: string,
    options: Partial<FlightRecorderOptions> = {},
    found: readonly LogEntry[] = [],
  ) {
    this.log = [...found];
    this.recorder = new FlightRecorder({
      directory,
      clock: { now: () => performance.now(), wallTime: () => Date.now() },
      release: "test",
      onNotice: (message) => this.notices.push(message),
      ...options,
    });
  }

  start(boot = 1): this {
    const isNew = this.log.length === 0;
    const rest: Partial<Opening> = isNew ? { boot } : { boot, hardState: { term: boot, votedFor: null } };
    this.recorder.opened(openingOf(this.log, rest));
    if (isNew) this.#found();
    return this;
  }

  #found(): void {
    this.#tell({ trace: [{ type: "term", term: 1 }], hardState: { term: 1, votedFor: "A" } });
    const alone = { clusterId: "cluster", slots: [{ id: "A", storeId: "storeA", address: "http://a" }] };
    const first = { ...founding(), configuration: alone };
    this.log.push(first);
    this.#tell({ trace: [{ type: "leader", term: 1 }], entries: [first] });
  }

  #tell(turn: Parameters<typeof workOf>[1]): void {
    this.#write++;
    this.recorder.worked(workOf(this.#write, turn), turn.entries ?? []);
    this.recorder.durable(this.#write);
  }

  command(): void {
    const index = this.log.length + 1;
    const entry = commandEntry(index);
    this.log.push(entry);
    this.#tell({ entries: [entry] });
    this.recorder.worked(
      workOf(this.#write, { trace: [{ type: "committed", index, previous: index - 1 }] }),
      [],
    );
    this.recorder.applied(index);
    // An event by itself, so that each command is a record of its own.
    this.recorder.stalled();
  }

  /** As many commands as it takes, a few at a time. */
  async commandsUntil(what: string, isTrue: () => boolean): Promise<void> {
    await until(what, () => {
      for (let each = 0; each < 20; each++) this.command();
      return isTrue();
    });
  }
}

async function verify(directory: string): Promise<Verdict> {
  return await verifyRecordings(await findRecordings([directory]));
}

/** Files may go at any moment. */
function sizeOf(directory: string): number {
  const size = (name: string) => statSync(join(directory, name), { throwIfNoEntry: false })?.size ?? 0;
  return readdirSync(directory).reduce((sum, name) => sum + size(name), 0);
}

/** A disk that can be full: files can be made, and take nothing. */
async function fullDisk() {
  const state = { isFull: false, refusals: 0 };
  const any = await open("/dev/null", "w");
  const prototype: FileHandle = Object.getPrototypeOf(any);
  await any.close();
  const { write } = prototype;
  const spy = vi.spyOn(prototype, "write").mockImplementation(function (
    this: FileHandle,
    ...args: unknown[]
  ) {
    if (!state.isFull)
      return (write as (...all: unknown[]) => ReturnType<FileHandle["write"]>).apply(this, args);
    state.refusals++;
    return Promise.reject(Object.assign(new Error("no space left on device"), { code: "ENOSPC" }));
  } as FileHandle["write"]);
  return { spy, state };
}

test("what a node does is in a file for this user alone, in a directory that is made", () =>
  withDirectory(async (parent) => {
    const directory = join(parent, "some", "where");
    const pilot = new Pilot(directory).start();
    for (let each = 0; each < 50; each++) pilot.command();
    pilot.recorder.stopped();
    await pilot.recorder.close();
    expect(readdirSync(directory)).toEqual(["A-storeA-000001.ndjson"]);
    expect(statSync(join(directory, "A-storeA-000001.ndjson")).mode & 0o777).toBe(0o600);
    expect(statSync(directory).mode & 0o777).toBe(0o700);
    expect(pilot.notices).toEqual([]);
    const verdict = await verify(parent);
    expect(verdict).toMatchObject({
      accepted: true,
      gaps: [],
      recordings: [{ node: "A", store: "storeA", term: 1, last: 51, commit: 51, ended: "stopped" }],
    });
  }));

test("it is written while the node goes on, without being asked", () =>
  withDirectory(async (directory) => {
    const pilot = new Pilot(directory).start();
    const file = join(directory, "A-storeA-000001.ndjson");
    await until(
      "the first record",
      () => existsSync(file) && readFileSync(file, "utf8").includes('"leader"'),
    );
    // Progress by itself waits for more of it, but not for ever.
    pilot.recorder.served(1, 1);
    await until("progress", () => readFileSync(file, "utf8").includes('"reads":1'));
    await pilot.recorder.close();
  }));

test("each start goes on with another file, and says what the one before ended with", () =>
  withDirectory(async (directory) => {
    const pilot = new Pilot(directory).start();
    pilot.command();
    pilot.recorder.stopped();
    await pilot.recorder.close();
    for (let boot = 2; boot <= 4; boot++) {
      const next = new Pilot(directory, {}, pilot.log).start(boot);
      next.recorder.stopped();
      await next.recorder.close();
    }
    expect(readdirSync(directory)).toHaveLength(4);
    const verdict = await verify(directory);
    expect(verdict).toMatchObject({ accepted: true, gaps: [], recordings: [{ firstBoot: 1, lastBoot: 4 }] });
  }));

test.each([
  ["half a record", '{"seq":9,"wall":17'],
  ["zeros", "\0".repeat(5000)],
  ["as many zeros as a file may have", "\0".repeat(3_000_000)],
])("after %s at the end of a file the next one goes on from the last whole record", (_what, rest) =>
  withDirectory(async (directory) => {
    const pilot = new Pilot(directory).start();
    pilot.command();
    await pilot.recorder.close();
    appendFileSync(join(directory, "A-storeA-000001.ndjson"), rest);
    const next = new Pilot(directory, {}, pilot.log).start(2);
    next.recorder.stopped();
    await next.recorder.close();
    const verdict = await verify(directory);
    expect(verdict.findings).toEqual([]);
    expect(verdict.gaps.map(({ kind }) => kind)).toEqual(["tail", "away"]);
  }),
);

test("a file in which nothing came to stand is passed over", () =>
  withDirectory(async (directory) => {
    const pilot = new Pilot(directory).start();
    pilot.command();
    await pilot.recorder.close();
    writeFileSync(join(directory, "A-storeA-000002.ndjson"), "");
    const next = new Pilot(directory, {}, pilot.log).start(2);
    await next.recorder.close();
    expect(readdirSync(directory)).toHaveLength(3);
    expect((await verify(directory)).findings).toEqual([]);
  }));

test("full files are followed by others, and the oldest go", () =>
  withDirectory(async (directory) => {
    const limitBytes = 60_000;
    const pilot = new Pilot(directory, { limitBytes, segmentBytes: 5000 }).start();
    let largest = 0;
    const isSecond = () => !readdirSync(directory).includes("A-storeA-000001.ndjson");
    await pilot.commandsUntil("the first file to go", () => {
      largest = Math.max(largest, sizeOf(directory));
      return readdirSync(directory).length > 3 && isSecond();
    });
    for (let round = 0; round < 30; round++) {
      await pilot.commandsUntil("time to pass", () => true);
      await new Promise((resolve) => setTimeout(resolve, 2));
      largest = Math.max(largest, sizeOf(directory));
    }
    await pilot.recorder.close();
    expect(Math.max(largest, sizeOf(directory))).toBeLessThanOrEqual(limitBytes);
    expect(sizeOf(directory)).toBeGreaterThan(limitBytes / 3);
    const verdict = await verify(directory);
    expect(verdict.findings).toEqual([]);
    expect(verdict.gaps.map(({ kind }) => kind)).toEqual(["head", "tail"]);
    expect(pilot.notices).toEqual([]);
  }));

test("nodes may share a directory, and whatever else is in it stays", () =>
  withDirectory(async (directory) => {
    writeFileSync(join(directory, "notes.ndjson"), "{}\n");
    mkdirSync(join(directory, "A-storeA-000001"));
    const pilot = new Pilot(directory, { limitBytes: 8000, segmentBytes: 2000 }).start();
    const other = new FlightRecorder({
      directory,
      clock: { now: () => 0, wallTime: () => 0 },
      release: "test",
      onNotice: () => {},
    });
    other.opened(openingOf([], { id: "B", storeId: "storeB" }));
    const isGone = () =>
      readdirSync(directory).some((name) => name.startsWith("A-") && name > "A-storeA-000009");
    await pilot.commandsUntil("files to go", isGone);
    await Promise.all([pilot.recorder.close(), other.close()]);
    expect(readdirSync(directory)).toEqual(
      expect.arrayContaining(["notes.ndjson", "A-storeA-000001", "B-storeB-000001.ndjson"]),
    );
    expect((await verify(directory)).recordings.map(({ node }) => node)).toEqual(["A", "B"]);
  }));

describe("a disk that does not take it", () => {
  test("is said once, and nothing else happens; when it does again, what is missing is counted", () =>
    withDirectory(async (parent) => {
      const directory = join(parent, "trace");
      writeFileSync(directory, "a file in its place");
      const pilot = new Pilot(directory, { retryMs: 20 }).start();
      await until("a notice", () => pilot.notices.length > 0);
      await pilot.commandsUntil("time to pass", () => pilot.log.length > 500);
      await new Promise((resolve) => setTimeout(resolve, 100));
      expect(pilot.notices).toEqual([`Trace: cannot write to ${directory} (ENOTDIR); nothing is recorded`]);
      rmSync(directory);
      await until("another notice", () => pilot.notices.length > 1);
      expect(pilot.notices[1]).toBe(`Trace: records to ${directory} again`);
      pilot.command();
      pilot.recorder.stopped();
      await pilot.recorder.close();
      const verdict = await verify(parent);
      expect(verdict.findings).toEqual([]);
      expect(verdict.gaps.map(({ kind }) => kind)).toEqual(["dropped", "head"]);
      expect(verdict.recordings).toMatchObject([{ last: pilot.log.length, commit: pilot.log.length }]);
    }));

  test("a directory that is removed under it is made again", () =>
    withDirectory(async (parent) => {
      const directory = join(parent, "trace");
      const pilot = new Pilot(directory, { retryMs: 20, segmentBytes: 2000 }).start();
      await pilot.commandsUntil("some files", () => readdirSync(parent).length > 0 && sizeOf(directory) > 0);
      rmSync(directory, { recursive: true });
      await pilot.commandsUntil("it to go on", () => pilot.notices.length > 1);
      await pilot.recorder.close();
      expect(pilot.notices[0]).toContain("ENOENT");
      const verdict = await verify(parent);
      expect(verdict.findings).toEqual([]);
      expect(verdict.gaps.map(({ kind }) => kind)).toEqual(["dropped", "head", "tail"]);
    }));

  test("however often it is full, what was recorded before stays, and no empty files", () =>
    withDirectory(async (directory) => {
      const { spy, state } = await fullDisk();
      const pilot = new Pilot(directory, { retryMs: 1 }).start();
      const file = join(directory, "A-storeA-000001.ndjson");
      await until("the first record", () => existsSync(file) && statSync(file).size > 0);
      const before = readFileSync(file, "utf8");
      state.isFull = true;
      await pilot.commandsUntil("a failure", () => pilot.notices.length > 0);
      // As many files as are kept, and more.
      await until("many attempts", () => state.refusals > 300);
      // An attempt under way has its file for as long as it takes to fail.
      await until("no empty file", () => readdirSync(directory).length === 1);
      expect(readFileSync(file, "utf8").startsWith(before)).toBe(true);
      state.isFull = false;
      await until("it to go on", () => pilot.notices.length > 1);
      pilot.recorder.stopped();
      await pilot.recorder.close();
      spy.mockRestore();
      const verdict = await verify(directory);
      expect(verdict.findings).toEqual([]);
      expect(verdict.recordings).toMatchObject([{ files: 2, ended: "stopped", last: pilot.log.length }]);
      expect(verdict.gaps.map(({ kind }) => kind)).toEqual(["dropped"]);
    }));

  test("the end of the process does not wait for it", () =>
    withDirectory(async (parent) => {
      const directory = join(parent, "trace");
      writeFileSync(directory, "a file in its place");
      const pilot = new Pilot(directory).start();
      const begin = performance.now();
      await pilot.recorder.close();
      expect(performance.now() - begin).toBeLessThan(5000);
      expect(pilot.notices).toHaveLength(1);
    }));
});

test("a fault of the recorder's own is not the node's", () =>
  withDirectory(async (directory) => {
    let isFaulty = false;
    const clock = {
      now: () => {
        if (isFaulty) throw new Error("no time");
        return 0;
      },
      wallTime: () => 0,
    };
    const pilot = new Pilot(directory, { clock }).start();
    isFaulty = true;
    for (let each = 0; each < 3; each++) pilot.command();
    expect(pilot.notices).toHaveLength(1);
    expect(pilot.notices[0]).toContain("a fault in the recorder (Error: no time");
    await pilot.recorder.close();
  }));
