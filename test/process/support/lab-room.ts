import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { Cluster } from "./cluster.ts";
import type { NodeSpec } from "./node.ts";
import { LabNode } from "./node.ts";
import type { ReservedPorts } from "./ports.ts";
import { reservePorts } from "./ports.ts";
import { TcpProxy } from "./proxy.ts";
import type { RunOptions } from "./running.ts";
import { Running } from "./running.ts";

export const CHECKOUT = resolve(import.meta.dirname, "../../..");
const BIN = join(CHECKOUT, "bin/raft-lite.js");
/** The Node that `npm ci` brought along. */
export const PINNED_NODE = join(CHECKOUT, "node_modules/.bin/node");

/** A Node of the machine's own that is too old to run the sources; null when there is none. */
export function oldNode(): string | null {
  for (const directory of (process.env.PATH ?? "").split(":")) {
    if (directory.includes("node_modules")) continue;
    const { stdout } = spawnSync(join(directory, "node"), ["--version"], { encoding: "utf8" });
    const [, major] = /^v(\d+)\./.exec(stdout ?? "") ?? [];
    if (major !== undefined) return Number(major) < 22 ? join(directory, "node") : null;
  }
  return null;
}

/** Set in everything that a lab runs, to its directory, and passed on to all that is run by that in turn. */
const MARK = "RAFT_LITE_TEST_LAB";

/** Ends what was left behind by processes that have ended; their own ids say nothing any more. */
function killMarked(directory: string): void {
  for (const pid of existsSync("/proc/self/environ") ? readdirSync("/proc") : []) {
    try {
      const environment = /^\d+$/.test(pid) ? readFileSync(`/proc/${pid}/environ`, "utf8") : "";
      if (environment.split("\0").includes(`${MARK}=${directory}`)) process.kill(Number(pid), "SIGKILL");
    } catch {
      // Not ours to read, or gone.
    }
  }
}

/** For tests in which nobody may be elected: a machine that stands still for a second must not make an election. */
export const STEADY = ["--election-timeout", "1500-2500"];

/** What a test has on this machine, all of it taken back at its end: a directory, ports, processes, proxies. */
export class Lab {
  readonly directory = mkdtempSync(join(tmpdir(), "raft-lite-test-"));
  readonly #processes: Running[] = [];
  readonly #ports: ReservedPorts[] = [];
  readonly #atEnd: (() => unknown)[] = [];
  readonly #witnesses: (() => string)[] = [];

  /** Consecutive free ports. */
  async ports(count: number): Promise<readonly number[]> {
    const reserved = await reservePorts(count);
    this.#ports.push(reserved);
    return reserved.ports;
  }

  /** A directory below the lab's. */
  folder(name: string): string {
    const path = join(this.directory, name);
    mkdirSync(path, { recursive: true });
    return path;
  }

  run(name: string, command: string, args: readonly string[], options: Partial<RunOptions> = {}): Running {
    const env = { ...(options.env ?? process.env), [MARK]: this.directory };
    const running = new Running(name, command, args, { cwd: this.directory, ...options, env });
    this.#processes.push(running);
    return running;
  }

  /** `raft-lite …` as a user runs it who has a clone and the pinned Node. */
  raftLite(
    name: string,
    args: readonly string[],
    options: Partial<RunOptions> = {},
    runtime = PINNED_NODE,
  ): Running {
    return this.run(name, runtime, [BIN, ...args], options);
  }

  node(spec: NodeSpec): LabNode {
    return new LabNode(this, spec);
  }

  /** Nodes that list each other by address; an id is one letter of `ids`. */
  async cluster(ids: string, flags: readonly string[] = [], cwd = this.directory): Promise<Cluster> {
    const ports = await this.ports(ids.length);
    const nodes = [...ids].map((id, position) => {
      const peers = ports.filter((_, other) => other !== position).map((port) => `http://127.0.0.1:${port}`);
      const words = [...(peers.length > 0 ? ["--peers", peers.join(",")] : []), ...flags];
      return this.node({ id, port: ports[position]!, words, cwd });
    });
    return new Cluster(nodes);
  }

  async proxy(port: number): Promise<TcpProxy> {
    const proxy = await TcpProxy.open(port);
    this.atEnd(() => proxy.close());
    return proxy;
  }

  atEnd(task: () => unknown): void {
    this.#atEnd.push(task);
  }

  /** What else is to stand in the transcript. */
  witness(tell: () => string): void {
    this.#witnesses.push(tell);
  }

  transcript(): string {
    const processes = this.#processes.map((running) => running.transcript());
    return [...processes, ...this.#witnesses.map((tell) => tell())].join("\n");
  }

  async dispose(): Promise<void> {
    for (const running of this.#processes) running.signal("SIGKILL");
    killMarked(this.directory);
    for (const task of this.#atEnd.reverse()) await task();
    for (const running of this.#processes) await running.ended();
    for (const reserved of this.#ports) reserved.release();
    rmSync(this.directory, { recursive: true, force: true, maxRetries: 5 });
  }
}
