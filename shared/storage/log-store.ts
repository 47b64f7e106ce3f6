import { invariant, RaftLiteError } from "../errors.ts";
import type { HardState, LogIndex, Term, TermRun } from "../raft/types.ts";
import type { LogEntry, UncountedEntry } from "./entry.ts";
import type { EntryRow } from "./entry-row.ts";
import {
  bindEntry,
  bodyOf,
  COMMAND_KIND,
  damaged,
  ENTRY_COLUMN_COUNT,
  ENTRY_COLUMNS,
  entryOf,
} from "./entry-row.ts";
import { entryAt, pageOf, readPage, verifyLog } from "./log-pages.ts";
import type { LogSummary, PlacedConfiguration } from "./log-summary.ts";
import type { Meta } from "./meta.ts";
import { readHardState, readMeta, writeHardState, writeMeta } from "./meta.ts";
import type { DurableStorage, SqlBinding, SqlStorage } from "./port.ts";
import { createTables, existingTables, migrate, SCHEMA_VERSION } from "./schema.ts";

/** Rows of one INSERT: as many as fit into the port's 100 bindings; a quarter faster than row by row. */
const ROWS_PER_INSERT = 8;

const PLACES = `(${Array(ENTRY_COLUMN_COUNT).fill("?").join(", ")})`;
const INSERT = `INSERT INTO entries (${ENTRY_COLUMNS}) VALUES `;
const INSERT_ONE = INSERT + PLACES;
const INSERT_MANY = INSERT + Array(ROWS_PER_INSERT).fill(PLACES).join(", ");

export interface StoreIdentity {
  /** The name this node is started under. */
  readonly id: string;
  /** Called once, when the storage is empty: a random name for this store. */
  readonly mintStoreId: () => string;
}

/**
 * Log, term, vote and identity of one node (paper, Figure 2: persistent state), kept through the storage port.
 *
 * `append`, `saveHardState`, `saveApplied` and `bindCluster` run inside a transaction of the caller, who also calls
 * `sync`; nothing is durable before that has resolved. Should that transaction fail, what this object holds in memory
 * is ahead of the storage: the node stops, and the next `open` starts from what is stored.
 */
export class LogStore {
  readonly id: string;
  /** Random name of this very storage; a wiped one gets another. */
  readonly storeId: string;
  /** How often this storage has been opened, this time included. */
  readonly boot: number;
  readonly #sql: SqlStorage;
  readonly #summary: LogSummary;
  #clusterId: string | null;
  #hardState: HardState;
  #applied: LogIndex;

  private constructor(sql: SqlStorage, meta: Meta, hardState: HardState, summary: LogSummary) {
    this.#sql = sql;
    this.id = meta.id;
    this.storeId = meta.storeId;
    this.boot = meta.boot;
    this.#clusterId = meta.clusterId;
    this.#applied = meta.applied;
    this.#hardState = hardState;
    this.#summary = summary;
  }

  /**
   * Opens what is stored, or creates it in an empty storage. Every row is verified first, in parts that fit in memory;
   * nothing is written unless all are well, and nothing is ever repaired or cut off.
   *
   * Counts a boot: call `sync` and wait before anything that names the boot leaves this node.
   *
   * Throws `wrong-node` when the storage belongs to another id, `storage-too-new` when a newer release wrote it,
   * `storage-damaged` with the row when anything is not as it was written.
   */
  static open(storage: DurableStorage, identity: StoreIdentity): LogStore {
    const opening = LogStore.opening(storage, identity);
    for (;;) {
      const { done, value } = opening.next();
      if (done) return value;
    }
  }

