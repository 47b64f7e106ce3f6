import { rmSync } from "node:fs";
import { join } from "node:path";
import type { CallOptions, Reply } from "./http.ts";
import { call, post } from "./http.ts";
import type { Ending, Running, RunOptions } from "./running.ts";
import { until } from "./until.ts";

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

/** What these tests look at of GET /status. */
export interface Status {
  readonly node: string;
  readonly state: "Follower" | "Candidate" | "Leader";
  readonly term: number;
  readonly leader: string | null;
  readonly log: readonly { readonly term: number; readonly cmd: string }[];
  readonly commitIndex: number;
  readonly raft: {
    readonly clusterId: string | null;
    readonly storeId: string;
    readonly clusterSize: number;
    readonly lastIndex: number;
    readonly commitIndex: number;
    readonly appliedIndex: number;
    readonly problem: string | null;
  };
}

/** One node and the command line that runs it, over all its starts. */
export class LabNode {
  readonly id: string;
  readonly url: string;
  readonly port: number;
  /** Its present process, or its last. */
  #process: Running | null = null;
  readonly #processes: Running[] = [];
  readonly #lab: Launcher;
  readonly #spec: NodeSpec;

  constructor(lab: Launcher, spec: NodeSpec) {
    this.#lab = lab;
    this.#spec = spec;
    this.id = spec.id;
    this.port = spec.port;
    this.url = `http://${spec.host ?? "127.0.0.1"}:${spec.port}`;
  }

  get dataDirectory(): string {
    return join(this.#spec.cwd ?? this.#lab.directory, ".raft-lite", this.id);
  }

  get running(): boolean {
    return this.#process !== null && this.#process.ending === null;
  }

  get process(): Running {
    if (this.#process === null) throw new Error(`node ${this.id} was never started`);
    return this.#process;
  }

  /** The lines of all its starts. */
  get lines(): readonly string[] {
    return this.#processes.flatMap((process) => process.lines);
  }

  /** By the same command line every time. Does not wait. */
  start(): Running {
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

  kill(): Promise<void> {
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

  async status(query = ""): Promise<Status> {
    const { text } = await call(`${this.url}/status${query}`, { timeoutMs: 5_000 });
    return JSON.parse(text) as Status;
  }

  command(cmd: string, options: CallOptions = {}): Promise<Reply> {
    return post(`${this.url}/command`, { cmd }, options);
  }

  /** A linearizable read. */
  async get(key: string): Promise<unknown> {
    const { status, text } = await this.command(`GET ${key}`);
    if (status !== 200) throw new Error(`GET ${key} at ${this.id}: ${status} ${text}`);
    return (JSON.parse(text) as { result: unknown }).result;
  }

  /** Sends a command until it is taken; only for commands that may be carried out twice. */
  insist(cmd: string): Promise<Record<string, unknown>> {
    return until(`${this.id} takes ${cmd}`, async () => {
      const { status, text } = await this.command(cmd);
      if (status !== 200) throw new Error(`${status} ${text}`);
      return JSON.parse(text) as Record<string, unknown>;
    });
  }
}
