import type { ChildProcess } from "node:child_process";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { Agent, request } from "node:http";
import type { AddressInfo } from "node:net";
import { createServer } from "node:net";
import { join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Dialect } from "./requests.ts";
import type { System } from "./results.ts";

/** A cluster of three processes on this machine, as the benchmark drives it. */
export interface BenchCluster {
  readonly name: System;
  readonly dialect: Dialect;
  start(): Promise<void>;
  /** Where clients reach a member, and its process. */
  port(member: number): number;
  pid(member: number): number;
  /** Number of the term: it rises with every election. */
  term(): Promise<number>;
  /** Resolves with the leader's number once all three are up and level. */
  ready(): Promise<number>;
  /** One write through a member. Rejects when it was not acknowledged in time. */
  put(member: number, value: number, timeoutMs: number): Promise<void>;
  end(member: number, signal: NodeJS.Signals): void;
  /** Waits for the end of a member that was signalled and starts it again. */
  restart(member: number): Promise<void>;
  /** Ends all three at once. Resolves when they are gone. */
  close(): Promise<void>;
}

const MEMBERS = [0, 1, 2];
const READY_WITHIN_MS = 60_000;

abstract class ProcessCluster implements BenchCluster {
  abstract readonly name: System;
  abstract readonly dialect: Dialect;
  readonly #agent = new Agent({ keepAlive: true });
  readonly #processes: ChildProcess[] = [];
  /** Six of them: clients' and, where they differ, peers'. */
  protected ports: readonly number[] = [];

  protected abstract commandLine(member: number): readonly [command: string, args: readonly string[]];
  protected abstract findLeader(): Promise<number | null>;
  abstract put(member: number, value: number, timeoutMs: number): Promise<void>;
  abstract term(): Promise<number>;

  port(member: number): number {
    return this.ports[member]!;
  }

  pid(member: number): number {
    return this.#processes[member]!.pid!;
  }

  async start(): Promise<void> {
    this.ports = await freePorts(6);
    for (const member of MEMBERS) this.#spawn(member);
  }

