import { EventEmitter } from "node:events";
import { stripVTControlCharacters } from "node:util";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { ProgressOutput } from "../../ec2-node/aws/progress.ts";
import { elapsedText, Progress } from "../../ec2-node/aws/progress.ts";

beforeEach(() => {
  vi.useFakeTimers();
  vi.stubEnv("NO_COLOR", "");
});
afterEach(() => {
  vi.unstubAllEnvs();
  vi.useRealTimers();
});

/** A progress display and what it wrote. Its clock is the fake timers'. */
function display(out: Partial<ProgressOutput> & { rows?: number; columns?: number } = {}) {
  const written: string[] = [];
  const { rows = 24, columns = 0 } = out;
  const stream = { rows, columns, writableLength: 0, write: (text: string) => written.push(text) };
  const progress = new Progress({ stream, isTerminal: false, now: Date.now, ...out });
  return { progress, written, stream, text: () => written.join("") };
}

const sleep = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

/** Runs virtual time until `work` has settled. */
async function settled<T>(work: Promise<T>): Promise<T> {
  let done = false;
  const end = () => {
    done = true;
  };
  work.then(end, end);
  while (!done) await vi.advanceTimersByTimeAsync(10);
  return await work;
}

describe("progress where lines are all there is", () => {
  test("is one line a task, when it is done, with its time", async () => {
    const { progress, text } = display();
    const result = progress.task("create network interface of A", async (note) => {
      await sleep(3200);
      note("eni-0a");
      return 7;
    });
    await vi.advanceTimersByTimeAsync(3100);
    expect(text()).toBe("");
    expect(await settled(result)).toBe(7);
    progress.line("All there.");
    progress.close();
    expect(text()).toBe("    3.2 s  create network interface of A (eni-0a)\nAll there.\n");
  });

  test("says what failed, and passes the failure on", async () => {
    const { progress, text } = display();
    const failing = progress.task("create volume of B", () => Promise.reject(new Error("no capacity")));
    await expect(settled(failing)).rejects.toThrow("no capacity");
    expect(text()).toBe("    0.0 s  FAILED: create volume of B\n");
  });

  test("names what takes long every ten seconds, with what it is at", async () => {
    const { progress, text } = display();
    const waiting = progress.task("wait for a leader", async (note) => {
      note("nobody answers yet");
      await sleep(15_000);
      note("C is behind");
      await sleep(10_000);
    });
    await settled(waiting);
    progress.close();
    expect(text().split("\n")).toEqual([
      "   10.0 s  ... wait for a leader (nobody answers yet)",
      "   20.0 s  ... wait for a leader (C is behind)",
      "   25.0 s  wait for a leader (C is behind)",
      "",
    ]);
  });

  test("says at the end what was not finished, once, and nothing after it", async () => {
    const { progress, text } = display();
    const late = progress.task("terminate A", () => sleep(60_000));
    await vi.advanceTimersByTimeAsync(2000);
    progress.close();
    progress.close();
    const atClose = text();
    expect(atClose).toBe("    2.0 s  not finished: terminate A\n");
    await settled(late);
    expect(text()).toBe(atClose);
  });

  test("is made printable, and in no colour", async () => {
    const { progress, text } = display({ hasColors: true });
    await progress.task("evil\u001b[2J\n", async (note) => note("\u0007"));
    progress.line("x\u001b[31m");
    expect(text()).toBe("    0.0 s  evil\\u001b[2J\\n (\\u0007)\nx\\u001b[31m\n");
  });

  test("goes on when whoever read it has left", async () => {
    const events = new EventEmitter();
    const stream = {
      write: () => events.emit("error", new Error("EPIPE")),
      on: (event: "error", listener: () => void) => events.on(event, listener),
    };
    const progress = new Progress({ stream, isTerminal: false, now: Date.now });
    expect(await progress.task("create", async () => 1)).toBe(1);
  });
});

