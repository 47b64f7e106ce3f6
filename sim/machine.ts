import type { Timings } from "../shared/node/defaults.ts";
import { RaftNode } from "../shared/node/node.ts";
import type { ListedPeer } from "../shared/node/peer-directory.ts";
import type { Clock, Host, TransportReply } from "../shared/node/ports.ts";
import { TransportError } from "../shared/node/ports.ts";
import type { StateMachine } from "../shared/node/state-machine.ts";
import type { defaultLimits } from "../shared/raft/core.ts";
import type { NodeId } from "../shared/raft/types.ts";
import type { Counts } from "./counts.ts";
import { CrashingStorage } from "./crashing-storage.ts";
import type { MachineClock } from "./machine-clock.ts";
import type { Monitor } from "./monitor.ts";
import type { Endpoint, Network, Reply } from "./network.ts";
import { ObservedDisk } from "./observed-disk.ts";
import { ObservedStateMachine } from "./observed-state-machine.ts";
import type { Random } from "./random.ts";
import type { Scheduler } from "./scheduler.ts";

export interface MachineOptions<Machine extends StateMachine> {
  readonly id: NodeId;
  readonly address: string;
  readonly peers: readonly ListedPeer[];
  readonly advertise: string | null;
  readonly timings: Timings;
  readonly limits: Partial<typeof defaultLimits>;
  readonly clock: MachineClock;
  readonly createStateMachine: () => Machine;
  readonly dump: (machine: Machine) => string;
  readonly random: Random;
}

/** What machines share. */
export interface World {
  readonly scheduler: Scheduler;
  readonly network: Network;
  readonly monitor: Monitor;
  readonly counts: Counts;
}

/** One run of a node on a machine, from its start until it ends or is ended. */
export interface Process<Machine extends StateMachine> {
  readonly clock: Clock;
  readonly stateMachine: Machine;
  readonly disk: ObservedDisk;
  /** null while its data is being opened. */
  node: RaftNode | null;
  alive: boolean;
  stopping: boolean;
  /** Called once when it is over, however it ends. */
  readonly onEnd: Set<() => void>;
  /** Its storage has told it that it failed. */
  storageFailed: boolean;
  /** It has told its host that it cannot go on. */
  givenUp: boolean;
  /** Changed with every use of the timer: an event of an earlier setting finds another one. */
  timer: number;
}

/** A host ends a process that takes longer than this for a clean stop. */
const stopWithinMs = 1800;

/** One simulated computer: a clock, a disk that outlives its processes, and at most one process. */
export class SimulatedMachine<Machine extends StateMachine> implements Endpoint {
  readonly options: MachineOptions<Machine>;
  readonly #world: World;
  readonly #random: Random;
  #storage: CrashingStorage;
  #process: Process<Machine> | null = null;
  #power = true;
  /** What happens to a stopped process waits here. */
  #backlog: (() => void)[] | null = null;
  /** How many times longer than usual the disk takes. */
  diskSlowdown = 1;
  #crashAtSync: (() => void) | null = null;
  /** Called when a process has ended by itself. */
  onExit: (why: "failed" | "stopped") => void = () => {};

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

  get process(): Process<Machine> | null {
    return this.#process;
  }

  /** The node, when it takes part. */
  get node(): RaftNode | null {
    return this.#process === null || this.#process.givenUp ? null : this.#process.node;
  }

  get isPaused(): boolean {
    return this.#backlog !== null;
  }

  /** The disk is going to fail, and has not yet. */
  get failureIsDue(): boolean {
    return this.#failureIsDue;
  }

  get isStalled(): boolean {
    return this.#stalled;
  }

  #stalled = false;
  #failureIsDue = false;

  // ---- what can be done to it ----

  start(): void {
    if (this.#process !== null) return;
    this.#power = true;
    const { options } = this;
    const stateMachine = options.createStateMachine();
    const disk = new ObservedDisk(this.#storage, {
      written: (content, _before, from) => this.#world.monitor.written(this.id, content, from),
      synced: (content) => this.#world.monitor.synced(this.id, content),
      syncing: () => this.#onSync(),
      failed: () => this.#onStorageFailed(process),
    });
    const process: Process<Machine> = {
      clock: options.clock.ofProcess(),
      stateMachine,
      disk,
      node: null,
      alive: true,
      stopping: false,
      onEnd: new Set(),
      storageFailed: false,
      givenUp: false,
      timer: 0,
    };
    this.#process = process;
    this.#world.counts.add("starts");
    this.#world.monitor.started(this.id, disk.durable);
    // Reading and verifying what is stored takes a while; the port is open by then and says so.
    this.#later(process, this.#random.between(1, 30), () => this.#open(process));
  }

