import type { StateMachine } from "../shared/node/state-machine.ts";
import type { NodeId } from "../shared/raft/types.ts";
import type { SimulatedMachine } from "./machine.ts";
import type { Cut, NetworkProfile } from "./network.ts";
import { bridged, oneWay, split } from "./partitions.ts";
import type { Random } from "./random.ts";
import type { World } from "./world.ts";

/** The classes of faults, as they are counted. */
export const faultNames = [
  "crash",
  "power loss",
  "crash at sync",
  "crash of new leaders",
  "crash of voters",
  "crash of all",
  "pause",
  "pause behind a partition",
  "hiccup",
  "partition",
  "one-way partition",
  "bridge partition",
  "network storm",
  "slow disk",
  "stalled disk",
  "failing write",
  "failing sync",
  "clean stop",
  "clock step",
] as const;

export type FaultName = (typeof faultNames)[number];

/** What goes wrong in one run, and how often. */
export interface FaultPlan {
  readonly enabled: readonly FaultName[];
  /** Mean time between two faults. */
  readonly gapMs: number;
}

export function drawFaultPlan(random: Random, nodes: number): FaultPlan {
  const possible = faultNames.filter((name) => nodes > 1 || !/partition|storm/.test(name));
  // Not everything in every run: what is always there hides what comes of its absence.
  const enabled = possible.filter(() => random.chance(0.55));
  return { enabled: enabled.length > 0 ? enabled : [random.pick(possible)], gapMs: random.between(120, 900) };
}

/** Lets things go wrong, one after the other and several at once, until it is told to end. */
export class Faults<Machine extends StateMachine> {
  readonly #plan: FaultPlan;
  readonly #machines: readonly SimulatedMachine<Machine>[];
  readonly #world: World;
  readonly #random: Random;
  /** Undoes what is wrong now. */
  readonly #remedies = new Set<() => void>();
  readonly #calm: NetworkProfile;
  #over = false;

  constructor(plan: FaultPlan, machines: readonly SimulatedMachine<Machine>[], world: World, random: Random) {
    this.#plan = plan;
    this.#machines = machines;
    this.#world = world;
    this.#random = random;
    this.#calm = world.network.profile;
    for (const machine of machines) {
      machine.onExit = () => this.#restartLater(machine);
    }
  }

