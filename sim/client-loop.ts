import { RaftLiteError } from "../shared/errors.ts";
import type { RaftNode } from "../shared/node/node.ts";
import type { StateMachine } from "../shared/node/state-machine.ts";
import type { Clients, HistoryRecord, Operation, Outcome } from "./history.ts";
import type { OriginName } from "./invariants/effects.ts";
import type { Process, SimulatedMachine, World } from "./machine.ts";
import type { Random } from "./random.ts";

/** Milliseconds; longer after a failure, or most of what is recorded would be refusals. */
const longestThinkMs = 60;
const longestPauseMs = 400;
/** A client waits this much longer than the node said it would, then gives up. */
const patienceMs = 300;

/**
 * A client in a closed loop: it asks a node, waits for the answer, thinks, asks again. It stays with a node that
 * answers. What certainly came to nothing it may try again; what may have been carried out it never repeats.
 */
export class ClientLoop<Machine extends StateMachine, Op extends Operation<Machine>> {
  readonly #number: number;
  readonly #clients: Clients<Machine, Op>;
  readonly #machines: readonly SimulatedMachine<Machine>[];
  readonly #world: World;
  readonly #history: History<Op>;
  readonly #random: Random;
  #machine: SimulatedMachine<Machine>;
  #again: Op | null = null;
  #stopped = false;
  #waiting = false;

  constructor(
    number: number,
    clients: Clients<Machine, Op>,
    machines: readonly SimulatedMachine<Machine>[],
    world: World,
    history: History<Op>,
    random: Random,
  ) {
    this.#number = number;
    this.#clients = clients;
    this.#machines = machines;
    this.#world = world;
    this.#history = history;
    this.#random = random;
    this.#machine = random.pick(machines);
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

  #think(atMostMs: number): void {
    this.#world.scheduler.after(this.#random.between(0, atMostMs), () => {
      if (!this.#stopped) this.#ask();
    });
  }

  #ask(): void {
    const operation = this.#again ?? this.#clients.next(this.#number, this.#random);
    this.#again = null;
    const machine = this.#machine;
    const record = this.#history.invoke(this.#number, machine.id, operation);
    this.#waiting = true;
    this.#world.monitor.clientAsks(record);
    const timeoutMs = Math.ceil(
      this.#random.chance(0.2) ? this.#random.between(20, 200) : this.#random.between(500, 3000),
    );
    let open = true;
    const end = (outcome: Outcome) => {
      if (!open) return;
      open = false;
      this.#finish(record, outcome);
    };
    const { scheduler } = this.#world;
    const answerIsLost = this.#random.chance(0.01);
    const answer = (outcome: Outcome) => {
      if (!answerIsLost) scheduler.after(this.#random.between(0.1, 2), () => end(outcome));
    };
    scheduler.after(timeoutMs + patienceMs, () => end({ type: "unknown" }));
    scheduler.after(this.#random.between(0.1, 2), () => {
      const { process } = machine;
      if (machine.port === "closed") answer({ type: "none" });
      if (process === null) return;
      process.onEnd.add(() => answer({ type: "unknown" }));
      machine.deliver(process, () => this.#call(process, machine.id, operation, timeoutMs, answer));
    });
  }

  #call(
    process: Process<Machine>,
    id: string,
    operation: Op,
    timeoutMs: number,
    answer: (outcome: Outcome) => void,
  ): void {
    const { node } = process;
    if (node === null) {
      answer({ type: "none" });
      return;
    }
    const options = { timeoutMs, forward: !this.#random.chance(0.1) };
    if (operation.type === "read") {
      node
        .read(options)
        .then(() => operation.read(process.stateMachine))
        .then(
          (result) => answer({ type: "ok", result }),
          (error: unknown) => answer(this.#outcomeOf(error, id, null)),
        );
      return;
    }
    const before = commandsTaken(node);
    const reply = node.execute(operation.schema, operation.bytes, options);
    const taken = commandsTaken(node);
    // A node counts its commands: the count is the sequence of the newest.
    const origin: OriginName | null = taken.sequence > before.sequence ? { node: id, ...taken } : null;
    reply.then(
      ({ index, result }) => {
        if (origin !== null) this.#world.monitor.effects.answered(origin, index, result);
        answer({ type: "ok", result });
      },
      (error: unknown) => answer(this.#outcomeOf(error, id, origin)),
    );
  }

  /** As the HTTP routes tell it: 4xx is certain, and so is a 5xx that says so. */
  #outcomeOf(error: unknown, id: string, origin: OriginName | null): Outcome {
    const { monitor } = this.#world;
    if (!(error instanceof RaftLiteError)) {
      monitor.failed(id, error);
      return { type: "unknown" };
    }
    const isNone = error.status < 500 || error.details.outcome === "none";
    if (isNone && origin !== null) monitor.effects.refused(origin);
    return { type: isNone ? "none" : "unknown" };
  }

  #finish(record: HistoryRecord<Op>, outcome: Outcome): void {
    this.#waiting = false;
    this.#history.answer(record, outcome);
    this.#world.monitor.clientHears(record);
    this.#world.counts.add(`${record.operation.type}s ${outcome.type}`);
    this.#clients.answered?.(record);
    if (outcome.type !== "ok" || this.#random.chance(0.05)) {
      if (this.#random.chance(0.7)) this.#machine = this.#random.pick(this.#machines);
      if (outcome.type === "none" && this.#random.chance(0.5)) this.#again = record.operation;
    }
    if (!this.#stopped) this.#think(outcome.type === "ok" ? longestThinkMs : longestPauseMs);
  }
}

/** What all clients saw, in one order. */
export class History<Op> {
  readonly records: HistoryRecord<Op>[] = [];
  #position = 0;
  #answered = 0;

  /** How many were carried out and answered. */
  get answered(): number {
    return this.#answered;
  }

  invoke(client: number, node: string, operation: Op): HistoryRecord<Op> {
    const record: HistoryRecord<Op> = {
      client,
      node,
      operation,
      invokedAt: this.#position++,
      returnedAt: Number.POSITIVE_INFINITY,
      outcome: { type: "unknown" },
    };
    this.records.push(record);
    return record;
  }

  answer(record: HistoryRecord<Op>, outcome: Outcome): void {
    record.outcome = outcome;
    if (outcome.type === "ok") this.#answered++;
    if (outcome.type !== "unknown") record.returnedAt = this.#position++;
  }
}

function commandsTaken(node: RaftNode): { boot: number; sequence: number } {
  let boot = 0;
  let sequence = 0;
  for (const { name, value } of node.metrics()) {
    if (name === "boot") boot = value;
    if (name === "commands_total") sequence = value;
  }
  return { boot, sequence };
}
