import type { CommandOutcome, NodeStatus, ReadPoint, RequestOptions } from "../../../shared/node/api.ts";
import type { Timings } from "../../../shared/node/defaults.ts";
import type { EntryStep, NodeEvent } from "../../../shared/node/events.ts";
import { RaftNode } from "../../../shared/node/node.ts";
import type { Host, TransportError, TransportReply } from "../../../shared/node/ports.ts";
import type { RaftLimits } from "../../../shared/raft/core.ts";
import { TEXT_SCHEMA } from "../../../shared/storage/entry.ts";
import type { SqlValue } from "../../../shared/storage/port.ts";
import { KeyValueStore } from "../../../shared/store/key-value-store.ts";
import { CrashingStorage } from "../../../sim/crashing-storage.ts";
import type { Random } from "../../../sim/random.ts";
import type { Scheduler } from "../../../sim/scheduler.ts";
import { settled, Waiting } from "./waiting.ts";

export type Trace = NodeEvent["trace"];

/** A call on its way. */
export interface Call {
  readonly from: Machine;
  readonly address: string;
  readonly body: string;
  readonly timeoutMs: number;
}

/** How a call ends. */
export type End = (resolve: (reply: TransportReply) => void, reject: (error: TransportError) => void) => void;

/** What machines share. */
export interface Surroundings {
  readonly scheduler: Scheduler;
  readonly random: Random;
  /** Carries one call; `settle` is handed how it ends, once. */
  post(call: Call, settle: (end: End) => void): void;
}

/** What a turn of the node loop takes: that it is not nothing keeps a loop that never rests from hanging a test. */
const turnMs = 0.01;
const syncMs = 0.5;

/** A computer with one node on it, whose disk outlives its crashes. */
export class Machine {
  readonly id: string;
  readonly address: string;
  /** Whom its next start lists. */
  peers: readonly string[];
  readonly timings: Timings;
  /** Of its next start. */
  maxWaitingBytes: number | undefined;
  limits: Partial<RaftLimits> = {};
  /** What happened since the test last cleared it. */
  events: Trace[] = [];
  /** What it was asked to count, and whether it does, instead of hearing of each. */
  counted: { step: EntryStep; count: number; ordinal: number; leader: boolean }[] = [];
  countsEntries = false;
  /** Why the node has given up; null while it has not. */
  fatal: unknown = null;
  turns = 0;
  /** What turns have taken beyond that, by this machine's clock: a test adds to it in the midst of one. */
  workedMs = 0;
  storage: CrashingStorage;
  readonly #world: Surroundings;
  #node: RaftNode | null = null;
  #store = new KeyValueStore();
  /** Of the process: what an earlier one still had under way does nothing any more. */
  #boot = 0;
  #timer = 0;
  #opening = false;
  #stopped: { arrived: (() => void)[]; due: (() => void)[] } | null = null;

  constructor(
    world: Surroundings,
    id: string,
    peers: readonly string[],
    timings: Timings,
    address: string = addressOf(id),
  ) {
    this.#world = world;
    this.id = id;
    this.address = address;
    this.peers = peers;
    this.timings = timings;
    this.storage = this.#emptyStorage();
  }

