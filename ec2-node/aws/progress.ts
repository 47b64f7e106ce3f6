import { printable } from "../../shared/printable.ts";
import type { Terminal } from "../cli/live-view.ts";
import { LiveView } from "../cli/live-view.ts";

/** The part of a stream that is written to; `rows`, `columns` and `writableLength` are a terminal's. */
export interface ProgressStream {
  readonly rows?: number;
  readonly columns?: number;
  readonly writableLength?: number;
  write(text: string): unknown;
  on?(event: "error", listener: () => void): unknown;
}

export interface ProgressOutput {
  readonly stream: ProgressStream;
  readonly isTerminal: boolean;
  /** Milliseconds of any clock that only goes forwards. */
  readonly now: () => number;
  /** Colours on a terminal; unless given, what the environment's NO_COLOR says. */
  readonly hasColors?: boolean;
}

interface Running {
  readonly title: string;
  readonly startedAt: number;
  detail: string;
  /** When something was last said of it where lines are all there is. */
  saidAt: number;
}

const DRAW_EVERY_MS = 100;
const SPINNER = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"];
/** Width of the column of times; "12 m 05 s" is as long as they get within an hour and a half. */
const TIME_WIDTH = 9;

/**
 * Where no terminal shows what is going on, a task is named once it has taken so long, and again whenever so long has
 * passed since: a log that stands still looks like a program that does.
 */
const STILL_RUNNING_AFTER_MS = 10_000;

/**
 * Shows tasks and how long they take. On a terminal those that run stand at the bottom, and each moves up when it is done;
 * everywhere else there is a plain line for each when it is done. What has been written stays.
 */
export class Progress {
  readonly #stream: ProgressStream;
  readonly #now: () => number;
  readonly #paint: (text: string, color: "red" | "dim") => string;
  readonly #view: LiveView | null;
  readonly #timer: NodeJS.Timeout;
  #running: Running[] = [];
  #frame = 0;
  #isClosed = false;

  constructor(out: ProgressOutput) {
    this.#stream = out.stream;
    this.#now = out.now;
    const isTerminal = out.isTerminal && process.env.TERM !== "dumb";
    const hasColors = isTerminal && (out.hasColors ?? !process.env.NO_COLOR);
    this.#paint = (text, color) => (hasColors ? `${COLORS[color]}${text}${PLAIN}` : text);
    this.#view = isTerminal ? new LiveView(terminalOf(out.stream)) : null;
    // Whoever read it may leave (EPIPE): what is under way is finished all the same.
    out.stream.on?.("error", () => {});
    this.#timer = setInterval(() => this.#tick(), DRAW_EVERY_MS);
    // Whoever waits for a task keeps the process alive; the display of it must not.
    this.#timer.unref();
  }

  /** Runs `work` and shows it under `title`; `note` says what it is at. Settles as `work` does. */
  async task<T>(title: string, work: (note: (detail: string) => void) => Promise<T>): Promise<T> {
    const startedAt = this.#now();
    const running: Running = { title, startedAt, detail: "", saidAt: startedAt };
    this.#running.push(running);
    this.#draw();
    try {
      const result = await work((detail) => {
        running.detail = detail;
      });
      this.#end(running, "");
      return result;
    } catch (error) {
      this.#end(running, "FAILED: ");
      throw error;
    }
  }

  /** A line of its own, which stays. */
  line(text: string): void {
    this.#say(printable(text));
  }

  /** Lets go of the terminal. Tasks that still run are said to, and not shown any more. */
  close(): void {
    if (this.#isClosed) return;
    clearInterval(this.#timer);
    for (const running of [...this.#running]) this.#end(running, "not finished: ");
    this.#isClosed = true;
  }

  #end(running: Running, outcome: string): void {
    if (!this.#running.includes(running)) return;
    this.#running = this.#running.filter((other) => other !== running);
    const time = this.#paint(this.#elapsed(running), "dim");
    const text = `${outcome}${describe(running)}`;
    this.#say(`${time}  ${outcome === "FAILED: " ? this.#paint(text, "red") : text}`);
  }

  #say(line: string): void {
    if (this.#isClosed || this.#view === null) {
      this.#stream.write(`${line}\n`);
    } else {
      this.#view.setTable(this.#table());
      this.#view.note([line]);
    }
  }

  #tick(): void {
    this.#frame++;
    if (this.#running.length === 0) return;
    if (this.#view !== null) this.#draw();
    else this.#nameLongRunning();
  }

  #draw(): void {
    // Nobody reads, as after CTRL+S: the next frame says it all.
    if (this.#view === null || this.#isClosed || (this.#stream.writableLength ?? 0) > 0) return;
    this.#view.setTable(this.#table());
    this.#view.draw();
  }

  #table(): string[] {
    const spinner = SPINNER[this.#frame % SPINNER.length]!;
    // A line that the terminal wraps is two when it is to be drawn over.
    const width = (this.#stream.columns || Number.POSITIVE_INFINITY) - TIME_WIDTH - 5;
    return this.#running.map((running) => {
      const time = this.#paint(this.#elapsed(running), "dim");
      return `${time}  ${spinner} ${cut(describe(running), width)}`;
    });
  }

  #nameLongRunning(): void {
    for (const running of this.#running) {
      if (this.#now() - running.saidAt < STILL_RUNNING_AFTER_MS) continue;
      running.saidAt = this.#now();
      this.#say(`${this.#elapsed(running)}  ... ${describe(running)}`);
    }
  }

  #elapsed(running: Running): string {
    return elapsedText(this.#now() - running.startedAt).padStart(TIME_WIDTH);
  }
}

const COLORS = { red: "\u001b[31m", dim: "\u001b[2m" };
const PLAIN = "\u001b[0m";

function describe({ title, detail }: Running): string {
  return printable(detail === "" ? title : `${title} (${detail})`);
}

function cut(text: string, width: number): string {
  return text.length <= width ? text : `${text.slice(0, Math.max(0, width - 1))}…`;
}

/**
 * `3.2 s`, `2 m 05 s`.
 * @internal for tests
 */
export function elapsedText(ms: number): string {
  const seconds = Math.max(0, ms) / 1000;
  if (seconds < 59.95) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  return `${Math.floor(whole / 60)} m ${String(whole % 60).padStart(2, "0")} s`;
}

function terminalOf(stream: ProgressStream): Terminal {
  return {
    // Looked up at each frame: windows are resized.
    get rows() {
      return stream.rows ?? 0;
    },
    write: (text) => stream.write(text),
  };
}
