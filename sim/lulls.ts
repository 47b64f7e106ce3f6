import type { StateMachine } from "../shared/node/state-machine.ts";
import type { RaftLimits } from "../shared/raft/core.ts";
import type { SimulatedMachine } from "./machine.ts";
import type { Cut } from "./network.ts";
import { Random } from "./random.ts";
import type { World } from "./world.ts";

/** So often the clients of a cluster that may fall silent have nothing to ask for, and for so long (milliseconds). */
const meanGapMs = 2500;
const lengthMs = { low: 200, high: 4000 };
/** How often something befalls a quiet node in a lull. */
const mishapGapMs = 400;
/** For so long a quiet node is cut off: it hears nothing of what the others do when they wake. */
const cutOffMs = { low: 300, high: 4000 };

/**
 * Half of the clusters may fall silent (shared/raft/quiescence.ts). In those, clients have nothing to ask for now and
 * then, all at once, while everything else that goes wrong goes on. Quiet nodes lose their memory, as the objects of a
 * platform do that takes it from whoever does not use it, or are cut off and do not know it.
 */
export class Lulls {
  readonly #random: Random;
  readonly #world: World;
  readonly #mayFallSilent: boolean;
  readonly #afterMs: number;
  readonly #awayAfterMs: number;
  readonly #cuts = new Set<Cut>();
  #until = 0;
  #over = false;

  constructor(seed: number, world: World) {
    this.#random = new Random(seed, "lulls");
    this.#world = world;
    this.#mayFallSilent = this.#random.chance(0.5);
    this.#afterMs = this.#random.between(20, 600);
    this.#awayAfterMs = this.#random.between(300, 5000);
    if (this.#mayFallSilent) world.counts.add("clusters that may fall silent");
  }

  /** What goes for the next machine. Not all leaders of a cluster need to be of one mind. */
  drawLimits(): Partial<RaftLimits> {
    if (!this.#mayFallSilent) return {};
    const quiesceAfterMs = this.#random.chance(0.8) ? this.#afterMs : 0;
    return { quiesceAfterMs, awayAfterMs: this.#awayAfterMs };
  }

  /** How long nobody is to ask for anything; 0 when there is no lull. */
  get remainingMs(): number {
    return Math.max(0, this.#until - this.#world.scheduler.now);
  }

  start<Machine extends StateMachine>(machines: readonly SimulatedMachine<Machine>[]): void {
    if (!this.#mayFallSilent) return;
    const { scheduler, counts } = this.#world;
    scheduler.after(this.#random.exponential(meanGapMs), () => {
      if (this.#over) return;
      counts.add("lulls");
      this.#until = scheduler.now + this.#random.between(lengthMs.low, lengthMs.high);
      this.#mishapLater(machines);
      this.start(machines);
    });
  }

  #mishapLater<Machine extends StateMachine>(machines: readonly SimulatedMachine<Machine>[]): void {
    this.#world.scheduler.after(this.#random.exponential(mishapGapMs), () => {
      if (this.remainingMs === 0) return;
      const machine = this.#random.pick(machines);
      if (this.#random.chance(0.5)) this.#evict(machine);
      else this.#cutOff(machine);
      this.#mishapLater(machines);
    });
  }

  #evict<Machine extends StateMachine>(machine: SimulatedMachine<Machine>): void {
    const { counts, monitor } = this.#world;
    if (!machine.evict()) return;
    monitor.does(machine.id, "is evicted");
    counts.add("evictions");
  }

  #cutOff<Machine extends StateMachine>({ id, node }: SimulatedMachine<Machine>): void {
    const { counts, monitor, network, scheduler } = this.#world;
    if (node?.isQuiet !== true) return;
    monitor.does(id, "is cut off");
    counts.add("quiet nodes cut off");
    const cut: Cut = (from, to) => from === id || to === id;
    network.cut(cut);
    this.#cuts.add(cut);
    const forMs = this.remainingMs + this.#random.between(cutOffMs.low, cutOffMs.high);
    scheduler.after(forMs, () => this.#mend(cut));
  }

  #mend(cut: Cut): void {
    if (this.#cuts.delete(cut)) this.#world.network.mend(cut);
  }

  /** From now on nobody is cut off, and there is always something to ask for. */
  end(): void {
    this.#over = true;
    this.#until = 0;
    for (const cut of this.#cuts) this.#mend(cut);
  }
}
