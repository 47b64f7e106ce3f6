import { RaftLiteError } from "../shared/errors.ts";
import type { StateMachine } from "../shared/node/state-machine.ts";
import { ClientLoop } from "./client-loop.ts";
import { drawCluster } from "./cluster-plan.ts";
import { Counts } from "./counts.ts";
import { drawFaultPlan, Faults } from "./faults.ts";
import type { Clients, HistoryRecord, Operation } from "./history.ts";
import { History } from "./history.ts";
import type { InvariantName } from "./invariants/violation.ts";
import { Violation } from "./invariants/violation.ts";
import { Lulls } from "./lulls.ts";
import { SimulatedMachine } from "./machine.ts";
import { Monitor } from "./monitor.ts";
import { Network } from "./network.ts";
import { Random } from "./random.ts";
import type { Recordings } from "./recordings.ts";
import type { Recovery } from "./recovery.ts";
import { awaitLeader, finish } from "./recovery.ts";
import { Scheduler } from "./scheduler.ts";
import type { World } from "./world.ts";

export interface SimulationOptions {
  /** 0 to 2^31 - 1: the same seed is the same run, to the byte. */
  readonly seed: number;
  /** Takes one line for everything that happens. */
  readonly trace?: ((line: string) => void) | undefined;
  /** Judge by these alone; whatever else is broken is let be. Left out: by all. */
  readonly watched?: readonly InvariantName[] | undefined;
  /** Takes what the nodes record. */
  readonly recordings?: Recordings | undefined;
}

export interface SimulationReport<Op = unknown> {
  readonly seed: number;
  /** null: all invariants held. */
  readonly violation: Violation | null;
  readonly events: number;
  readonly virtualMs: number;
  readonly counts: Counts;
  /** What the clients saw. */
  readonly history: readonly HistoryRecord<Op>[];
  /** How often a leader took over after clients had been served, while they went on asking. */
  readonly leaderChanges: number;
}

const LARGEST_SEED = 2 ** 31 - 1;
/** Every run has at least so much in it (operations that were carried out), and its faults last at least so long. */
const minEvents = 3000;
const minOperations = 500;
const faultsMs = { low: 10_000, high: 30_000 };
/** A cluster that never serves while things go wrong is let off after this long; afterwards it must. */
const longestFaultsMs = 40_000;

/**
 * Runs a cluster of whole nodes with `createStateMachine` in them through crashes, partitions and everything else
 * that `faults.ts` knows, while `clients` use it; then lets it recover and judges what the clients saw. Throws
 * `bad-seed` for a seed that is none.
 */
export async function simulate<Machine extends StateMachine, Op extends Operation<Machine>>(
  createStateMachine: () => Machine,
  clients: Clients<Machine, Op>,
  options: SimulationOptions,
): Promise<SimulationReport<Op>> {
  const { seed } = options;
  if (!Number.isInteger(seed) || seed < 0 || seed > LARGEST_SEED) {
    throw new RaftLiteError(
      "bad-seed",
      `seed is ${seed}; it must be a whole number from 0 to ${LARGEST_SEED}`,
      {
        status: 400,
      },
    );
  }
  const simulation = new Simulation(createStateMachine, clients, options);
  return await simulation.run();
}

class Simulation<Machine extends StateMachine, Op extends Operation<Machine>> {
  readonly #options: SimulationOptions;
  readonly #clients: Clients<Machine, Op>;
  readonly #random: Random;
  readonly #scheduler = new Scheduler();
  readonly #counts = new Counts();
  readonly #world: World;
  readonly #machines: readonly SimulatedMachine<Machine>[];
  readonly #faults: Faults<Machine>;
  readonly #lulls: Lulls;
  readonly #loops: readonly ClientLoop<Machine, Op>[];
  readonly #patient: ClientLoop<Machine, Op>;
  readonly #history = new History<Op>();
  /** Never started while there are faults; started afterwards in some runs. */
  readonly #latecomers: readonly SimulatedMachine<Machine>[];
  readonly #lookRandom: Random;
  #leaderChanges = 0;

