import type { LogIndex, Term } from "../raft/types.ts";
import type { LogEntry } from "../storage/entry.ts";
import type { LogStore } from "../storage/log-store.ts";
import type { DurableStorage } from "../storage/port.ts";
import type { LogTail } from "./log-tail.ts";
import { Sessions } from "./sessions.ts";
import type { StateMachine } from "./state-machine.ts";

/** Entries applied in one go, before other events get their turn: what a restart replays is not in one piece. */
const entriesPerTurn = 2000;
const bytesPerTurn = 8 << 20;

/**
 * So much may be applied and not written: it is what a restart after a crash applies again, and what a flush takes the
 * event loop for. Most cost a fraction of a millisecond; one that also has its part of a round through the table of
 * keys to write takes some two for a thousand changes (in batches of 100 puts a flush of 256 KiB holds as many).
 */
const DEFAULT_FLUSH_ENTRIES = 1024;
const flushBytes = 256 << 10;

/** Applies committed entries in order, each command once, and keeps what was applied ready for the next write. */
export class Applier {
  readonly sessions: Sessions;
  readonly #stateMachine: StateMachine;
  readonly #log: LogStore;
  readonly #tail: LogTail;
  readonly #flushEntries: number;
  #applied: LogIndex;
  #appliedTerm: Term = 0;
  #target: LogIndex;
  /** Bytes of entries that were applied since the last flush. */
  #unflushedBytes = 0;
  /** What took effect up to here was told in an earlier run of this node. */
  readonly told: LogIndex;

  constructor(
    storage: DurableStorage,
    stateMachine: StateMachine,
    log: LogStore,
    tail: LogTail,
    flushEntries = DEFAULT_FLUSH_ENTRIES,
  ) {
    this.#flushEntries = flushEntries;
    this.#stateMachine = stateMachine;
    this.#log = log;
    this.#tail = tail;
    this.#target = log.applied;
    this.told = log.applied;
    // The log goes through a volatile one again from its beginning, and through the sessions as they were then.
    this.#applied = stateMachine.volatile ? 0 : log.applied;
    this.sessions = stateMachine.volatile ? Sessions.begin(storage) : Sessions.open(storage);
    stateMachine.open(storage, this.#applied);
  }

  get applied(): LogIndex {
    return this.#applied;
  }

  /** Of the last entry applied since the start; 0 before. */
  get appliedTerm(): Term {
    return this.#appliedTerm;
  }

  get isBehind(): boolean {
    return this.#applied < this.#target;
  }

  /** Applied but not written yet. */
  get isDirty(): boolean {
    return this.#applied > this.#log.applied;
  }

  commitTo(index: LogIndex): void {
    this.#target = Math.max(this.#target, index);
  }

  /** Applies a bounded number of entries; `each` hears of every command that took effect. */
  applySome(each: (entry: LogEntry, result: unknown) => void): void {
    let bytes = 0;
    const last = Math.min(this.#target, this.#applied + entriesPerTurn);
    while (this.#applied < last && bytes < bytesPerTurn) {
      for (const entry of this.#tail.read(this.#applied + 1, last, bytesPerTurn - bytes)) {
        bytes += entry.size;
        this.#unflushedBytes += entry.size;
        this.#apply(entry, each);
      }
    }
  }

  #apply(entry: LogEntry, each: (entry: LogEntry, result: unknown) => void): void {
    this.#applied = entry.index;
    this.#appliedTerm = entry.term;
    if (entry.kind !== "command") return;
    const { origin } = entry.data;
    // The same command may have come by two ways, through two leaders: the first one counts.
    if (origin !== null && this.sessions.has(origin)) return;
    const result = this.#stateMachine.apply(entry);
    if (origin !== null) this.sessions.add(origin);
    if (entry.index > this.told) each(entry, result);
  }

  /**
   * Inside the node's transaction: state, sessions and applied index, together or not at all. Waits until it is worth
   * it, unless all of it is asked for.
   */
  flush(all: boolean): void {
    if (!this.isDirty) return;
    const isDue =
      this.#applied - this.#log.applied >= this.#flushEntries || this.#unflushedBytes >= flushBytes;
    if (!all && !isDue) return;
    this.#unflushedBytes = 0;
    this.#stateMachine.flush();
    this.sessions.flush();
    this.#log.saveApplied(this.#applied);
  }
}
