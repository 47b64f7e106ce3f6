import { RaftLiteError } from "../errors.ts";
import type { LogIndex, NodeId, Term } from "../raft/types.ts";
import type { LogEntry, Origin } from "../storage/entry.ts";
import type { CommandOutcome } from "./api.ts";
import { SequenceMap } from "./sequence-map.ts";
import type { Forward, ForwardResponse, ForwardResult } from "./wire.ts";

/**
 * Commands that this node has accepted from its clients and not answered yet. Each keeps its sequence however often
 * it is handed to a leader, so it takes effect at most once; it is answered when this node applies it, whichever
 * leader brought it there.
 */

/** Where the newest attempt stands. */
type Attempt =
  | { readonly type: "none" }
  /** On its way to a leader, or there without a word yet. */
  | { readonly type: "sent"; readonly call: number; readonly at: number }
  /** In a leader's log: lost when another entry is applied at its index, or one of a later term before it. */
  | { readonly type: "appended"; readonly index: LogIndex; readonly term: Term };

export interface PendingCommand {
  readonly sequence: number;
  readonly schema: number;
  readonly bytes: Uint8Array;
  readonly deadline: number;
  /** false: it is answered by a leader or not at all, never sent on. */
  readonly forward: boolean;
  attempt: Attempt;
  /** Calls of which it is not certain that they ended in no log and never will. */
  openCalls: ReadonlySet<number>;
  /** It has been in this node's own log as leader. */
  proposed: boolean;
  /** It waits for a leader. */
  isUnsent: boolean;
  readonly resolve: (outcome: CommandOutcome) => void;
  readonly reject: (error: RaftLiteError) => void;
}

/** A leader that does not answer for a command within this time is asked again, or another is. */
const answerPatienceMs = 1000;
/** After a refusal, before the next attempt. */
const refusalPauseMs = 20;

/** So many that do not wait any more may stand among those that do. */
const mostStale = 64;

/** At the leader, where most commands come in, none has any. */
const noCalls: ReadonlySet<number> = new Set();

export class Commands {
  readonly #node: NodeId;
  readonly #boot: number;
  readonly #pending = new SequenceMap<PendingCommand>();
  /** Sequences of those that wait for a leader, in their order, among some that do not any more. */
  #unsent: number[] = [];
  #unsentCount = 0;
  #nextSequence = 1;
  #bytes = 0;
  #nextDeadline = Number.POSITIVE_INFINITY;
  #nextCheck = Number.POSITIVE_INFINITY;
  #nextCall = 1;
  #holdUntil = Number.NEGATIVE_INFINITY;
  /** Those that were in a log when the leader last changed, or the term: only they can have been lost. */
  #endangered: number[] = [];

  constructor(node: NodeId, boot: number) {
    this.#node = node;
    this.#boot = boot;
  }

  get count(): number {
    return this.#pending.size;
  }

  /** Payload bytes that wait. */
  get bytes(): number {
    return this.#bytes;
  }

