import type { StateMachine } from "../shared/node/state-machine.ts";
import { callMachine } from "./client-call.ts";
import type { Clients, History, HistoryRecord, Operation, Outcome } from "./history.ts";
import type { Lulls } from "./lulls.ts";
import type { SimulatedMachine } from "./machine.ts";
import type { Random } from "./random.ts";
import type { World } from "./world.ts";

/** Milliseconds; longer after a failure, or most of what is recorded would be refusals. */
const longestThinkMs = 40;
const longestPauseMs = 400;
/** A client waits this much longer than the node said it would, then gives up. */
const patienceMs = 300;

/** What all clients of a simulation share. */
export interface ClientGround<Machine extends StateMachine, Op extends Operation<Machine>> {
  readonly clients: Clients<Machine, Op>;
  readonly machines: readonly SimulatedMachine<Machine>[];
  readonly world: World;
  readonly history: History<Op>;
  readonly lulls: Lulls;
}

/**
 * A client in a closed loop: it asks a node, waits for the answer, thinks, asks again. It stays with a node that
 * answers. What certainly came to nothing it may try again; what may have been carried out it never repeats.
 */
export class ClientLoop<Machine extends StateMachine, Op extends Operation<Machine>> {
  readonly #number: number;
  readonly #ground: ClientGround<Machine, Op>;
  readonly #random: Random;
  #machine: SimulatedMachine<Machine>;
  #again: Op | null = null;
  #stopped = false;
  #waiting = false;

  constructor(number: number, ground: ClientGround<Machine, Op>, random: Random) {
    this.#number = number;
    this.#ground = ground;
    this.#random = random;
    this.#machine = random.pick(ground.machines);
  }

  get isWaiting(): boolean {
    return this.#waiting;
  }

  start(): void {
    this.#think(longestThinkMs);
  }

  /** Asks nothing more; what is under way is waited for. */
  stop(): void {
    this.#stopped = true;
  }

  /** Asks `machine` once, patiently, whatever the loop does. */
  askOnce(machine: SimulatedMachine<Machine>, heard: (record: HistoryRecord<Op>) => void): void {
    const operation = this.#ground.clients.next(this.#number, this.#random);
    this.#ask(machine, operation, { timeoutMs: 5000, forward: true }, heard);
  }

  #think(atMostMs: number): void {
    const { world, lulls } = this.#ground;
    world.scheduler.after(this.#random.between(0, atMostMs), () => {
      const { remainingMs } = lulls;
      if (this.#stopped) return;
      if (remainingMs === 0) this.#askNext();
      else world.scheduler.after(remainingMs, () => this.#think(longestPauseMs));
    });
  }

  #askNext(): void {
    const random = this.#random;
    const operation = this.#again ?? this.#ground.clients.next(this.#number, random);
    this.#again = null;
    this.#waiting = true;
    const timeoutMs = Math.ceil(random.chance(0.2) ? random.between(20, 200) : random.between(500, 3000));
    this.#ask(this.#machine, operation, { timeoutMs, forward: !random.chance(0.1) }, ({ outcome }) => {
      this.#waiting = false;
      if (outcome.type !== "ok" || random.chance(0.05)) {
        if (random.chance(0.7)) this.#machine = random.pick(this.#ground.machines);
        if (outcome.type === "none" && random.chance(0.5)) this.#again = operation;
      }
      this.#think(outcome.type === "ok" ? longestThinkMs : longestPauseMs);
    });
  }

  #ask(
    machine: SimulatedMachine<Machine>,
    operation: Op,
    options: { readonly timeoutMs: number; readonly forward: boolean },
    heard: (record: HistoryRecord<Op>) => void,
  ): void {
    const { world, history, clients } = this.#ground;
    const { scheduler, monitor, counts } = world;
    const record = history.invoke(this.#number, machine.id, operation, monitor.logs.committedIndex);
    monitor.clientAsks(record);
    let open = true;
    const end = (outcome: Outcome) => {
      if (!open) return;
      open = false;
      history.end(record, outcome, monitor.logs.committedIndex);
      monitor.clientHears(record);
      counts.add(`${operation.type}s ${outcome.type}`);
      clients.answered?.(record);
      heard(record);
    };
    const answerIsLost = !this.#stopped && this.#random.chance(0.01);
    const answer = (outcome: Outcome) => {
      if (!answerIsLost) scheduler.after(this.#random.between(0.1, 2), () => end(outcome));
    };
    const heldMs = operation.type === "read" ? (operation.waitMs ?? 0) : 0;
    scheduler.after(options.timeoutMs + heldMs + patienceMs, () => end({ type: "unknown" }));
    scheduler.after(this.#random.between(0.1, 2), () => {
      callMachine(world, machine, record, options, answer);
    });
  }
}