  start(): void {
    this.#world.scheduler.after(this.#random.exponential(this.#plan.gapMs), () => {
      if (this.#over) return;
      this.#cause(this.#random.pick(this.#plan.enabled));
      this.start();
    });
  }

  /** From now on nothing goes wrong, and what is wrong is mended. */
  end(): void {
    this.#over = true;
    this.#world.monitor.onLeader = null;
    this.#world.monitor.onVote = null;
    for (const remedy of this.#remedies) this.#world.scheduler.after(0, remedy);
    for (const machine of this.#machines.filter(({ failureIsDue }) => failureIsDue)) {
      machine.crash(false);
      machine.start();
    }
    this.#world.network.profile = { ...this.#calm, lossRate: 0, duplicateRate: 0, longDelayRate: 0 };
  }

  #cause(name: FaultName): void {
    const target = this.#target();
    if (target === null) return;
    this.#world.monitor.does(target.id, `fault: ${name}`);
    if (this.#apply(name, target)) this.#world.counts.add(`fault: ${name}`);
  }

  /** The leader as often as not: most of what can go wrong goes wrong there. */
  #target(): SimulatedMachine<Machine> | null {
    const running = this.#machines.filter(({ process }) => process !== null);
    const leader = running.find(({ node }) => node?.status(0).state === "Leader");
    if (leader !== undefined && this.#random.chance(0.5)) return leader;
    return running.length === 0 ? null : this.#random.pick(running);
  }

  /** Returns whether it could be done. */
  #apply(name: FaultName, machine: SimulatedMachine<Machine>): boolean {
    const random = this.#random;
    const ids = this.#machines.map(({ id }) => id);
    switch (name) {
      case "crash":
      case "power loss":
        this.#crash(machine, name === "power loss");
        return true;
      case "crash at sync":
        machine.crashAtSync(() => this.#crash(machine, random.chance(0.5)));
        return true;
      case "crash of new leaders":
        this.#crashNewLeaders(random.int(1, 4));
        return true;
      case "crash of voters":
        this.#crashVoters(random.int(1, 5));
        return true;
      case "crash of all":
        for (const each of this.#machines) if (each.process !== null) this.#crash(each, false);
        return true;
      case "pause":
        return this.#pause(machine, random.between(300, 4000));
      case "pause behind a partition":
        return this.#pauseCutOff(machine, random.between(600, 2500));
      case "hiccup":
        return this.#pause(machine, random.between(10, 250));
      case "partition":
        return this.#cut(split(ids, machine.id, random));
      case "one-way partition":
        return this.#cut(oneWay(ids, machine.id, random));
      case "bridge partition":
        return this.#cut(bridged(ids, machine.id, random));
      case "network storm":
        return this.#storm();
      case "slow disk":
        return this.#slowDisks(machine);
      case "stalled disk":
        if (machine.isStalled) return false;
        machine.stallDisk();
        this.#untilLater(random.between(200, 3000), () => machine.unstallDisk());
        return true;
      case "failing write":
        machine.failDisk("write");
        return true;
      case "failing sync":
        machine.failDisk("sync");
        return true;
      case "clean stop":
        return machine.stop();
      case "clock step":
        machine.options.clock.stepWallTime(random.between(-5000, 5000));
        return true;
    }
  }

  #crash(machine: SimulatedMachine<Machine>, power: boolean, downMs?: number): void {
    if (machine.process === null || this.#over) return;
    machine.crash(power);
    this.#restartLater(machine, downMs);
  }

  /** What leaders leave behind that have hardly begun is what the next ones disagree about (paper, Figure 8). */
  #crashNewLeaders(times: number): void {
    const afterMs = this.#random.exponential(this.#random.pick([2, 8, 40]));
    this.#world.monitor.onLeader = (id) => {
      this.#crashSoon(id, afterMs);
      if (times > 1) this.#crashNewLeaders(times - 1);
    };
  }

  /** A voter that forgot its vote would be asked again at once, while the election is still open. */
  #crashVoters(times: number): void {
    const afterMs = this.#random.exponential(this.#random.pick([0.5, 3]));
    this.#world.monitor.onVote = (id) => {
      this.#crashSoon(id, afterMs, this.#random.between(1, 20));
      if (times > 1) this.#crashVoters(times - 1);
    };
  }

  #crashSoon(id: NodeId, afterMs: number, downMs?: number): void {
    const machine = this.#machines.find((each) => each.id === id);
    if (machine === undefined) return;
    const power = this.#random.chance(0.5);
    this.#world.scheduler.after(afterMs, () => this.#crash(machine, power, downMs));
  }

  #restartLater(machine: SimulatedMachine<Machine>, downMs = this.#drawDownMs()): void {
    if (this.#over) {
      machine.start();
      return;
    }
    this.#untilLater(downMs, () => machine.start());
  }

  #drawDownMs(): number {
    return this.#random.chance(0.3) ? this.#random.between(1, 60) : this.#random.between(60, 3000);
  }

  #pause(machine: SimulatedMachine<Machine>, forMs: number): boolean {
    const { process } = machine;
    if (process === null || process.isPaused) return false;
    process.pause();
    this.#untilLater(forMs, () => process.resume());
    return true;
  }

  /** One disk, or several at once: then a follower may be far ahead of what a majority holds. */
  #slowDisks(first: SimulatedMachine<Machine>): boolean {
    const random = this.#random;
    const others = random.shuffle(this.#machines.filter((machine) => machine !== first));
    const slowed = [first, ...others.slice(0, random.chance(0.5) ? 0 : random.int(0, others.length))];
    for (const machine of slowed) {
      machine.diskSlowdown = random.between(20, 200);
      this.#untilLater(random.between(300, 3000), () => {
        machine.diskSlowdown = 1;
      });
    }
    return true;
  }

  /** It wakes up in a world that has gone on without it, and nobody tells it for a while. */
  #pauseCutOff(machine: SimulatedMachine<Machine>, forMs: number): boolean {
    const { id } = machine;
    const alone: Cut = (from, to) => from === id || to === id;
    return this.#pause(machine, forMs) && this.#cut(alone, forMs + this.#random.between(100, 1500));
  }

  #cut(cut: Cut, forMs = this.#random.between(100, 4000)): boolean {
    const { network } = this.#world;
    network.cut(cut);
    this.#untilLater(forMs, () => network.mend(cut));
    return true;
  }

  #storm(): boolean {
    const { network } = this.#world;
    const random = this.#random;
    network.profile = {
      ...this.#calm,
      lossRate: random.between(0, 0.4),
      duplicateRate: random.between(0, 0.2),
      longDelayRate: random.between(0, 0.3),
      longDelayMs: random.between(50, 1500),
    };
    this.#untilLater(random.between(200, 3000), () => {
      network.profile = this.#calm;
    });
    return true;
  }

  #untilLater(afterMs: number, remedy: () => void): void {
    const once = () => {
      if (this.#remedies.delete(once)) remedy();
    };
    this.#remedies.add(once);
    this.#world.scheduler.after(afterMs, once);
  }
}
