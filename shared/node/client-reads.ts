import { RaftLiteError } from "../errors.ts";
import type { LogIndex, NodeId } from "../raft/types.ts";
import type { NodeRecorder } from "./recorder.ts";

/**
 * Linearizable reads in waiting. All that come in within one turn share one read index; an attempt that got no answer
 * is made again under a new id, because a confirmation must have started after the request (thesis 6.4).
 */

interface PendingRead {
  readonly deadline: number;
  readonly resolve: () => void;
  readonly reject: (error: RaftLiteError) => void;
}

interface Batch {
  readonly reads: readonly PendingRead[];
  readonly sentAt: number;
  /** null until the leader has confirmed. */
  readIndex: LogIndex | null;
}

/** A leader that does not confirm within this time is asked again. */
const confirmationPatienceMs = 500;

export class ClientReads {
  #waiting: PendingRead[] = [];
  readonly #batches = new Map<number, Batch>();
  #nextId: number;
  #nextDeadline = Number.POSITIVE_INFINITY;
  #count = 0;

  /** `boot` keeps an answer to an earlier start of this node from confirming anything now. */
  constructor(boot: number) {
    this.#nextId = boot * 2 ** 30;
  }

  get count(): number {
    return this.#count;
  }

  get hasWaiting(): boolean {
    return this.#waiting.length > 0;
  }

  /** When `expire` next has something to do; while nobody waits, never: a quiet node has no timer. */
  get deadline(): number {
    if (this.#count === 0) return Number.POSITIVE_INFINITY;
    let deadline = this.#nextDeadline;
    for (const { readIndex, sentAt } of this.#batches.values()) {
      if (readIndex === null) deadline = Math.min(deadline, sentAt + confirmationPatienceMs);
    }
    return deadline;
  }

  add(read: PendingRead): void {
    this.#waiting.push(read);
    this.#count++;
    this.#nextDeadline = Math.min(this.#nextDeadline, read.deadline);
  }

  /** Makes one attempt of all that wait; returns its id. */
  start(now: number): number {
    const readId = this.#nextId++;
    this.#batches.set(readId, { reads: this.#waiting, sentAt: now, readIndex: null });
    this.#waiting = [];
    return readId;
  }

  /** `readIndex` null: refused, to be tried again when there is a leader. */
  recordOutcome(readId: number, readIndex: LogIndex | null): void {
    const batch = this.#batches.get(readId);
    if (!batch || batch.readIndex !== null) return;
    if (readIndex === null) this.#putBack(readId, batch);
    else batch.readIndex = readIndex;
  }

  /** Answers the reads whose index has been applied. */
  release(applied: LogIndex, recorder?: Pick<NodeRecorder, "served">): void {
    for (const [readId, { reads, readIndex }] of this.#batches) {
      if (readIndex === null || readIndex > applied) continue;
      this.#batches.delete(readId);
      this.#count -= reads.length;
      recorder?.served(readIndex, reads.length);
      for (const read of reads) read.resolve();
    }
  }

  /** Unconfirmed attempts are made again: the leader they were made with may be none. */
  recordLeaderChange(): void {
    for (const [readId, batch] of this.#batches) if (batch.readIndex === null) this.#putBack(readId, batch);
  }

  expire(now: number, leader: NodeId | null): void {
    for (const [readId, batch] of this.#batches) {
      if (batch.readIndex === null && batch.sentAt + confirmationPatienceMs <= now)
        this.#putBack(readId, batch);
    }
    if (now < this.#nextDeadline) return;
    this.#nextDeadline = Number.POSITIVE_INFINITY;
    this.#waiting = this.#expireIn(this.#waiting, now, leader);
    for (const [readId, batch] of this.#batches) {
      const reads = this.#expireIn(batch.reads, now, leader);
      if (reads.length === 0) this.#batches.delete(readId);
      else this.#batches.set(readId, { ...batch, reads });
    }
  }

  rejectAll(error: RaftLiteError): void {
    const reads = [...this.#waiting, ...[...this.#batches.values()].flatMap((batch) => batch.reads)];
    this.#waiting = [];
    this.#batches.clear();
    this.#count = 0;
    for (const read of reads) read.reject(error);
  }

  #putBack(readId: number, { reads }: Batch): void {
    this.#batches.delete(readId);
    this.#waiting.push(...reads);
  }

  #expireIn(reads: readonly PendingRead[], now: number, leader: NodeId | null): PendingRead[] {
    const left: PendingRead[] = [];
    for (const read of reads) {
      if (read.deadline > now) {
        left.push(read);
        this.#nextDeadline = Math.min(this.#nextDeadline, read.deadline);
        continue;
      }
      this.#count--;
      read.reject(unconfirmedError(leader));
    }
    return left;
  }
}

function unconfirmedError(leader: NodeId | null): RaftLiteError {
  const details = { outcome: "none", ...(leader !== null && { leader }) };
  return leader === null
    ? new RaftLiteError("no-leader", "no leader was known in time to confirm the read", {
        status: 503,
        details,
      })
    : new RaftLiteError("timeout", "no majority confirmed the read in time", { status: 503, details });
}