  /** When `expire` or `retry` next have something to do; while nobody waits, never: a quiet node has no timer. */
  get deadline(): number {
    if (this.#pending.size === 0) return Number.POSITIVE_INFINITY;
    return Math.min(this.#nextDeadline, this.#nextCheck);
  }

  get hasUnsent(): boolean {
    return this.#unsentCount > 0;
  }

  /** Not before then does a refused command go out again. */
  get holdUntil(): number {
    return this.#holdUntil;
  }

  add(
    command: Pick<PendingCommand, "schema" | "bytes" | "deadline" | "forward" | "resolve" | "reject">,
  ): void {
    const pending: PendingCommand = {
      ...command,
      sequence: this.#nextSequence++,
      attempt: { type: "none" },
      openCalls: noCalls,
      proposed: false,
      isUnsent: false,
    };
    this.#pending.set(pending.sequence, pending);
    this.#addUnsent(pending);
    this.#bytes += pending.bytes.length;
    this.#nextDeadline = Math.min(this.#nextDeadline, pending.deadline);
  }

  origin(pending: PendingCommand): Origin {
    return { node: this.#node, boot: this.#boot, sequence: pending.sequence, floor: this.#floor() };
  }

  /** The oldest sequence that may still be sent. */
  #floor(): number {
    return this.#pending.lowest ?? this.#nextSequence;
  }

  /** Those that wait for a leader, at most `maxBytes` of payloads but at least one. */
  takeUnsent(maxBytes: number): PendingCommand[] {
    const taken: PendingCommand[] = [];
    let bytes = 0;
    let at = 0;
    for (; at < this.#unsent.length; at++) {
      const pending = this.#pending.get(this.#unsent[at]!);
      if (!pending?.isUnsent) continue;
      bytes += pending.bytes.length;
      if (taken.length > 0 && bytes > maxBytes) break;
      pending.isUnsent = false;
      this.#unsentCount--;
      taken.push(pending);
    }
    this.#unsent = this.#unsent.slice(at);
    return taken;
  }

  /** The attempt came to nothing; the next one waits a little. */
  putBack(pending: PendingCommand, now: number): void {
    this.#renew(pending);
    this.#holdUntil = Math.max(this.#holdUntil, now + refusalPauseMs);
  }

  #renew(pending: PendingCommand): void {
    if (!this.#pending.has(pending.sequence)) return;
    pending.attempt = { type: "none" };
    this.#addUnsent(pending);
  }

  #addUnsent(pending: PendingCommand): void {
    if (pending.isUnsent) return;
    pending.isUnsent = true;
    this.#unsentCount++;
    this.#unsent.push(pending.sequence);
  }

  /** It has been answered. While nobody leads none is taken, and clients that give up must not fill the memory. */
  #dropUnsent(pending: PendingCommand): void {
    if (!pending.isUnsent) return;
    pending.isUnsent = false;
    this.#unsentCount--;
    if (this.#unsent.length < 2 * this.#unsentCount + mostStale) return;
    this.#unsent = this.#unsent.filter((sequence) => this.#pending.has(sequence));
  }

  /** Makes one message to the leader of these. */
  forward(commands: readonly PendingCommand[], to: NodeId, now: number): Forward {
    const call = this.#nextCall++;
    const floor = this.#floor();
    for (const pending of commands) {
      pending.attempt = { type: "sent", call, at: now };
      pending.openCalls = new Set([...pending.openCalls, call]);
    }
    this.#nextCheck = Math.min(this.#nextCheck, now + answerPatienceMs);
    return {
      type: "Forward",
      from: this.#node,
      to,
      boot: this.#boot,
      call,
      commands: commands.map(({ sequence, schema, bytes }) => ({ sequence, floor, schema, bytes })),
    };
  }

  /** This node leads, and the command is in its own log. */
  recordProposed(pending: PendingCommand, index: LogIndex, term: Term): void {
    pending.attempt = { type: "appended", index, term };
    pending.proposed = true;
  }

  /** The leader's word on forwarded commands. */
  recordAnswer({ boot, call, results }: ForwardResponse, now: number): void {
    if (boot !== this.#boot) return;
    for (const result of results) {
      const pending = this.#pending.get(result.sequence);
      if (!pending) continue;
      if (result.outcome === "refused") closeCall(pending, call);
      if (pending.attempt.type !== "sent" || pending.attempt.call !== call) continue;
      if (result.outcome === "refused") this.putBack(pending, now);
      // What the leader has applied is in this node's own log soon; it cannot get lost any more.
      else pending.attempt = { type: "appended", ...appendedAt(result) };
    }
  }

  /** A call failed: what it carried goes out again, which the sequence makes safe. */
  recordFailedCall({ call, commands }: Forward, neverArrived: boolean, now: number): void {
    for (const { sequence } of commands) {
      const pending = this.#pending.get(sequence);
      if (neverArrived && pending) closeCall(pending, call);
      if (pending?.attempt.type === "sent" && pending.attempt.call === call) this.putBack(pending, now);
    }
  }

  /** There is another leader, or another term: whoever has been asked may not be able to keep its word. */
  recordLeaderChange(): void {
    this.#holdUntil = Number.NEGATIVE_INFINITY;
    for (const pending of this.#pending.select(({ attempt }) => attempt.type === "sent"))
      this.#renew(pending);
    const appended = this.#pending.select(({ attempt }) => attempt.type === "appended");
    this.#endangered = appended.map(({ sequence }) => sequence);
  }

  /**
   * Everything up to `index` is applied, the last of it of `term`. A command that should have been there and was not,
   * or that no later entry can bring any more, is lost, and goes again.
   */
  recordApplied(index: LogIndex, term: Term): void {
    if (this.#endangered.length === 0) return;
    this.#endangered = this.#endangered.filter((sequence) => {
      const pending = this.#pending.get(sequence);
      if (pending?.attempt.type !== "appended") return false;
      const isLost = pending.attempt.index <= index || pending.attempt.term < term;
      if (isLost) this.#renew(pending);
      return !isLost;
    });
  }

  /** This node's own command has been applied: its client is answered, if it still waits. */
  complete(entry: LogEntry, leader: NodeId, result: unknown): void {
    const { origin } = entry.data;
    if (origin === null || origin.node !== this.#node || origin.boot !== this.#boot) return;
    const pending = this.#remove(origin.sequence);
    pending?.resolve({ index: entry.index, ordinal: entry.ordinal, term: entry.term, leader, result });
  }

  /** Refuses what no leader took in time, and says for certain only what is certain. */
  expire(now: number, leader: NodeId | null): void {
    if (now < this.#nextDeadline) return;
    this.#nextDeadline = Number.POSITIVE_INFINITY;
    const expired = this.#pending.select(({ deadline }) => {
      if (deadline > now) this.#nextDeadline = Math.min(this.#nextDeadline, deadline);
      return deadline <= now;
    });
    for (const pending of expired) this.reject(pending, unansweredError(pending, leader));
  }

  /** Sends again what was sent long ago without a word from the leader. */
  retry(now: number): void {
    if (now < this.#nextCheck) return;
    this.#nextCheck = Number.POSITIVE_INFINITY;
    const late = this.#pending.select(({ attempt }) => {
      if (attempt.type !== "sent") return false;
      const checkAt = attempt.at + answerPatienceMs;
      if (checkAt > now) this.#nextCheck = Math.min(this.#nextCheck, checkAt);
      return checkAt <= now;
    });
    for (const pending of late) this.#renew(pending);
  }

  reject(pending: PendingCommand, error: RaftLiteError): void {
    this.#remove(pending.sequence)?.reject(error);
  }

  /** Refuses those that wait to be sent and must not be sent on. */
  rejectStaying(error: (outcome: "none" | "unknown") => RaftLiteError): void {
    for (const sequence of [...this.#unsent]) {
      const pending = this.#pending.get(sequence);
      if (pending?.isUnsent && !pending.forward) this.reject(pending, error(outcomeOf(pending)));
    }
  }

  rejectAll(error: (outcome: "none" | "unknown") => RaftLiteError): void {
    for (const pending of this.#pending.select(() => true)) this.reject(pending, error(outcomeOf(pending)));
  }

  #remove(sequence: number): PendingCommand | undefined {
    const pending = this.#pending.take(sequence);
    if (!pending) return undefined;
    this.#dropUnsent(pending);
    this.#bytes -= pending.bytes.length;
    return pending;
  }
}

function closeCall(pending: PendingCommand, call: number): void {
  pending.openCalls = new Set([...pending.openCalls].filter((open) => open !== call));
}

function appendedAt(result: Exclude<ForwardResult, { outcome: "refused" }>): { index: LogIndex; term: Term } {
  if (result.outcome === "appended") return result;
  return { index: Number.POSITIVE_INFINITY, term: Number.POSITIVE_INFINITY };
}

/** "none" only where every attempt is known to be in no log, with none on its way. */
function outcomeOf({ proposed, openCalls }: PendingCommand): "none" | "unknown" {
  return proposed || openCalls.size > 0 ? "unknown" : "none";
}

function unansweredError(pending: PendingCommand, leader: NodeId | null): RaftLiteError {
  const outcome = outcomeOf(pending);
  const unknown = outcome === "unknown";
  const status = 503;
  if (leader === null) {
    const message = unknown
      ? "no leader answered in time; the command may have been carried out, or may yet be"
      : "no leader was known in time; the command was not carried out";
    return new RaftLiteError("no-leader", message, { status, details: { outcome } });
  }
  const message = unknown
    ? "no majority confirmed the command in time; it may have been carried out, or may yet be"
    : "the leader took no commands in time; the command was not carried out";
  return new RaftLiteError("timeout", message, { status, details: { outcome, leader } });
}
