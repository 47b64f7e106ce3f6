import { rmSync } from "node:fs";
import { join } from "node:path";
import type { Ending, Running, RunOptions } from "./running.ts";
import { TestNode } from "./test-node.ts";

/** Where nodes are run. */
export interface Launcher {
  readonly directory: string;
  raftLite(
    name: string,
    args: readonly string[],
    options?: Partial<RunOptions>,
    runtime?: string | undefined,
  ): Running;
}

export interface NodeSpec {
  readonly id: string;
  readonly port: number;
  /** Where it is reached; 127.0.0.1 unless it says otherwise. */
  readonly host?: string;
  /** Further words of its command line, as they would be typed. */
  readonly words: readonly string[];
  /** Where it is started: its data directory is `.raft-lite/<id>` below. */
  readonly cwd?: string;
  /** The Node that runs it, if not the pinned one. */
  readonly runtime?: string;
}

/** One node and the command line that runs it, over all its starts. */
export class LabNode extends TestNode {
  readonly port: number;
  /** Its present process, or its last. */
  #process: Running | null = null;
  readonly #processes: Running[] = [];
  readonly #lab: Launcher;
  readonly #spec: NodeSpec;

  constructor(lab: Launcher, spec: NodeSpec) {
    super(spec.id, `http://${spec.host ?? "127.0.0.1"}:${spec.port}`);
    this.#lab = lab;
    this.#spec = spec;
    this.port = spec.port;
  }

  get dataDirectory(): string {
    return join(this.#spec.cwd ?? this.#lab.directory, ".raft-lite", this.id);
  }

  override get running(): boolean {
    return this.#process !== null && this.#process.ending === null;
  }

  get process(): Running {
    if (this.#process === null) throw new Error(`node ${this.id} was never started`);
    return this.#process;
  }

  override get lines(): readonly string[] {
    return this.#processes.flatMap((process) => process.lines);
  }

  /** By the same command line every time. Does not wait. */
  override start(): Running {
    if (this.running) throw new Error(`node ${this.id} runs already`);
    const { id, port, words, cwd, runtime } = this.#spec;
    const args = ["node", "--id", id, "--port", String(port), ...words];
    this.#process = this.#lab.raftLite(`node ${id}`, args, cwd === undefined ? {} : { cwd }, runtime);
    this.#processes.push(this.#process);
    return this.#process;
  }

  async started(): Promise<void> {
    await this.process.line(`[Node ${this.id}] Started on port ${this.port}`);
  }

  override kill(): Promise<void> {
    return this.process.kill();
  }

  /** CTRL+C, unless told otherwise. */
  stop(signal: NodeJS.Signals = "SIGINT"): Promise<Ending> {
    this.process.signal(signal);
    return this.process.ended();
  }

  wipe(): void {
    rmSync(this.dataDirectory, { recursive: true });
  }
}
