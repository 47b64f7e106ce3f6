import type { Timings } from "../../../shared/node/defaults.ts";
import { defaultTimings } from "../../../shared/node/defaults.ts";
import type { TransportReply } from "../../../shared/node/ports.ts";
import { TransportError } from "../../../shared/node/ports.ts";
import type { RaftLimits } from "../../../shared/raft/core.ts";
import { Random } from "../../../sim/random.ts";
import { Scheduler } from "../../../sim/scheduler.ts";
import type { Call, End, Surroundings } from "./machine.ts";
import { addressOf, Machine } from "./machine.ts";
import type { Waiting } from "./waiting.ts";
import { settled } from "./waiting.ts";

/** What the network does with a call: lose it, take its time, or answer it in the receiver's place. */
export type Fate = "arrives" | "lost" | { readonly afterMs: number } | { readonly reply: TransportReply };

const latencyMs = 1;
const generousMs = 60_000;

export interface WorldOptions {
  readonly seed?: number;
  /** By id; where there are none, the defaults. */
  readonly timings?: Partial<Record<string, Timings>>;
  /** Of all. */
  readonly limits?: Partial<RaftLimits>;
}

/** Whole nodes in virtual time, with a network that the test steers by hand. */
export class World implements Surroundings {
  readonly scheduler = new Scheduler();
  readonly random: Random;
  readonly machines: Machine[];
  /** Links that lose everything, as `A>B`. */
  readonly cut = new Set<string>();
  /** Decides on every call whose link is not cut. */
  fate: (call: Call, to: Machine | undefined) => Fate = () => "arrives";

  /** Machines that list each other; none is started. */
  constructor(ids: readonly string[], { seed = 1, timings = {}, limits = {} }: WorldOptions = {}) {
    this.random = new Random(seed, "hosts");
    this.machines = ids.map((id) => {
      const peers = ids.filter((other) => other !== id);
      const machine = new Machine(this, id, peers, timings[id] ?? defaultTimings);
      machine.limits = limits;
      return machine;
    });
  }

  get now(): number {
    return this.scheduler.now;
  }

  machine(id: string): Machine {
    const machine = this.machines.find((one) => one.id === id);
    if (machine === undefined) throw new Error(`no machine ${id}`);
    return machine;
  }

  /** Adds a machine that was not there from the start. */
  add(id: string, peers: readonly string[], address = addressOf(id)): Machine {
    const machine = new Machine(this, id, peers, defaultTimings, address);
    this.machines.push(machine);
    return machine;
  }

  // ---- time ----

  async run(ms: number): Promise<void> {
    let over = false;
    this.scheduler.after(ms, () => {
      over = true;
    });
    await settled();
    while (!over && (await this.scheduler.step()));
  }

  /** Waits for a condition. Fails when it does not come true in a generous time. */
  async until(isTrue: () => boolean, limitMs = generousMs): Promise<void> {
    const end = this.now + limitMs;
    await settled();
    while (!isTrue()) {
      if (this.now > end || !(await this.scheduler.step())) {
        throw new Error(`not within ${limitMs} ms: ${isTrue.toString().replace(/\s+/g, " ")}`);
      }
    }
  }

  /** Waits for an answer; throws the error that it is. */
  async answer<Value>(waiting: Waiting<Value>, limitMs = generousMs): Promise<Value> {
    await this.until(() => !waiting.isPending, limitMs);
    return waiting.value;
  }

  // ---- the network ----

  isolate(...machines: readonly Machine[]): void {
    for (const one of machines) {
      for (const other of this.machines) if (!machines.includes(other)) this.part(one, other);
    }
  }

  part(one: Machine, other: Machine): void {
    this.cut.add(`${one.id}>${other.id}`).add(`${other.id}>${one.id}`);
  }

  heal(): void {
    this.cut.clear();
    this.fate = () => "arrives";
  }

  post(call: Call, settle: (end: End) => void): void {
    const { from, address, body, timeoutMs } = call;
    let isOver = false;
    const finish = (end: End) => {
      if (isOver) return;
      isOver = true;
      from.arrive(() => settle(end));
    };
    const fail = (failure: "refused" | "timeout") =>
      finish((_resolve, reject) => reject(new TransportError(failure, failure)));
    const answer = (reply: TransportReply) =>
      this.scheduler.after(latencyMs, () => finish((resolve) => resolve(reply)));

    this.scheduler.after(timeoutMs, () => fail("timeout"));
    const there = this.machines.filter((machine) => machine.address === address);
    const to = there.find(({ isUp }) => isUp) ?? there[0];
    const isCut = to !== undefined && this.cut.has(`${from.id}>${to.id}`);
    const fate = isCut ? "lost" : this.fate(call, to);
    if (fate === "lost") return;
    if (typeof fate === "object" && "reply" in fate) {
      answer(fate.reply);
      return;
    }
    const delayMs = latencyMs + (fate === "arrives" ? 0 : fate.afterMs);
    // Of a call that was given up the end never arrives.
    if (delayMs > timeoutMs) return;
    this.scheduler.after(delayMs, () => {
      if (to === undefined || !to.isUp) return fail("refused");
      to.arrive(() => {
        if (!to.isUp) return;
        to.receive(body).then((reply) => {
          if (reply !== null && !this.cut.has(`${to.id}>${from.id}`)) answer(reply);
        });
      });
    });
  }

  // ---- who is who ----

  get leaders(): Machine[] {
    return this.machines.filter((machine) => machine.leads);
  }

  /** The one that leads in the newest term. */
  get leader(): Machine {
    const [newest] = this.leaders.sort((a, b) => b.status.term - a.status.term);
    if (newest === undefined) throw new Error("nobody leads");
    return newest;
  }

  get followers(): Machine[] {
    const { leader } = this;
    return this.machines.filter((machine) => machine !== leader);
  }
}

/** A cluster in which everybody is a member and knows it. */
export async function cluster(
  ids: readonly string[] = ["A", "B", "C"],
  options: WorldOptions = {},
): Promise<World> {
  const world = new World(ids, options);
  for (const machine of world.machines) await machine.start();
  await world.until(() => world.machines.every((machine) => machine.knowsAll && isCaughtUp(world, machine)));
  return world;
}

export function isCaughtUp(world: World, machine: Machine): boolean {
  const [leader] = world.leaders;
  if (leader === undefined || machine.status.leader !== leader.id) return false;
  const { lastIndex, commitIndex } = leader.raft;
  return commitIndex === lastIndex && machine.raft.appliedIndex === lastIndex;
}