  #open(process: Process<Machine>): void {
    const { options } = this;
    const { monitor } = this.#world;
    RaftNode.open({
      id: options.id,
      peers: options.peers,
      advertise: options.advertise,
      fallbackAddress: () => options.address,
      timings: options.timings,
      limits: options.limits,
      storage: process.disk,
      stateMachine: new ObservedStateMachine(options.id, process.stateMachine, options.dump, monitor),
      host: this.#host(process),
      onEvent: (event) => monitor.traced(options.id, event),
      onFatal: (error) => this.#onFatal(process, error),
    }).then(
      (node) => {
        if (!process.alive) return;
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

  /** SIGTERM: the node may hand over and finish, within what a host gives it. Returns whether it is up to that. */
  stop(): boolean {
    const process = this.#process;
    if (process === null || process.node === null || process.stopping || this.isPaused) return false;
    process.stopping = true;
    const exit = () => {
      if (!process.alive) return;
      this.crash(false);
      this.onExit("stopped");
    };
    process.node.stop().then(exit, (error: unknown) => this.#onFatal(process, error));
    this.#later(process, this.options.clock.trueMs(stopWithinMs), exit);
    return true;
  }

  /** SIGSTOP. */
  pause(): void {
    this.#backlog ??= [];
  }

  /**
   * SIGCONT: everything that waited happens, in the order in which it came or in another: nobody promises in which
   * order a process finds its timer, its disk and its connections ready.
   */
  resume(): void {
    const waiting = this.#backlog ?? [];
    this.#backlog = null;
    const backlog = this.#random.chance(0.5) ? waiting : this.#random.shuffle(waiting);
    for (const [place, run] of backlog.entries()) this.#world.scheduler.after(0.01 * place, run);
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
    if (this.#process === null) storage.resume();
    else this.#deliver(this.#process, () => storage.resume());
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

  // ---- as an endpoint ----

  receive(body: string, reply: (reply: Reply) => void): void {
    const process = this.#process;
    if (process === null) return;
    this.#deliver(process, () => {
      if (process.node === null) {
        const detail = "this node is starting";
        reply({ status: 503, body: JSON.stringify({ code: "starting", detail }) });
        return;
      }
      process.node.exchange(body).then(
        (answer) => {
          if (!process.alive) return;
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
    if (process === null) return;
    this.#deliver(process, () => {
      const before = process.node?.status(0);
      if (before?.leader !== peer) return;
      this.#world.network.probe(this, peer, () =>
        this.#deliver(process, () => {
          const after = process.node?.status(0);
          if (after?.leader !== peer || after.term !== before.term) return;
          this.#world.counts.add("peers lost");
          process.node?.peerLost(peer);
        }),
      );
    });
  }

  /** Runs something in the process: now, or when it is continued, or never if it has ended. */
  deliver(process: Process<Machine>, run: () => void): void {
    this.#deliver(process, run);
  }

  #deliver(process: Process<Machine>, run: () => void): void {
    if (!process.alive) return;
    if (this.#backlog !== null) this.#backlog.push(() => this.#deliver(process, run));
    else run();
  }

  #later(process: Process<Machine>, delay: number, run: () => void): void {
    this.#world.scheduler.after(delay, () => this.#deliver(process, run));
  }

  // ---- the node's ports ----

  #host(process: Process<Machine>): Host {
    const { clock } = this.options;
    return {
      clock: process.clock,
      timer: {
        set: (at, wake) => this.#setTimer(process, at, wake),
        clear: () => {
          process.timer++;
        },
      },
      transport: {
        post: (address, body, timeoutMs) => this.#post(process, address, body, clock.trueMs(timeoutMs)),
      },
      // A turn of the loop takes a little; whoever spins is seen to do so, because time goes on.
      defer: (task) => this.#later(process, this.#random.between(0.01, 0.1), task),
      random32: () => this.#random.uint32(),
    };
  }

  #setTimer(process: Process<Machine>, at: number, wake: () => void): void {
    const token = ++process.timer;
    if (at === Number.POSITIVE_INFINITY) return;
    const delay = Math.max(0, this.options.clock.trueMs(at - process.clock.now()));
    // Timers are late, never early.
    this.#later(process, delay + this.#random.between(0.01, 1), () => {
      if (process.timer === token) wake();
    });
  }

  #post(
    process: Process<Machine>,
    address: string,
    body: string,
    timeoutMs: number,
  ): Promise<TransportReply> {
    const { network, scheduler, monitor } = this.#world;
    const to = network.at(address);
    if (to !== undefined) monitor.leaves(this.id, to.id, body);
    return new Promise((resolve, reject) => {
      const fail = (failure: "refused" | "broken" | "timeout") =>
        this.#deliver(process, () => reject(new TransportError(failure, `${address}: ${failure}`)));
      scheduler.after(timeoutMs, () => fail("timeout"));
      network.post(this, address, body, {
        replied: (reply) => this.#deliver(process, () => resolve(reply)),
        failed: fail,
      });
    });
  }

  #syncLater(done: () => void): void {
    const process = this.#process;
    if (process === null) return;
    this.#later(process, this.#random.between(0.1, 2) * this.diskSlowdown, done);
  }

  #onSync(): void {
    const crash = this.#crashAtSync;
    if (crash === null) return;
    this.#crashAtSync = null;
    this.#world.scheduler.after(this.#random.between(0, 0.1), crash);
  }

  #onStorageFailed(process: Process<Machine>): void {
    process.storageFailed = true;
    this.#world.scheduler.after(1, () => {
      if (!process.alive || process.givenUp || this.isPaused) return;
      this.#world.monitor.report("failed-storage-stops-node", `${this.id} goes on without its storage`);
    });
  }

  #onFatal(process: Process<Machine>, error: unknown): void {
    if (!process.alive || process.givenUp) return;
    process.givenUp = true;
    if (!process.storageFailed) this.#world.monitor.failed(this.id, error);
    this.#world.counts.add("failed nodes");
    // The host ends the process: exit 1.
    this.#world.scheduler.after(0, () => {
      if (!process.alive) return;
      this.crash(false);
      this.onExit("failed");
    });
  }

  #end(): void {
    const process = this.#process;
    if (process === null) return;
    process.alive = false;
    this.#process = null;
    this.#backlog = null;
    this.#crashAtSync = null;
    this.#stalled = false;
    this.#failureIsDue = false;
    const { unsynced } = this.#storage;
    if (unsynced > 0) this.#world.counts.add("crashes with unsynced writes");
    this.#storage = this.#storage.crash(() => this.#random.float());
    this.#world.monitor.ended(this.id);
    for (const each of process.onEnd) each();
  }
}
