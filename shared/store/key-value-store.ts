import { invariant, RaftLiteError } from "../errors.ts";
import type { StateMachine } from "../node/state-machine.ts";
import type { LogEntry } from "../storage/entry.ts";
import { TEXT_SCHEMA } from "../storage/entry.ts";
import type { DurableStorage } from "../storage/port.ts";
import type { ByteRange, Command } from "./commands.ts";
import { parseCommand } from "./commands.ts";
import { describeCommand } from "./describe.ts";
import type { Change, KeyState } from "./key-state.ts";
import { isDeleted } from "./key-state.ts";
import type { KeyValue } from "./key-tables.ts";
import { KeyTables } from "./key-tables.ts";
import { compareBytes, encodeKey } from "./keys.ts";
import type { Batch, PlacedOperation } from "./operations.ts";
import { decodeOperations, OPERATIONS_SCHEMA } from "./operations.ts";
import type { BatchResult, OperationResult, Refusal, ShownValue } from "./results.ts";
import { refusal, showValue } from "./results.ts";

/** What the store holds for a key. Revisions are Raft indexes. */
export interface StoredValue {
  /** May be a view of a larger buffer: copy it to keep it. */
  readonly value: Uint8Array;
  readonly flags: number;
  readonly createRevision: number;
  readonly modifyRevision: number;
  /** Puts since the key was last absent. */
  readonly version: number;
}

export interface StoredKey extends StoredValue {
  readonly key: string;
}

/** What `apply` returns: a text command's own result, a batch's, or why the entry was refused. */
export type ApplyResult = "OK" | 0 | 1 | boolean | ShownValue | null | BatchResult | Refusal;

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const NO_VALUE = new Uint8Array(0);

/**
 * The replicated key-value store. A change has the index of its entry as its revision. Applied changes live in
 * memory until `flush` writes them to the tables of `KeyTables`; reads look at both. Values are never copied: up to
 * the flush they are views of the entry in memory, afterwards they are read from its row in the log, which must by
 * then be in `entries`.
 */
export class KeyValueStore implements StateMachine {
  #tables!: KeyTables;
  #applied = 0;
  #lastChange = 0;
  /** Of every key changed since the last flush its newest state. */
  readonly #memtable = new Map<string, Change>();
  /** Every change since the last flush, one for a key and an entry, in the order of revisions. */
  readonly #unflushed: Change[] = [];
  /** What the entry being applied has changed so far. */
  readonly #staged = new Map<string, Change>();

  open(storage: DurableStorage, applied: number): void {
    this.#tables = new KeyTables(storage.sql);
    this.#applied = applied;
    this.#lastChange = this.#tables.lastChange();
    invariant(
      this.#lastChange <= applied,
      "the applied index is stored with what was applied",
      () => `tables reach ${this.#lastChange}, the applied index is ${applied}`,
    );
  }

  apply(entry: LogEntry): ApplyResult {
    invariant(
      entry.index > this.#applied,
      "entries are applied once and in order",
      () => `${entry.index} after ${this.#applied}`,
    );
    this.#applied = entry.index;
    const { schema, bytes } = entry.data;
    try {
      switch (schema) {
        case TEXT_SCHEMA:
          return this.#applyText(entry.index, bytes);
        case OPERATIONS_SCHEMA:
          return this.#applyBatch(entry.index, decodeOperations(bytes));
        default:
          throw new RaftLiteError("unknown-schema", `no command has schema ${schema}`, { status: 400 });
      }
    } catch (error) {
      if (error instanceof RaftLiteError) return refusal(error);
      throw error;
    }
  }

  /** What was applied is forgotten here: when the caller's transaction fails, this object must not be used again. */
  flush(): void {
    this.#tables.write(this.#unflushed);
    this.#unflushed.length = 0;
    this.#memtable.clear();
  }

  describe(schema: number, bytes: Uint8Array): string {
    return describeCommand(schema, bytes);
  }

  /** The key as of the last applied entry; null when absent. Throws as `encodeKey` does. */
  get(key: string): StoredValue | null {
    const change = this.#memtable.get(key);
    if (change !== undefined) return isDeleted(change) ? null : toStoredKey(change, change.value);
    const found = this.#tables.read(encodeKey(key));
    return found === null ? null : toStoredKey(found.state, found.value);
  }

