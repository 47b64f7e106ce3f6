import type { Entry, HardState, LogIndex, OutgoingMessage, Persist, Work } from "../raft/types.ts";
import type { LogEntry } from "../storage/entry.ts";
import type { LogStore } from "../storage/log-store.ts";
import type { Exchanges } from "./exchanges.ts";
import type { LogTail } from "./log-tail.ts";
import type { Clock } from "./ports.ts";
import type { NodeMessage } from "./wire.ts";
import type { Writer } from "./writer.ts";

/** What the flow works with; all of it belongs to the node. */
export interface WriteFlowParts {
  readonly log: LogStore;
  readonly tail: LogTail;
  readonly writer: Writer;
  readonly exchanges: Exchanges;
  readonly clock: Clock;
  /** A write that takes longer than this is reported as stalled. */
  readonly stallMs: number;
}

/** A write of the core with its entries as they are stored. */
export interface StagedWrite {
  readonly number: number;
  readonly hardState: HardState | undefined;
  readonly entries: readonly LogEntry[];
}

interface Filled {
  readonly first: LogIndex;
  readonly last: LogIndex;
  readonly limit: number;
  readonly entries: readonly LogEntry[];
}

const NOTHING: Filled = { first: 0, last: 0, limit: 0, entries: [] };

/**
 * Brings the core's writes to the disk and its messages out, in the order that durability demands: what may leave at
 * once leaves beside the write, what promises something waits for the write that makes it true.
 */
export class WriteFlow {
  readonly #parts: WriteFlowParts;
  /** Messages that wait for a write, by its number. */
  #waiting: { readonly number: number; readonly messages: readonly NodeMessage[] }[] = [];
  #issued = 0;
  #durable = 0;
  #stallReported = false;
  #lastTime = 0;
  /** What was read last for a message of this turn. */
  #filled: Filled = NOTHING;

  constructor(parts: WriteFlowParts) {
    this.#parts = parts;
  }

  /** Number of the newest write that is durable. */
  get durable(): number {
    return this.#durable;
  }

  /** An entry's time never falls along the log, whatever the leader's clock says. Milliseconds since the epoch. */
  nextTime(): number {
    const { log, clock } = this.#parts;
    this.#lastTime = Math.max(this.#lastTime, log.lastTime, clock.wallTime());
    return this.#lastTime;
  }

  /** Puts new entries at the end of the log in memory, from where messages are filled. */
  stage(persist: Persist | null): StagedWrite | null {
    if (persist === null) return null;
    const { number, hardState, entries } = persist;
    return { number, hardState, entries: entries.map((entry) => this.#stageEntry(entry)) };
  }

  #stageEntry(entry: Entry): LogEntry {
    const staged = this.#parts.tail.stage(entry, this.nextTime());
    this.#lastTime = Math.max(this.#lastTime, staged.data.time);
    return staged;
  }

  /** Sends and queues what one turn's work holds; `staged` is its write. */
  dispatch({ send, sendAfter }: Work, staged: StagedWrite | null): void {
    const { exchanges, writer } = this.#parts;
    // Ranges are filled at once: a later event may take the entries away.
    for (const message of send) exchanges.post(this.#fill(message), false);
    if (staged) {
      const { number, hardState, entries } = staged;
      this.#issued = number;
      writer.add({ number, entries, ...(hardState && { hardState }) });
    }
    const waiting = sendAfter.map((message) => this.#fill(message));
    this.#filled = NOTHING;
    if (this.#issued <= this.#durable) {
      // The write that an answer waits for may have completed later in this very turn.
      for (const message of waiting) exchanges.post(message, false);
      exchanges.endTurn([], this.#issued);
      return;
    }
    if (waiting.length > 0) this.#waiting.push({ number: this.#issued, messages: waiting });
    exchanges.endTurn(waiting, this.#issued);
  }

  #fill(message: OutgoingMessage): NodeMessage {
    if (message.type !== "AppendEntries") return message;
    const { range, upTo, maxBytes, logClusterId, quiesce } = message;
    const limit = upTo ? maxBytes : Number.POSITIVE_INFINITY;
    // Field by field: with every group of commands there is one for each follower.
    const filled = {
      type: message.type,
      from: message.from,
      to: message.to,
      term: message.term,
      leaderId: message.leaderId,
      prevLogIndex: message.prevLogIndex,
      prevLogTerm: message.prevLogTerm,
      entries: this.#entries(range.first, range.last, limit),
      leaderCommit: message.leaderCommit,
      heartbeatMs: message.heartbeatMs,
      round: message.round,
    };
    const named = logClusterId === undefined ? filled : { ...filled, logClusterId };
    return quiesce === undefined ? named : { ...named, quiesce };
  }

  /** One array for all followers that are sent the same: it is packed once (wire-packed.ts). */
  #entries(first: LogIndex, last: LogIndex, limit: number): readonly LogEntry[] {
    if (last < first) return [];
    const filled = this.#filled;
    if (filled.first === first && filled.last === last && filled.limit === limit) return filled.entries;
    const entries = this.#parts.tail.read(first, last, limit);
    this.#filled = { first, last, limit, entries };
    return entries;
  }

  /** The disk has everything up to this write. The core is to hear of it before `sendWaiting`. */
  recordDurable(number: number): void {
    this.#durable = number;
    this.#stallReported = false;
  }

  /** Sends what waited for writes that are durable now. */
  sendWaiting(): void {
    while ((this.#waiting[0]?.number ?? Number.POSITIVE_INFINITY) <= this.#durable) {
      const { messages } = this.#waiting.shift() as { messages: readonly NodeMessage[] };
      for (const message of messages) this.#parts.exchanges.post(message, true);
    }
  }

  /** When the write under way has taken too long. Only an answer to one of the core's own writes ends a stall. */
  get stallAt(): number {
    const { writer, stallMs } = this.#parts;
    const isCores = this.#issued > this.#durable;
    if (writer.startedAt === null || this.#stallReported || !isCores) return Number.POSITIVE_INFINITY;
    return writer.startedAt + stallMs;
  }

  /** Whether a stall is to be reported now; true once for each. */
  takeStall(now: number): boolean {
    if (now < this.stallAt) return false;
    this.#stallReported = true;
    return true;
  }
}