  constructor(createStateMachine: () => Machine, clients: Clients<Machine, Op>, options: SimulationOptions) {
    this.#options = options;
    this.#clients = clients;
    this.#random = new Random(options.seed, "simulation");
    const scheduler = this.#scheduler;
    const counts = this.#counts;
    const plan = drawCluster(this.#random.fork("cluster"), scheduler, {
      createStateMachine,
      dump: (machine: Machine) => clients.dump(machine),
    });
    const network = new Network(scheduler, this.#random.fork("network"), counts, plan.network);
    const { trace } = options;
    const monitor = new Monitor(
      plan.machines.map(({ options: { id } }) => id),
      {
        now: () => scheduler.now,
        counts,
        trace: trace
          ? (id, what, details) =>
              trace(`${scheduler.now.toFixed(3).padStart(11)} ${id} ${what} ${text(details)}`)
          : null,
        watched: options.watched ? new Set(options.watched) : null,
      },
    );
    this.#world = { scheduler, network, monitor, counts, recordings: options.recordings ?? null };
    this.#lulls = new Lulls(options.seed, this.#world);
    const priorities = new Random(options.seed, "priorities");
    const someGiveWay = priorities.chance(0.3);
    const latecomers: SimulatedMachine<Machine>[] = [];
    this.#machines = plan.machines.map(({ options: machineOptions, addresses, startsAt }) => {
      const limits = { ...machineOptions.limits, ...this.#lulls.drawLimits() };
      const electionPriority = someGiveWay && priorities.chance(0.4) ? "low" : "normal";
      if (electionPriority === "low") counts.add("machines of low priority");
      const machine = new SimulatedMachine({ ...machineOptions, limits, electionPriority }, this.#world);
      network.add(machine, addresses);
      if (startsAt !== null) scheduler.at(startsAt, () => machine.start());
      else if (plan.latecomerComes) latecomers.push(machine);
      if (startsAt === null) counts.add("never started");
      else if (startsAt > 1000) counts.add("late first starts");
      return machine;
    });
    this.#latecomers = latecomers;
    counts.add(`clusters of ${plan.machines.length}`);
    this.#lookRandom = this.#random.fork("looks");
    const faultRandom = this.#random.fork("faults");
    this.#faults = new Faults(
      drawFaultPlan(faultRandom, plan.machines.length),
      this.#machines,
      this.#world,
      faultRandom,
    );
    const ground = {
      clients,
      machines: this.#machines,
      world: this.#world,
      history: this.#history,
      lulls: this.#lulls,
    };
    this.#loops = Array.from({ length: clients.count }, (_, client) => {
      return new ClientLoop(client, ground, this.#random.fork(`client ${client}`));
    });
    this.#patient = new ClientLoop(clients.count, ground, this.#random.fork("patient client"));
    this.#patient.stop();
  }

  async run(): Promise<SimulationReport<Op>> {
    let violation: Violation | null = null;
    try {
      await this.#play();
    } catch (error) {
      if (!(error instanceof Violation)) throw error;
      const { watched } = this.#options;
      if (watched === undefined || watched.includes(error.invariant)) violation = error;
    }
    return {
      seed: this.#options.seed,
      violation,
      events: this.#scheduler.events,
      virtualMs: this.#scheduler.now,
      counts: this.#counts,
      history: this.#history.records,
      leaderChanges: this.#leaderChanges,
    };
  }

  async #play(): Promise<void> {
    const scheduler = this.#scheduler;
    this.#faults.start();
    this.#lulls.start(this.#machines);
    for (const loop of this.#loops) loop.start();
    const until = this.#random.between(faultsMs.low, faultsMs.high);
    await this.#runUntil(() => scheduler.now >= until && this.#hasEnough(), longestFaultsMs);

    this.#faults.end();
    this.#lulls.end();
    for (const machine of this.#latecomers) machine.start();
    const recovery: Recovery<Machine> = {
      machines: this.#machines,
      world: this.#world,
      runUntil: (isDone, withinMs) => this.#runUntil(isDone, withinMs),
      ask: (machine, heard) => this.#patient.askOnce(machine, heard),
    };
    await awaitLeader(recovery);
    await this.#runUntil(() => this.#hasEnough(), longestFaultsMs);
    this.#leaderChanges = this.#world.monitor.leaderChanges;
    for (const loop of this.#loops) loop.stop();
    await this.#runUntil(() => this.#loops.every((loop) => !loop.isWaiting), longestFaultsMs);
    await finish(recovery);

    const { records } = this.#history;
    const { log } = this.#world.monitor;
    this.#judge("linearizability", () => this.#clients.judge(records));
    this.#judge("answers-follow-log", () => this.#clients.compare?.(records, log) ?? null);
  }

  #judge(invariant: InvariantName, refute: () => string | null): void {
    if (this.#options.watched?.includes(invariant) === false) return;
    const refutation = refute();
    if (refutation !== null) throw new Violation(invariant, refutation, this.#scheduler.now);
  }

  #hasEnough(): boolean {
    return this.#scheduler.events >= minEvents && this.#history.answered >= minOperations;
  }

  /** Returns whether it came to be in time. */
  async #runUntil(isDone: () => boolean, withinMs: number): Promise<boolean> {
    const scheduler = this.#scheduler;
    const end = scheduler.now + withinMs;
    while (!isDone()) {
      if (scheduler.now > end || !(await scheduler.step())) return false;
      this.#checkStep();
    }
    return true;
  }

  #checkStep(): void {
    const { monitor, scheduler } = this.#world;
    if (scheduler.events % eventsPerLook === 0) this.#look();
    if (monitor.violation !== null) throw monitor.violation;
  }

  #look(): void {
    const { node } = this.#lookRandom.pick(this.#machines);
    if (node === null) return;
    this.#world.monitor.shown(node.status(3));
    node.health();
    node.metrics();
  }
}

/** Somebody looks at /status, /health and /metrics of a node. */
const eventsPerLook = 40;

function text(details: unknown): string {
  return typeof details === "string" ? details : JSON.stringify(details);
}