  /**
   * The same, step by step: after each part of the log that was verified (some hundred entries, a few milliseconds) the
   * caller may let others have their turn. Nobody may write to the storage before it has ended.
   */
  static *opening(storage: DurableStorage, identity: StoreIdentity): Generator<void, LogStore> {
    const { sql } = storage;
    const tables = existingTables(sql);
    if (tables.size === 0) create(storage, identity);
    else if (tables.size < 3)
      throw damaged("meta", "all rows", `of three tables only ${[...tables].join(", ")} exist`);

    const meta = readMeta(sql);
    if (meta.id !== identity.id) {
      throw new RaftLiteError(
        "wrong-node",
        `This data belongs to node ${meta.id}, not to node ${identity.id}. Start it as ${meta.id} (--id ${meta.id}), ` +
          `or give ${identity.id} a data directory of its own (--data-dir).`,
        { details: { stored: meta.id, asked: identity.id } },
      );
    }
    const hardState = readHardState(sql);
    const summary = yield* verifyLog(sql);
    if (hardState.term < summary.lastTerm) {
      throw damaged(
        "hard_state",
        "id=1",
        `its term ${hardState.term} is below the log's last, ${summary.lastTerm}`,
      );
    }
    if (meta.applied > summary.lastIndex) {
      throw damaged(
        "meta",
        "key=applied",
        `${meta.applied} is past the log's last index, ${summary.lastIndex}`,
      );
    }
    storage.transactionSync(() => {
      migrate(sql, meta.schemaVersion);
      if (meta.schemaVersion !== SCHEMA_VERSION) writeMeta(sql, "schemaVersion", SCHEMA_VERSION);
      writeMeta(sql, "boot", meta.boot + 1);
    });
    return new LogStore(sql, { ...meta, boot: meta.boot + 1 }, hardState, summary);
  }

  /** The cluster this storage is bound to; null until a committed entry has bound it. */
  get clusterId(): string | null {
    return this.#clusterId;
  }

  get hardState(): HardState {
    return this.#hardState;
  }

  /** Index up to which the state machine's own tables stand. */
  get applied(): LogIndex {
    return this.#applied;
  }

  /** 0 when the log is empty. */
  get lastIndex(): LogIndex {
    return this.#summary.lastIndex;
  }

  /** Time of the last entry, milliseconds since the epoch; 0 when the log is empty. */
  get lastTime(): number {
    return this.#summary.lastTime;
  }

  /** Terms of the log, run by run, from the first entry on. Changes with the log. */
  get runs(): readonly TermRun[] {
    return this.#summary.runs;
  }

  /** Every configuration in the log, in order; the last one is in effect. Changes with the log. */
  get configurations(): readonly PlacedConfiguration[] {
    return this.#summary.configurations;
  }

  /** Term of the entry at `index`; 0 at index 0. `index` must not be past the last. */
  termAt(index: LogIndex): Term {
    return this.#summary.termAt(index);
  }