  /** All keys that begin with `prefix`, in the order of their bytes. Throws as `encodeKey` does. */
  list(prefix: string): StoredKey[] {
    const flushed = this.#tables.readUnder(encodeKey(prefix, true));
    return merge(flushed, ({ state }) => state, this.#changedUnder(prefix), (change): KeyValue => ({
      state: change,
      value: change.value,
    })).map(({ state, value }) => toStoredKey(state, value));
  }

  /** All there is, in the order of keys: equal logs give equal dumps. */
  dump(): Iterable<StoredKey> {
    return this.list("");
  }

  /** Index of the last applied entry that changed anything, deletions included; 0 when none has. */
  get lastChange(): number {
    return this.#lastChange;
  }

  /** The same for one key. Throws as `encodeKey` does. */
  lastChangeOf(key: string): number {
    return this.#find(key, encodeKey(key))?.revision ?? 0;
  }

  /** The same for all keys that begin with `prefix`; takes time in proportion to their number. */
  lastChangeUnder(prefix: string): number {
    let last = this.#tables.lastChangeUnder(encodeKey(prefix, true));
    for (const change of this.#changedUnder(prefix)) last = Math.max(last, change.revision);
    return last;
  }

  #applyText(revision: number, bytes: Uint8Array): ApplyResult {
    const command = parseText(bytes);
    const { key } = command;
    switch (command.verb) {
      case "GET": {
        const stored = this.get(key);
        return stored === null ? null : showValue(stored.value);
      }
      case "DEL": {
        const current = this.#present(key);
        if (current === null) return 0;
        this.#stageDelete(revision, current);
        this.#commit(revision);
        return 1;
      }
      case "CAS": {
        const stored = this.get(key);
        if (stored === null) return false;
        if (compareBytes(stored.value, slice(bytes, command.expected)) !== 0) return false;
        break;
      }
      case "SET":
        break;
    }
    this.#stagePut(revision, key, slice(bytes, command.value), command.value.offset, 0);
    this.#commit(revision);
    return command.verb === "SET" ? "OK" : true;
  }

  #applyBatch(revision: number, batch: Batch<PlacedOperation>): BatchResult {
    const results = batch.operations.map((operation) => this.#stage(revision, operation));
    const refused = batch.atomic && results.some(({ ok }) => !ok);
    if (!refused) {
      this.#commit(revision);
      return { ok: true, results };
    }
    this.#staged.clear();
    return {
      ok: false,
      results: results.map((result, position) => {
        // What counts for the next try is what is there now, not what was there for a moment within the batch.
        const ModifyIndex = this.#present(batch.operations[position]!.key)?.revision ?? 0;
        return { ok: false, ModifyIndex, code: result.code ?? "rolled-back" };
      }),
    };
  }

  #stage(revision: number, operation: PlacedOperation): OperationResult {
    const { key, cas } = operation;
    if (operation.type === "delete" && operation.recurse) {
      const states = this.#presentUnder(key);
      for (const state of states) this.#stageDelete(revision, state);
      return { ok: true, ModifyIndex: states.length === 0 ? 0 : revision };
    }
    const current = this.#present(key);
    const modifyIndex = current?.revision ?? 0;
    if (operation.type === "delete") {
      if (current === null) return { ok: true, ModifyIndex: 0 };
      if (cas !== null && cas !== modifyIndex) {
        return { ok: false, ModifyIndex: modifyIndex, code: "cas-failed" };
      }
      this.#stageDelete(revision, current);
      return { ok: true, ModifyIndex: revision };
    }
    if (cas !== null && cas !== modifyIndex) {
      return { ok: false, ModifyIndex: modifyIndex, code: "cas-failed" };
    }
    this.#stagePut(revision, key, operation.value, operation.valueOffset, operation.flags);
    return { ok: true, ModifyIndex: revision };
  }

  #stagePut(revision: number, key: string, value: Uint8Array, valueOffset: number, flags: number): void {
    const keyBytes = encodeKey(key);
    const before = this.#find(key, keyBytes);
    const present = before !== null && !isDeleted(before);
    this.#staged.set(key, {
      key,
      keyBytes,
      revision,
      valueOffset,
      valueLength: value.length,
      createRevision: present ? before.createRevision : revision,
      version: present ? before.version + 1 : 1,
      flags,
      previousRevision: this.#previousRevision(revision, key, before),
      value,
    });
  }

  #stageDelete(revision: number, before: KeyState): void {
    this.#staged.set(before.key, {
      key: before.key,
      keyBytes: before.keyBytes,
      revision,
      valueOffset: 0,
      valueLength: 0,
      createRevision: 0,
      version: 0,
      flags: 0,
      previousRevision: this.#previousRevision(revision, before.key, before),
      value: NO_VALUE,
    });
  }

  /** An entry that changes a key twice leaves one change, which goes on from the state before the entry. */
  #previousRevision(revision: number, key: string, before: KeyState | null): number {
    if (before?.revision !== revision) return before?.revision ?? 0;
    return this.#staged.get(key)?.previousRevision ?? 0;
  }

  #commit(revision: number): void {
    if (this.#staged.size === 0) return;
    for (const [key, change] of this.#staged) {
      this.#memtable.set(key, change);
      this.#unflushed.push(change);
    }
    this.#staged.clear();
    this.#lastChange = revision;
  }

  /** The newest state, a deletion included; null when the key never was. */
  #find(key: string, keyBytes: Uint8Array): KeyState | null {
    return this.#staged.get(key) ?? this.#memtable.get(key) ?? this.#tables.find(keyBytes);
  }

  #present(key: string): KeyState | null {
    const state = this.#find(key, encodeKey(key));
    return state === null || isDeleted(state) ? null : state;
  }

  #presentUnder(prefix: string): KeyState[] {
    const flushed = this.#tables.findUnder(encodeKey(prefix, true));
    return merge(flushed, (state) => state, this.#changedUnder(prefix), (change): KeyState => change);
  }

  /** What is in memory under a prefix, deletions included, in order. */
  #changedUnder(prefix: string): Change[] {
    const changes = new Map<string, Change>();
    for (const level of [this.#memtable, this.#staged]) {
      for (const [key, change] of level) if (key.startsWith(prefix)) changes.set(key, change);
    }
    return [...changes.values()].sort((a, b) => compareBytes(a.keyBytes, b.keyBytes));
  }
}
