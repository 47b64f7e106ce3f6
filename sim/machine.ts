import type { Timings } from "../shared/node/defaults.ts";
import { RaftNode } from "../shared/node/node.ts";
import type { ListedPeer } from "../shared/node/peer-directory.ts";
import type { ExchangeBody } from "../shared/node/ports.ts";
import type { StateMachine } from "../shared/node/state-machine.ts";
import type { ElectionPriority, RaftLimits } from "../shared/raft/core.ts";
import type { NodeId } from "../shared/raft/types.ts";
import { CrashingStorage } from "./crashing-storage.ts";
import type { MachineClock } from "./machine-clock.ts";
import type { Endpoint, Reply } from "./network.ts";
import { ObservedDisk } from "./observed-disk.ts";
import { ObservedStateMachine } from "./observed-state-machine.ts";
import type { Random } from "./random.ts";
import { createSimulatedHost } from "./simulated-host.ts";
import { SimulatedProcess } from "./simulated-process.ts";
import { STORE_TABLES, storedState } from "./store/stored-state.ts";
import type { World } from "./world.ts";

export interface MachineOptions<Machine extends StateMachine> {
  readonly id: NodeId;
  readonly address: string;
  readonly peers: readonly ListedPeer[];
  readonly advertise: string | null;
  readonly timings: Timings;
  readonly limits: Partial<RaftLimits>;
  readonly electionPriority: ElectionPriority;
  readonly clock: MachineClock;
  /** What a sync takes at most. */
  readonly longestSyncMs: number;
  readonly createStateMachine: () => Machine;
  readonly dump: (machine: Machine) => string;
  readonly random: Random;
}

/** A host ends a process that takes longer than this for a clean stop. */
const stopWithinMs = 1800;

/** Tables in which nodes may differ that have applied the same: who they are, and what is not committed yet. */
const ownTables: ReadonlySet<string> = new Set(["meta", "hard_state", "entries", "host_alarm"]);

/** One simulated computer: a clock, a disk that outlives its processes, and at most one process. */
export class SimulatedMachine<Machine extends StateMachine> implements Endpoint {
  readonly options: MachineOptions<Machine>;
  /** How many times longer than usual the disk takes. */
  diskSlowdown = 1;
  /** Called when a process has ended by itself. */
  onExit: (why: "failed" | "stopped") => void = () => {};
  readonly #world: World;
  readonly #random: Random;
  #storage: CrashingStorage;
  #process: SimulatedProcess<Machine> | null = null;
  #power = true;
  #crashAtSync: (() => void) | null = null;
  #stalled = false;
  #failureIsDue = false;

  constructor(options: MachineOptions<Machine>, world: World) {
    this.options = options;
    this.#world = world;
    this.#random = options.random;
    this.#storage = new CrashingStorage({ delay: (done) => this.#syncLater(done) });
  }

  get id(): NodeId {
    return this.options.id;
  }

