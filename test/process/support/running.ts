import type { ChildProcess } from "node:child_process";
import { spawn, spawnSync } from "node:child_process";
import { LIMIT_MS, until } from "./until.ts";

export interface Ending {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface RunOptions {
  readonly cwd: string;
  readonly env?: NodeJS.ProcessEnv;
  /** Who runs it; only root may choose. */
  readonly uid?: number;
}

/**
 * Words before a command that have the kernel kill it when this process dies, however it dies (prctl(2),
 * PR_SET_PDEATHSIG): a test run that is broken off must not leave nodes behind.
 */
const LEASH = ["setpriv", "--pdeathsig", "KILL"];
const leash = spawnSync(LEASH[0]!, [...LEASH.slice(1), "true"]).status === 0 ? LEASH : [];

/** A process of a test, in a process group of its own as a terminal would give it one. */
export class Running {
  readonly name: string;
  readonly pid: number;
  /** Whole lines in the order they came, those of stderr among them. */
  readonly lines: string[] = [];
  stdout = "";
  stderr = "";
  /** How it ended, once all it said has been read. */
  ending: Ending | null = null;
  #isGone = false;
  readonly #child: ChildProcess;
  readonly #startedAt = performance.now();
  readonly #transcript: string[] = [];

  constructor(name: string, command: string, args: readonly string[], options: RunOptions) {
    this.name = name;
    const [program, ...words] = [...leash, command, ...args] as [string, ...string[]];
    this.#child = spawn(program, words, {
      cwd: options.cwd,
      env: options.env ?? process.env,
      stdio: ["ignore", "pipe", "pipe"],
      detached: true,
      ...(options.uid !== undefined && { uid: options.uid, gid: options.uid }),
    });
    this.pid = this.#child.pid ?? 0;
    this.#note(`$ ${[command, ...args].join(" ")} (pid ${this.pid})`);
    this.#read("stdout");
    this.#read("stderr");
    this.#child.on("exit", () => {
      this.#isGone = true;
    });
    this.#child.on("error", (error) => this.#end({ code: null, signal: null }, String(error)));
    this.#child.on("close", (code, signal) => this.#end({ code, signal }, signal ?? `exit code ${code}`));
  }

  #read(name: "stdout" | "stderr"): void {
    let rest = "";
    this.#child[name]?.setEncoding("utf8").on("data", (chunk: string) => {
      this[name] += chunk;
      const lines = (rest + chunk).split("\n");
      rest = lines.pop() ?? "";
      this.lines.push(...lines);
      for (const line of lines) this.#note(name === "stderr" ? `stderr: ${line}` : line);
    });
  }

  #end(ending: Ending, how: string): void {
    if (this.ending !== null) return;
    this.ending = ending;
    this.#note(`ended: ${how}`);
  }

  #note(line: string): void {
    this.#transcript.push(`${(performance.now() - this.#startedAt).toFixed(0).padStart(7)} ms  ${line}`);
  }

  /** Everything it said and when, for whoever reads a failed test. */
  transcript(): string {
    return `--- ${this.name}\n${this.#transcript.join("\n")}`;
  }

  /** The first line that equals or matches `wanted`, now or later. */
  line(wanted: string | RegExp, limitMs = LIMIT_MS): Promise<string> {
    const fits = (line: string) => (typeof wanted === "string" ? line === wanted : wanted.test(line));
    return until(`${this.name} prints ${wanted}`, () => this.lines.find(fits), limitMs);
  }

  count(wanted: RegExp): number {
    return this.lines.filter((line) => wanted.test(line)).length;
  }

  /** To the process alone. Its id may soon be another's: nothing is sent to one that has ended. */
  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** To everything in its group, as a terminal does at CTRL+C. */
  signalGroup(signal: NodeJS.Signals): void {
    if (!this.#isGone && this.pid > 0) process.kill(-this.pid, signal);
  }

  ended(limitMs = LIMIT_MS): Promise<Ending> {
    return until(`${this.name} ends`, () => this.ending, limitMs);
  }

  async kill(): Promise<void> {
    this.signal("SIGKILL");
    await this.ended();
  }
}
