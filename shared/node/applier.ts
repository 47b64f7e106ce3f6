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

/** Applies committed entries in order, each command once, and keeps what was applied ready for the next write. */
export class Applier {
  readonly sessions: Sessions;
  readonly #stateMachine: StateMachine;
  readonly #log: LogStore;
  readonly #tail: LogTail;
  #applied: LogIndex;
  #appliedTerm: Term = 0;
  #target: LogIndex;

  constructor(storage: DurableStorage, stateMachine: StateMachine, log: LogStore, tail: LogTail) {
    this.#stateMachine = stateMachine;
    this.#log = log;
    this.#tail = tail;
    this.#applied = log.applied;
    this.#target = log.applied;
    this.sessions = Sessions.open(storage);
    stateMachine.open(storage, log.applied);
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
    each(entry, result);
  }

  /** Inside the node's transaction: state, sessions and applied index, together or not at all. */
  flush(): void {
    if (!this.isDirty) return;
    this.#stateMachine.flush();
    this.sessions.flush();
    this.#log.saveApplied(this.#applied);
  }
}
