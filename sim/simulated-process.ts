import type { RaftNode } from "../shared/node/node.ts";
import type { Clock } from "../shared/node/ports.ts";
import type { StateMachine } from "../shared/node/state-machine.ts";
import type { ObservedDisk } from "./observed-disk.ts";
import type { Random } from "./random.ts";
import type { Scheduler } from "./scheduler.ts";

/** One run of a node on a machine, from its start until it ends or is ended. */
export class SimulatedProcess<Machine extends StateMachine> {
  readonly clock: Clock;
  readonly stateMachine: Machine;
  readonly disk: ObservedDisk;
  /** null while its data is being opened. */
  node: RaftNode | null = null;
  /** It has been told to stop. */
  stopping = false;
  /** Its storage has told it that it failed. */
  storageFailed = false;
  /** It has told its host that it cannot go on. */
  givenUp = false;
  /** Called once when it is over, however it ends. */
  readonly onEnd = new Set<() => void>();
  readonly #scheduler: Scheduler;
  readonly #random: Random;
  #alive = true;
  /** What happens to a stopped process waits here. */
  #backlog: (() => void)[] | null = null;

  constructor(
    parts: { readonly clock: Clock; readonly stateMachine: Machine; readonly disk: ObservedDisk },
    scheduler: Scheduler,
    random: Random,
  ) {
    this.clock = parts.clock;
    this.stateMachine = parts.stateMachine;
    this.disk = parts.disk;
    this.#scheduler = scheduler;
    this.#random = random;
  }

  get isAlive(): boolean {
    return this.#alive;
  }

  get isPaused(): boolean {
    return this.#backlog !== null;
  }

  /** Runs something in the process: now, or when it is continued, or never if it has ended. */
  deliver(run: () => void): void {
    if (!this.#alive) return;
    if (this.#backlog !== null) this.#backlog.push(() => this.deliver(run));
    else run();
  }

  later(delay: number, run: () => void): void {
    this.#scheduler.after(delay, () => this.deliver(run));
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
    for (const [place, run] of backlog.entries()) this.#scheduler.after(0.01 * place, run);
  }

  end(): void {
    this.#alive = false;
    this.#backlog = null;
    for (const each of this.onEnd) each();
  }
}