  #emptyStorage(): CrashingStorage {
    const { scheduler } = this.#world;
    // A node is opened between two events: virtual time cannot pass there.
    const delay = (done: () => void) =>
      this.#opening ? queueMicrotask(done) : scheduler.after(syncMs, done);
    return new CrashingStorage({ delay });
  }

  get isUp(): boolean {
    return this.#node !== null;
  }

  get node(): RaftNode {
    if (this.#node === null) throw new Error(`${this.id} is down`);
    return this.#node;
  }

  /** What the present process has applied. */
  get store(): KeyValueStore {
    return this.#store;
  }

  // ---- power, process, disk ----

  /** `quiet`: its node had fallen silent before. */
  async start({ quiet = false } = {}): Promise<void> {
    const boot = ++this.#boot;
    this.#opening = true;
    this.#store = new KeyValueStore();
    this.#node = await RaftNode.open({
      id: this.id,
      peers: this.peers.map((id) => ({ address: addressOf(id), id: null })),
      advertise: null,
      fallbackAddress: () => this.address,
      timings: this.timings,
      ...(this.maxWaitingBytes !== undefined && { maxWaitingBytes: this.maxWaitingBytes }),
      limits: this.limits,
      quiet,
      storage: this.storage,
      stateMachine: this.#store,
      host: this.#host(boot),
      onEvent: ({ trace }) => this.events.push(trace),
      countEntries: (step, count, ordinal, leader) => {
        this.counted.push({ step, count, ordinal, leader });
        return this.countsEntries;
      },
      onFatal: (error) => {
        this.fatal = error;
      },
    });
    this.#opening = false;
    this.#node.start();
  }

  /** Loses power, and with it what no sync had covered; `wipe`: the whole disk. */
  crash({ wipe = false } = {}): void {
    this.#boot++;
    this.#node = null;
    this.#stopped = null;
    this.storage = wipe ? this.#emptyStorage() : this.storage.crash(() => 0, "none");
  }

  /** SIGSTOP: what arrives meanwhile waits. */
  pause(): void {
    this.#stopped ??= { arrived: [], due: [] };
  }

  /** SIGCONT: what has arrived is there before the next turn. */
  async resume(): Promise<void> {
    const stopped = this.#stopped;
    this.#stopped = null;
    for (const arrive of stopped?.arrived ?? []) arrive();
    await settled();
    for (const run of stopped?.due ?? []) run();
  }

  /** Something comes in from outside, at once or when this machine runs again. */
  arrive(take: () => void): void {
    if (this.#stopped) this.#stopped.arrived.push(take);
    else take();
  }

  /** One exchange of a peer; no answer to a call that a crash has overtaken. */
  async receive(body: string): Promise<TransportReply | null> {
    const boot = this.#boot;
    const reply = await this.node.exchange(body);
    return boot === this.#boot ? reply : null;
  }

  #host(boot: number): Host {
    const { scheduler, random } = this.#world;
    const run = (task: () => void) => {
      if (boot !== this.#boot) return;
      if (this.#stopped) this.#stopped.due.push(() => run(task));
      else task();
    };
    return {
      transport: {
        post: (address, body, timeoutMs) =>
          new Promise((resolve, reject) => {
            this.#world.post({ from: this, address, body: String(body), timeoutMs }, (end) =>
              run(() => end(resolve, reject)),
            );
          }),
      },
      timer: {
        set: (at, wake) => {
          const setting = ++this.#timer;
          if (at === Number.POSITIVE_INFINITY) return;
          const due = Math.max(scheduler.now, at - this.workedMs);
          scheduler.at(due, () => run(() => setting === this.#timer && wake()));
        },
        clear: () => {
          this.#timer++;
        },
      },
      clock: {
        now: () => scheduler.now + this.workedMs,
        wallTime: () => Math.floor(1_700_000_000_000 + scheduler.now),
      },
      defer: (task) =>
        scheduler.after(turnMs, () =>
          run(() => {
            this.turns++;
            task();
          }),
        ),
      random32: () => random.uint32(),
    };
  }

  // ---- what clients and operators do ----

  execute(command: string, options: Partial<RequestOptions> = {}): Waiting<CommandOutcome> {
    const bytes = new TextEncoder().encode(command);
    return new Waiting(this.node.execute(TEXT_SCHEMA, bytes, { timeoutMs: 5000, forward: true, ...options }));
  }

  read(options: Partial<RequestOptions> = {}): Waiting<ReadPoint> {
    return new Waiting(this.node.read({ timeoutMs: 5000, forward: true, ...options }));
  }

  get status(): NodeStatus {
    return this.node.status(Number.POSITIVE_INFINITY);
  }

  get raft(): NodeStatus["raft"] {
    return this.node.status(0).raft;
  }

  get leads(): boolean {
    return this.isUp && this.node.status(0).state === "Leader";
  }

  get log(): string[] {
    return this.status.log.map(({ cmd }) => cmd);
  }

  /** The whole log as it is stored, fit for comparison. */
  get rows(): string[] {
    const rows = this.storage.sql
      .exec<Record<string, SqlValue>>("SELECT * FROM entries ORDER BY idx")
      .toArray();
    return rows.map((row) =>
      JSON.stringify(row, (_name, value: unknown) =>
        value instanceof ArrayBuffer ? Buffer.from(value).toString("utf8") : value,
      ),
    );
  }

  /** Every member has a name, in the configuration that governs here. */
  get knowsAll(): boolean {
    return this.raft.clusterId !== null && this.raft.peers.every(({ id }) => id !== null);
  }

  eventsOf<Type extends Trace["type"]>(type: Type): Extract<Trace, { type: Type }>[] {
    return this.events.filter((trace): trace is Extract<Trace, { type: Type }> => trace.type === type);
  }
}

export function addressOf(id: string): string {
  return `http://${id.toLowerCase()}.example`;
}