  get port(): "open" | "closed" | "silent" {
    if (!this.#power) return "silent";
    return this.#process === null ? "closed" : "open";
  }

  get process(): SimulatedProcess<Machine> | null {
    return this.#process;
  }

  /** The node, when it takes part. */
  get node(): RaftNode | null {
    return this.#process === null || this.#process.givenUp ? null : this.#process.node;
  }

  get isStalled(): boolean {
    return this.#stalled;
  }

  /** The disk is going to fail, and has not yet. */
  get failureIsDue(): boolean {
    return this.#failureIsDue;
  }

  // ---- what can be done to it ----

  /** `quiet`: the node had fallen silent before it lost its memory. */
  start(quiet = false): void {
    if (this.#process !== null) return;
    this.#power = true;
    const { id, clock, createStateMachine } = this.options;
    const { monitor, scheduler, counts } = this.#world;
    const disk = new ObservedDisk(this.#storage, {
      written: (content, from) => monitor.written(id, content, from),
      synced: (content) => monitor.synced(id, content),
      syncing: () => this.#onSync(),
      failed: () => this.#onStorageFailed(process),
    });
    const parts = { clock: clock.ofProcess(), stateMachine: createStateMachine(), disk };
    const process = new SimulatedProcess<Machine>(parts, scheduler, this.#random);
    this.#process = process;
    counts.add("starts");
    monitor.started(id, disk.durable);
    // Reading and verifying what is stored takes a while; the port is open by then and says so.
    process.later(this.#random.between(1, 30), () => this.#open(process, quiet));
  }

  #open(process: SimulatedProcess<Machine>, quiet: boolean): void {
    const { options } = this;
    const { monitor, recordings } = this.#world;
    RaftNode.open({
      id: options.id,
      peers: options.peers,
      advertise: options.advertise,
      fallbackAddress: () => options.address,
      timings: options.timings,
      limits: options.limits,
      electionPriority: options.electionPriority,
      quiet,
      // Some machines write what they applied at once, some hardly ever in so short a run.
      flushEntries: 4 ** (options.id.charCodeAt(0) % 4),
      storage: process.disk,
      stateMachine: new ObservedStateMachine(options.id, process.stateMachine, options.dump, monitor),
      host: createSimulatedHost(this, options.clock, process, this.#world, this.#random),
      onEvent: (event) => monitor.traced(options.id, event),
      recorder: recordings?.recorder(options.id, process.clock),
      onFatal: (error) => this.#onFatal(process, error),
    }).then(
      (node) => {
        if (!process.isAlive) return;
        process.node = node;
        node.start();
      },
      (error: unknown) => this.#onFatal(process, error),
    );
  }

  /** Ends the process at once. `power`: the whole machine goes, and nobody is told. */
  crash(power: boolean): void {
    this.#end();
    this.#power = !power;
    if (!power) this.#world.network.processEnded(this);
  }

  /** Takes the memory of a quiet node, which comes back as quiet as it was. Returns whether it was. */
  evict(): boolean {
    if (this.node?.isQuiet !== true || this.#process?.isPaused === true) return false;
    this.crash(false);
    this.start(true);
    return true;
  }

  /** SIGTERM: the node may hand over and finish, within what a host gives it. Returns whether it is up to that. */
  stop(): boolean {
    const process = this.#process;
    if (process === null || process.node === null || process.stopping || process.isPaused) return false;
    process.stopping = true;
    const exit = () => {
      if (!process.isAlive) return;
      this.crash(false);
      this.onExit("stopped");
    };
    process.node.stop().then(exit, (error: unknown) => this.#onFatal(process, error));
    process.later(this.options.clock.trueMs(stopWithinMs), exit);
    return true;
  }

  /** From now on no sync finishes. */
  stallDisk(): void {
    this.#stalled = true;
    this.#storage.stall();
  }

  unstallDisk(): void {
    if (!this.#stalled) return;
    this.#stalled = false;
    const storage = this.#storage;
    this.#process?.deliver(() => storage.resume());
  }

  failDisk(what: "write" | "sync"): void {
    this.#failureIsDue = true;
    if (what === "write") this.#storage.failNextWrite();
    else this.#storage.failNextSync();
  }

  /** Crashes in the middle of the next sync: between what was written and what is durable. */
  crashAtSync(crash: () => void): void {
    this.#crashAtSync = crash;
  }

  /** What the disk of an ended node holds of what it applied: the rows of all tables that follow from the log. */
  stored(): { readonly applied: number; readonly tables: string } {
    const { sql } = this.#storage;
    const names = sql
      .exec<{ name: string }>("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name")
      .toArray()
      .map(({ name }) => name);
    const followsFromLog = names.filter((name) => !ownTables.has(name));
    const tables: unknown[] = followsFromLog
      .filter((name) => !STORE_TABLES.has(name))
      .map((name) => [name, sql.exec(`SELECT * FROM ${name}`).toArray()]);
    if (names.includes("change_segments")) tables.push(storedState(sql));
    const applied = names.includes("meta")
      ? sql.exec<{ value: number }>("SELECT value FROM meta WHERE key = 'applied'").one().value
      : 0;
    return { applied, tables: JSON.stringify(tables, blobAsText) };
  }

  // ---- as an endpoint ----

  receive(body: ExchangeBody, reply: (reply: Reply) => void): void {
    const process = this.#process;
    process?.deliver(() => {
      if (process.node === null) {
        const detail = "this node is starting";
        reply({ status: 503, body: JSON.stringify({ code: "starting", detail }) });
        return;
      }
      process.node.exchange(body).then(
        (answer) => {
          if (!process.isAlive) return;
          if (answer.peer !== null) this.#world.monitor.leaves(this.id, answer.peer, answer.body);
          reply(answer);
        },
        (error: unknown) => this.#onFatal(process, error),
      );
    });
  }

  /** As a host's peer watch: only the current leader counts, and only when a redial is refused. */
  connectionClosed(peer: NodeId): void {
    const process = this.#process;
    process?.deliver(() => {
      const before = this.node?.status(0);
      if (before?.leader !== peer) return;
      this.#world.network.probe(this, peer, () =>
        process.deliver(() => {
          const after = this.node?.status(0);
          if (after?.leader !== peer || after.term !== before.term) return;
          this.#world.counts.add("peers lost");
          process.node?.peerLost(peer);
        }),
      );
    });
  }

  // ---- what happens in it ----

  #syncLater(done: () => void): void {
    const { longestSyncMs } = this.options;
    this.#process?.later(this.#random.between(0.1, longestSyncMs) * this.diskSlowdown, done);
  }

  #onSync(): void {
    const crash = this.#crashAtSync;
    if (crash === null) return;
    this.#crashAtSync = null;
    this.#world.scheduler.after(this.#random.between(0, 0.1), crash);
  }

  #onStorageFailed(process: SimulatedProcess<Machine>): void {
    process.storageFailed = true;
    process.later(1, () => {
      if (process.givenUp) return;
      this.#world.monitor.report("failed-storage-stops-node", `${this.id} goes on without its storage`);
    });
  }

  #onFatal(process: SimulatedProcess<Machine>, error: unknown): void {
    if (!process.isAlive || process.givenUp) return;
    process.givenUp = true;
    if (!process.storageFailed) this.#world.monitor.failed(this.id, error);
    this.#world.counts.add("failed nodes");
    // The host ends the process: exit 1.
    this.#world.scheduler.after(0, () => {
      if (!process.isAlive) return;
      this.crash(false);
      this.onExit("failed");
    });
  }

  #end(): void {
    const process = this.#process;
    if (process === null) return;
    this.#process = null;
    this.#crashAtSync = null;
    this.#stalled = false;
    this.#failureIsDue = false;
    if (this.#storage.unsynced > 0) this.#world.counts.add("crashes with unsynced writes");
    this.#storage = this.#storage.crash(() => this.#random.float());
    this.#world.monitor.ended(this.id);
    this.#world.recordings?.ended(this.id);
    process.end();
  }
}

function blobAsText(_key: string, value: unknown): unknown {
  return value instanceof ArrayBuffer ? Buffer.from(value).toString("latin1") : value;
}
