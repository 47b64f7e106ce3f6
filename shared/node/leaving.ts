import type { Raft } from "../raft/raft.ts";
import type { ClientReads } from "./client-reads.ts";
import type { Commands } from "./commands.ts";
import type { Clock } from "./ports.ts";
import type { Writer } from "./writer.ts";

/** A stopping leader waits this long for a successor, and then for what its clients still wait for. */
const handOverMs = 1000;
const drainMs = 500;
/** What was applied is written by then, or it is applied again at the next start. */
const lastWriteMs = 1000;

/** What leaving works with; all of it belongs to the node. */
export interface LeavingParts {
  readonly raft: Raft;
  readonly clock: Clock;
  readonly commands: Commands;
  readonly reads: ClientReads;
  readonly writer: Writer;
  readonly electionTimeoutMs: number;
  /** Has the core give its leadership to somebody. */
  readonly transfer: () => void;
  readonly wake: () => void;
  /** There is something for a turn to do. */
  readonly schedule: () => void;
  /** The node runs no more turns. */
  readonly isDeaf: () => boolean;
}

/** The waiting that a stop is made of. Turns bring about what is waited for, each wait in bounded time of the host. */
export class Leaving {
  readonly #parts: LeavingParts;
  #deadline = Number.POSITIVE_INFINITY;
  #waiting: (() => void)[] = [];

  constructor(parts: LeavingParts) {
    this.#parts = parts;
  }

  /** When the present wait is over, whatever has come of it: a turn is due then. */
  get deadline(): number {
    return this.#deadline;
  }

  /** A turn has ended, or none will come any more: whoever waits looks again. */
  turned(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve();
  }

  /** For a leader: until somebody else leads, if anybody can. */
  async handOver(): Promise<void> {
    const { raft, transfer } = this.#parts;
    if (raft.quiet) await this.#hearOthers();
    transfer();
    await this.#until(handOverMs, () => raft.role !== "Leader" || !this.#hasSuccessor());
  }

  /** Until clients have answers to what they asked before. */
  drain(): Promise<void> {
    const { commands, reads } = this.#parts;
    return this.#until(drainMs, () => commands.count === 0 && reads.count === 0);
  }

  /** Until the write under way is durable. */
  written(): Promise<void> {
    const { writer } = this.#parts;
    return this.#until(lastWriteMs, () => writer.startedAt === null);
  }

  /** A leader that has just been woken does not know who is there. */
  async #hearOthers(): Promise<void> {
    const { raft, wake, electionTimeoutMs } = this.#parts;
    wake();
    await this.#until(electionTimeoutMs / 2, () => !raft.quiet && this.#hasSuccessor());
  }

  /** Somebody else is up who could lead. */
  #hasSuccessor(): boolean {
    const { raft, electionTimeoutMs } = this.#parts;
    return raft.view().peers.some(({ contactMs }) => contactMs !== null && contactMs < electionTimeoutMs);
  }

  async #until(limitMs: number, isTrue: () => boolean): Promise<void> {
    const { clock, schedule, isDeaf } = this.#parts;
    const end = clock.now() + limitMs;
    this.#deadline = end;
    // One turn sets the timer; to ask for more of them here would keep the processor busy with waiting.
    schedule();
    while (!isTrue() && clock.now() < end && !isDeaf()) {
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
    this.#deadline = Number.POSITIVE_INFINITY;
  }
}