describe("progress on a terminal", () => {
  test("keeps what runs at the bottom, and lets what is done move up", async () => {
    const { progress, written } = display({ isTerminal: true, hasColors: false });
    const first = progress.task("create A", () => sleep(1000));
    const second = progress.task("create B", () => sleep(2000));
    await vi.advanceTimersByTimeAsync(500);
    expect(screen(written)).toEqual(["    0.5 s  ⠴ create A", "    0.5 s  ⠴ create B"]);
    await settled(first);
    expect(screen(written)).toEqual(["    1.0 s  create A", expect.stringMatching(/1\.0 s {2}. create B$/)]);
    progress.line("Half.");
    await settled(second);
    progress.close();
    expect(screen(written)).toEqual(["    1.0 s  create A", "Half.", "    2.0 s  create B"]);
  });

  test("draws no line that the terminal would wrap, and leaves all of it standing", async () => {
    const { progress, written } = display({ isTerminal: true, hasColors: false, columns: 40 });
    const title = "wait for a leader and for all nodes, which takes a while";
    const task = progress.task(title, () => sleep(500));
    await vi.advanceTimersByTimeAsync(300);
    const drawn = written.flatMap((text) => text.split("\n")).filter((line) => line.includes("wait for"));
    expect(drawn.length).toBeGreaterThan(1);
    for (const line of drawn)
      expect(stripVTControlCharacters(line).replaceAll("\r", "").length).toBeLessThan(40);
    await settled(task);
    expect(written.join("")).toContain(title);
    progress.close();
  });

  test("loses no line when more tasks run than the terminal has rows", async () => {
    const { progress, written } = display({ isTerminal: true, hasColors: false, rows: 4 });
    const tasks = ["a", "b", "c", "d", "e", "f"].map((name, at) =>
      progress.task(name, () => sleep(300 * at)),
    );
    await settled(Promise.all(tasks));
    progress.close();
    expect(screen(written).map((line) => line.at(-1))).toEqual(["a", "b", "c", "d", "e", "f"]);
  });

  test("draws nothing while nothing runs, or while nobody reads", async () => {
    const { progress, written, stream } = display({ isTerminal: true });
    await vi.advanceTimersByTimeAsync(1000);
    expect(written).toEqual([]);
    const running = progress.task("create A", () => sleep(2000));
    stream.writableLength = 1;
    const before = written.length;
    await vi.advanceTimersByTimeAsync(1000);
    expect(written).toHaveLength(before);
    stream.writableLength = 0;
    await vi.advanceTimersByTimeAsync(200);
    expect(written.length).toBeGreaterThan(before);
    await settled(running);
  });

  test.each([
    ["", true],
    ["1", false],
  ])("with NO_COLOR=%j is coloured: %s", async (value, isColored) => {
    vi.stubEnv("NO_COLOR", value);
    const { progress, text } = display({ isTerminal: true });
    await progress.task("create A", () => Promise.reject(new Error("no"))).catch(() => {});
    expect(text().includes("\u001b[31mFAILED: create A\u001b[0m")).toBe(isColored);
  });
});

test.each([
  [0, "0.0 s"],
  [-5, "0.0 s"],
  [3249, "3.2 s"],
  [59_949, "59.9 s"],
  [59_950, "1 m 00 s"],
  [125_000, "2 m 05 s"],
  [3_725_000, "62 m 05 s"],
])("%i ms are %s", (ms, text) => {
  expect(elapsedText(ms)).toBe(text);
});

/** A move up, another control sequence, an end of line, or text. */
const TOKENS = /\p{Cc}\[(\d+)A|\p{Cc}\[\??\d*[a-zA-Z]|\n|\r|\P{Cc}+/gu;

/** What a terminal shows after all that: lines, moves up, erasing below. */
function screen(written: readonly string[]): string[] {
  const rows: string[] = [""];
  let at = 0;
  for (const [token, up] of written.join("").matchAll(TOKENS)) {
    if (up !== undefined) at -= Number(up);
    else if (token === "\u001b[J") rows.splice(at, rows.length, "");
    else if (token === "\n") rows[++at] ??= "";
    else if (token !== "\r" && !token.startsWith("\u001b")) rows[at] += token;
    if (at < 0) throw new Error("moved above what was written");
  }
  return rows.filter((row) => row !== "");
}
