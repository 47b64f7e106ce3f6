import { DatabaseSync } from "node:sqlite";
import { defaultTimings } from "../../shared/node/defaults.ts";
import type { NodeEventSink } from "../../shared/node/events.ts";
import { RaftNode } from "../../shared/node/node.ts";
import type { ExchangeBody, Host } from "../../shared/node/ports.ts";
import { TransportError } from "../../shared/node/ports.ts";
import type { NodeId } from "../../shared/raft/types.ts";
import { SqliteStorage } from "../../shared/storage/sqlite.ts";
import { KeyValueStore } from "../../shared/store/key-value-store.ts";
import { MachineClock } from "../machine-clock.ts";
import type { Endpoint, Network, Reply } from "../network.ts";
import type { Random } from "../random.ts";
import type { Scheduler } from "../scheduler.ts";
import type { Conditions } from "./conditions.ts";

/** What the nodes of a steady cluster share. */
export interface SteadyGround {
  readonly scheduler: Scheduler;
  readonly network: Network;
  readonly conditions: Conditions;
  /** By id. */
  readonly addresses: ReadonlyMap<NodeId, string>;
  readonly onEvent: NodeEventSink;
}

/** A disk in memory, of which nothing is but how long it takes. */
class SteadyDisk extends SqliteStorage {
  readonly #delay: (done: () => void) => void;

  constructor(delay: (done: () => void) => void) {
    super(new DatabaseSync(":memory:"));
    this.#delay = delay;
  }

  sync(): Promise<void> {
    return new Promise((resolve) => this.#delay(resolve));
  }

  protected override beforeUse(): void {}
  protected override beforeWrite(): void {}
  protected override afterStatement(): void {}
  protected override afterCommit(): void {}
  protected override afterRollback(): void {}

  protected override explain(error: unknown): unknown {
    return error;
  }
}

/** A node that nothing befalls but what its conditions say: it runs, and nobody looks over its shoulder. */
export class SteadyNode implements Endpoint {
  readonly id: NodeId;
  readonly port = "open";
  readonly #ground: SteadyGround;
  readonly #random: Random;
  readonly #clock: MachineClock;
  #node: RaftNode | null = null;
  /** Waits while the process stands still. */
  #backlog: (() => void)[] | null = null;
  #exchanges = 0;
  #lastExchangeMs = 0;

  constructor(id: NodeId, ground: SteadyGround, random: Random) {
    this.id = id;
    this.#ground = ground;
    this.#random = random;
    const { clockDrift } = ground.conditions;
    const rate = random.between(1 - clockDrift, 1 + clockDrift);
    this.#clock = new MachineClock(ground.scheduler, { rate, offsetMs: 0 });
  }

  get node(): RaftNode {
    if (this.#node === null) throw new Error(`${this.id} has not been opened`);
    return this.#node;
  }

  /** Calls to peers so far. */
  get exchanges(): number {
    return this.#exchanges;
  }

  /** When it made the last of them. */
  get lastExchangeMs(): number {
    return this.#lastExchangeMs;
  }

  async open(): Promise<void> {
    const { addresses, onEvent, conditions } = this.#ground;
    const own = addresses.get(this.id) as string;
    const peers = [...addresses.values()].filter((address) => address !== own);
    this.#node = await RaftNode.open({
      id: this.id,
      peers: peers.map((address) => ({ address, id: null })),
      advertise: null,
      fallbackAddress: () => own,
      timings: defaultTimings,
      limits: { quiesceAfterMs: conditions.quiesceAfterMs },
      storage: new SteadyDisk((done) => this.#later(this.#random.between(...conditions.syncMs), done)),
      stateMachine: new KeyValueStore(),
      host: this.#host(),
      onEvent,
      onFatal: (error) => {
        throw error;
      },
    });
  }

  start(): void {
    this.node.start();
    if (this.#ground.conditions.pauses !== null) this.#pauseLater(this.#ground.conditions.pauses);
  }

  /** Runs something in the process: now, or when it goes on. */
  deliver(run: () => void): void {
    if (this.#backlog === null) run();
    else this.#backlog.push(run);
  }

  receive(body: ExchangeBody, reply: (reply: Reply) => void): void {
    this.deliver(() => void this.node.exchange(body).then(reply));
  }

  connectionClosed(): void {}

  #later(delayMs: number, run: () => void): void {
    this.#ground.scheduler.after(delayMs, () => this.deliver(run));
  }

  #pauseLater(pauses: NonNullable<Conditions["pauses"]>): void {
    const { scheduler } = this.#ground;
    scheduler.after(this.#random.exponential(pauses.meanGapMs), () => {
      this.#backlog = [];
      scheduler.after(this.#random.between(...pauses.lengthMs), () => {
        const waiting = this.#backlog ?? [];
        this.#backlog = null;
        for (const run of waiting) run();
        this.#pauseLater(pauses);
      });
    });
  }

  #host(): Host {
    const { scheduler, network } = this.#ground;
    const clock = this.#clock.ofProcess();
    /** Changed with every use of the timer: an event of an earlier setting finds another one. */
    let setting = 0;
    return {
      clock,
      timer: {
        set: (at, wake) => {
          const mine = ++setting;
          if (at === Number.POSITIVE_INFINITY) return;
          const delayMs = Math.max(0, this.#clock.trueMs(at - clock.now()));
          this.#later(delayMs + this.#random.between(0.01, 1), () => {
            if (setting === mine) wake();
          });
        },
        clear: () => {
          setting++;
        },
      },
      transport: {
        carriesBytes: () => true,
        post: (address, body, timeoutMs) => {
          this.#exchanges++;
          this.#lastExchangeMs = scheduler.now;
          return new Promise((resolve, reject) => {
            const fail = (failure: "refused" | "broken" | "timeout") =>
              this.deliver(() => reject(new TransportError(failure, `${address}: ${failure}`)));
            scheduler.after(this.#clock.trueMs(timeoutMs), () => fail("timeout"));
            network.post(this, address, body, {
              replied: (reply) => this.deliver(() => resolve(reply)),
              failed: fail,
            });
          });
        },
      },
      defer: (task) => this.#later(this.#random.between(0.01, 0.1), task),
      random32: () => this.#random.uint32(),
    };
  }
}
