import type { RaftLiteError } from "../errors.ts";
import type { NodeId, RaftView } from "../raft/types.ts";
import type { CommandOutcome, ReadPoint, RequestOptions, Subscribe, WaitEnd, WaitOptions } from "./api.ts";
import type { ClientReads } from "./client-reads.ts";
import type { Commands } from "./commands.ts";
import type { NodeReporter } from "./node-reporter.ts";
import type { Clock } from "./ports.ts";
import { notLeaderError, overloadedError, tooLargeError, unavailableError } from "./refusals.ts";
import type { Waits } from "./waits.ts";

/** Commands and reads that may wait at one node at a time; more are refused with 429. */
const maxWaiting = 10_000;
const defaultMaxWaitingBytes = 64 << 20;
/** A value of one mebibyte, a key, and what describes them: it must fit into one exchange, however it is encoded. */
const maxCommandBytes = (1 << 20) + (64 << 10);

export interface IntakeParts {
  readonly id: NodeId;
  readonly clock: Clock;
  readonly commands: Commands;
  readonly reads: ClientReads;
  readonly waits: Waits;
  readonly reporter: NodeReporter;
  /** Bytes of commands that may wait at a time. */
  readonly maxWaitingBytes: number | undefined;
  /** Whether the node takes in anything new. */
  readonly isOpen: () => boolean;
  readonly view: () => RaftView;
  readonly addressOf: (id: NodeId) => string | null;
  /** Where a read that is answered now stands. */
  readonly readPoint: () => ReadPoint;
  /** Something waits for the node's next turn. */
  readonly schedule: () => void;
  /** Somebody counts on the cluster. */
  readonly wake: () => void;
}

/** Where clients' requests come in: each is put where the node's turns find it, or refused at once. */
export class ClientIntake {
  readonly #parts: IntakeParts;

  constructor(parts: IntakeParts) {
    this.#parts = parts;
  }

  execute(schema: number, bytes: Uint8Array, options: RequestOptions): Promise<CommandOutcome> {
    const refusal = this.#refusal(options, bytes.length);
    if (refusal) return Promise.reject(refusal);
    const { reporter, clock, commands, schedule } = this.#parts;
    reporter.counters.commands++;
    return new Promise((resolve, reject) => {
      const deadline = clock.now() + options.timeoutMs;
      commands.add({ schema, bytes, deadline, forward: options.forward, resolve, reject });
      schedule();
    });
  }

  async read(options: RequestOptions): Promise<ReadPoint> {
    const refusal = this.#refusal(options, 0);
    if (refusal) throw refusal;
    const { reporter, clock, reads, schedule, readPoint } = this.#parts;
    reporter.counters.reads++;
    await new Promise<void>((resolve, reject) => {
      reads.add({ deadline: clock.now() + options.timeoutMs, resolve, reject });
      schedule();
    });
    return readPoint();
  }

  wait(subscribe: Subscribe, options: WaitOptions): Promise<WaitEnd> {
    const { id, clock, waits, isOpen, schedule } = this.#parts;
    if (!isOpen()) return Promise.reject(unavailableError("stopping", id, "none"));
    const soonest = waits.deadline;
    const ended = waits.add(subscribe, options, clock.now());
    // A turn sets the timer.
    if (waits.deadline < soonest) schedule();
    return ended;
  }

  #refusal(options: RequestOptions, bytes: number): RaftLiteError | null {
    const { id, commands, reads, isOpen, view, addressOf, wake } = this.#parts;
    if (!isOpen()) return unavailableError("stopping", id, "none");
    if (bytes > maxCommandBytes) return tooLargeError(bytes, maxCommandBytes);
    const { role, leader } = view();
    if (!options.forward && role !== "Leader") {
      // Whoever asks for a leader wants there to be one.
      wake();
      return notLeaderError(leader, leader && addressOf(leader));
    }
    const waiting = commands.count + reads.count;
    const { maxWaitingBytes = defaultMaxWaitingBytes } = this.#parts;
    return waiting >= maxWaiting || commands.bytes + bytes > maxWaitingBytes
      ? overloadedError(waiting)
      : null;
  }
}