  /**
   * Writes consecutive entries; whatever the log holds from the first one's index on is replaced. Returns them with
   * their ordinals, a configuration entry with its body as bytes. Inside the caller's transaction, after
   * `saveHardState` where both are due.
   */
  append(entries: readonly UncountedEntry[]): LogEntry[] {
    const first = entries[0];
    if (first === undefined) return [];
    invariant(
      first.index >= 1 && first.index <= this.lastIndex + 1,
      "the log has no gaps",
      () => `append at ${first.index}, the last entry is ${this.lastIndex}`,
    );
    invariant(
      first.index > this.#applied,
      "what has been applied never changes",
      () => `append at ${first.index}, applied is ${this.#applied}`,
    );
    if (first.index <= this.lastIndex) {
      const before = first.index === 1 ? null : entryAt(this.#sql, first.index - 1);
      this.#sql.exec("DELETE FROM entries WHERE idx >= ?", first.index);
      this.#summary.truncate(before);
    }

    const counted: LogEntry[] = [];
    let bindings: SqlBinding[] = [];
    for (const entry of entries) {
      const refusal = this.#summary.refusal(entry);
      invariant(
        refusal === null,
        "terms and indexes rise along the log",
        () => `entry ${entry.index}: ${refusal}`,
      );
      invariant(
        entry.term <= this.#hardState.term,
        "a term is stored before its entries",
        () => `entry ${entry.index} of term ${entry.term}, the stored term is ${this.#hardState.term}`,
      );
      const bytes = bodyOf(entry);
      const placed = place(entry, bytes, this.#summary.commands);
      bindEntry(placed, bytes, bindings);
      this.#summary.add(placed);
      counted.push(placed);
      if (bindings.length === ROWS_PER_INSERT * ENTRY_COLUMN_COUNT) {
        this.#sql.exec(INSERT_MANY, ...bindings);
        bindings = [];
      }
    }
    for (let at = 0; at < bindings.length; at += ENTRY_COLUMN_COUNT) {
      this.#sql.exec(INSERT_ONE, ...bindings.slice(at, at + ENTRY_COLUMN_COUNT));
    }
    return counted;
  }

  /** Stores term and vote (paper 5.1, 5.2). Inside the caller's transaction. */
  saveHardState(next: HardState): void {
    const { term, votedFor } = this.#hardState;
    invariant(next.term >= term, "the term never falls", () => `from ${term} to ${next.term}`);
    invariant(
      next.term > term || votedFor === null || next.votedFor === votedFor,
      "one vote in a term",
      () => `term ${term}: from ${votedFor} to ${next.votedFor}`,
    );
    writeHardState(this.#sql, next);
    this.#hardState = { term: next.term, votedFor: next.votedFor };
  }

  /** Records that the state machine's tables now stand at `index`. Inside the transaction that brought them there. */
  saveApplied(index: LogIndex): void {
    invariant(
      index >= this.#applied && index <= this.lastIndex,
      "the applied index rises within the log",
      () => `from ${this.#applied} to ${index}, the last entry is ${this.lastIndex}`,
    );
    writeMeta(this.#sql, "applied", index);
    this.#applied = index;
  }

  /** Binds this storage to a cluster, for ever. Inside the caller's transaction. */
  bindCluster(clusterId: string): void {
    invariant(
      this.#clusterId === null || this.#clusterId === clusterId,
      "a store belongs to one cluster",
      () => `bound to ${this.#clusterId}, asked for ${clusterId}`,
    );
    writeMeta(this.#sql, "clusterId", clusterId);
    this.#clusterId = clusterId;
  }

  /**
   * Entries from `first` to `last`, both included, as many as fit into `maxBytes` of bodies but at least one; the `size`
   * of each is its body's. Throws `storage-damaged` when one is not what was written.
   */
  read(first: LogIndex, last: LogIndex, maxBytes: number): LogEntry[] {
    invariant(
      first >= 1 && first <= last && last <= this.lastIndex,
      "only entries of the log are read",
      () => `${first} to ${last}, the last entry is ${this.lastIndex}`,
    );
    const entries: LogEntry[] = [];
    let left = maxBytes;
    for (let from = first; from <= last && (left > 0 || from === first); ) {
      const page = pageOf(this.#sql, from, last, left);
      if (from > first && page.bytes > left) break;
      for (const entry of readPage(this.#sql, page)) entries.push(entry);
      left -= page.bytes;
      from = page.last + 1;
    }
    return entries;
  }

  /** The newest `limit` commands at or below `index`, oldest first. Throws `storage-damaged` as `read` does. */
  commandsUpTo(index: LogIndex, limit: number): LogEntry[] {
    const rows = this.#sql.exec<EntryRow>(
      `SELECT ${ENTRY_COLUMNS} FROM entries WHERE idx <= ? AND kind = ? ORDER BY idx DESC LIMIT ?`,
      index,
      COMMAND_KIND,
      Math.min(limit, Number.MAX_SAFE_INTEGER),
    );
    return rows.toArray().reverse().map(entryOf);
  }

  /** How many commands the entries 1 to `index` hold. `index` must not be past the last. */
  ordinalAfter(index: LogIndex): number {
    if (index === this.lastIndex) return this.#summary.commands;
    if (index === 0) return 0;
    const entry = entryAt(this.#sql, index);
    return entry.ordinal + (entry.kind === "command" ? 1 : 0);
  }
}

/** The entry as it is stored: one that has its place already, as nearly all have, is not made again. */
function place(
  entry: UncountedEntry & { readonly ordinal?: number },
  bytes: Uint8Array,
  ordinal: number,
): LogEntry {
  if (entry.ordinal === ordinal && entry.data.bytes === bytes) return entry as LogEntry;
  return { ...entry, data: { ...entry.data, bytes }, ordinal };
}

function create(storage: DurableStorage, identity: StoreIdentity): void {
  const { sql } = storage;
  storage.transactionSync(() => {
    createTables(sql);
    writeMeta(sql, "schemaVersion", SCHEMA_VERSION);
    writeMeta(sql, "id", identity.id);
    writeMeta(sql, "storeId", identity.mintStoreId());
    writeMeta(sql, "boot", 0);
    writeMeta(sql, "applied", 0);
    writeHardState(sql, { term: 0, votedFor: null });
  });
}