  #spawn(member: number): void {
    const [command, args] = this.commandLine(member);
    this.#processes[member] = spawn(command, args, { stdio: "ignore" });
  }

  async ready(): Promise<number> {
    const end = performance.now() + READY_WITHIN_MS;
    for (;;) {
      const leader = await this.findLeader().catch(() => null);
      if (leader !== null) return leader;
      if (performance.now() > end) throw new Error(`${this.name} has no leader that all follow`);
      await sleep(100);
    }
  }

  end(member: number, signal: NodeJS.Signals): void {
    this.#processes[member]?.kill(signal);
  }

  async restart(member: number): Promise<void> {
    const old = this.#processes[member];
    if (old !== undefined) await gone(old);
    this.#spawn(member);
  }

  async close(): Promise<void> {
    this.#agent.destroy();
    await Promise.all(this.#processes.map((process) => gone(process, "SIGKILL")));
  }

  protected call(
    member: number,
    path: string,
    body: unknown,
    timeoutMs = 1000,
  ): Promise<Record<string, unknown>> {
    return new Promise((resolve, reject) => {
      const method = body === undefined ? "GET" : "POST";
      const call = request({ agent: this.#agent, host: "127.0.0.1", port: this.ports[member], method, path });
      const timer = setTimeout(() => call.destroy(new Error("no answer in time")), timeoutMs);
      call.on("response", (reply) => {
        let text = "";
        reply.setEncoding("utf8");
        reply.on("data", (part) => {
          text += part;
        });
        reply.on("error", reject);
        reply.on("end", () => {
          if (reply.statusCode === 200) resolve(JSON.parse(text) as Record<string, unknown>);
          else reject(new Error(`HTTP ${reply.statusCode}: ${text}`));
        });
      });
      call.on("error", reject);
      call.on("close", () => clearTimeout(timer));
      call.end(body === undefined ? undefined : JSON.stringify(body));
    });
  }
}

interface RaftLiteStatus {
  readonly state: string;
  readonly leader: string | null;
  readonly raft: { readonly lastIndex: number; readonly commitIndex: number };
}

export class RaftLiteCluster extends ProcessCluster {
  readonly name = "Raft Lite";
  readonly dialect = "raft-lite";
  readonly #directory: string;

  constructor(directory: string) {
    super();
    this.#directory = directory;
  }

  protected commandLine(member: number): readonly [string, readonly string[]] {
    const id = "ABC".charAt(member);
    const peers = MEMBERS.filter((other) => other !== member).map(
      (other) => `http://127.0.0.1:${this.ports[other]}`,
    );
    const args = [
      "--id",
      id,
      "--port",
      String(this.ports[member]),
      "--host",
      "127.0.0.1",
      "--peers",
      peers.join(","),
    ];
    const program = resolve(import.meta.dirname, "../bin/raft-lite.js");
    return [process.execPath, [program, "node", ...args, "--data-dir", join(this.#directory, id)]];
  }

  protected async findLeader(): Promise<number | null> {
    const statuses = (await Promise.all(
      MEMBERS.map((member) => this.call(member, "/status?log=0", undefined)),
    )) as unknown as RaftLiteStatus[];
    const leader = statuses.findIndex(({ state }) => state === "Leader");
    const level = statuses.every(
      ({ raft, leader: followed }) =>
        followed === "ABC".charAt(leader) && raft.commitIndex === statuses[leader]?.raft.lastIndex,
    );
    return level ? leader : null;
  }

  async term(): Promise<number> {
    return Number((await this.call(0, "/status?log=0", undefined)).term);
  }

  async put(member: number, value: number, timeoutMs: number): Promise<void> {
    await this.call(member, "/command", { cmd: `SET key=${value}` }, timeoutMs);
  }
}

/** Waits for a process's end, and sees to it where a signal is given. */
async function gone(process: ChildProcess, signal?: NodeJS.Signals): Promise<void> {
  if (process.exitCode !== null || process.signalCode !== null) return;
  const exit = once(process, "exit");
  if (signal !== undefined) process.kill(signal);
  await exit;
}

/** null when it is not installed (Debian: apt-get install etcd-server). */
export function etcdVersion(): string | null {
  const { status, stdout } = spawnSync("etcd", ["--version"], { encoding: "utf8" });
  return status === 0 ? (/etcd Version: (\S+)/.exec(stdout)?.[1] ?? "unknown") : null;
}

/** etcd with its defaults (heartbeat 100 ms, election timeout 1000 ms), spoken to through its JSON gateway. */
export class EtcdCluster extends ProcessCluster {
  readonly name = "etcd";
  readonly dialect = "etcd";
  readonly #directory: string;

  constructor(directory: string) {
    super();
    this.#directory = directory;
  }

  protected commandLine(member: number): readonly [string, readonly string[]] {
    const peerUrl = (of: number) => `http://127.0.0.1:${this.ports[3 + of]}`;
    const clientUrl = `http://127.0.0.1:${this.ports[member]}`;
    const flags = {
      name: `m${member}`,
      "data-dir": join(this.#directory, `m${member}`),
      "listen-peer-urls": peerUrl(member),
      "initial-advertise-peer-urls": peerUrl(member),
      "listen-client-urls": clientUrl,
      "advertise-client-urls": clientUrl,
      "initial-cluster": MEMBERS.map((of) => `m${of}=${peerUrl(of)}`).join(","),
      "initial-cluster-state": "new",
    };
    return ["etcd", Object.entries(flags).map(([name, value]) => `--${name}=${value}`)];
  }

  protected async findLeader(): Promise<number | null> {
    const statuses = await Promise.all(
      MEMBERS.map((member) => this.call(member, "/v3/maintenance/status", {})),
    );
    const leaders = new Set(statuses.map(({ leader }) => leader));
    const indexes = statuses.map(({ raftIndex }) => Number(raftIndex));
    // Its status may be a few entries apart while all is well.
    if (leaders.size !== 1 || Math.max(...indexes) - Math.min(...indexes) > 10) return null;
    const [leader] = leaders;
    const found = statuses.findIndex(({ header }) => (header as { member_id?: string }).member_id === leader);
    return found < 0 ? null : found;
  }

  async term(): Promise<number> {
    return Number((await this.call(0, "/v3/maintenance/status", {})).raftTerm);
  }

  async put(member: number, value: number, timeoutMs: number): Promise<void> {
    const base64 = (text: string) => Buffer.from(text).toString("base64");
    await this.call(member, "/v3/kv/put", { key: base64("key"), value: base64(String(value)) }, timeoutMs);
  }
}

/** Ports that were free a moment ago, each another one. */
async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, async () => {
      const server = createServer().listen({ host: "127.0.0.1", port: 0 });
      await once(server, "listening");
      return server;
    }),
  );
  const ports = servers.map((server) => (server.address() as AddressInfo).port);
  await Promise.all(servers.map((server) => once(server.close(), "close")));
  return ports;
}
