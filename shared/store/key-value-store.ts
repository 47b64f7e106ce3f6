import { invariant, RaftLiteError } from "../errors.ts";
import type { StateMachine } from "../node/state-machine.ts";
import type { LogEntry } from "../storage/entry.ts";
import { TEXT_SCHEMA } from "../storage/entry.ts";
import type { DurableStorage } from "../storage/port.ts";
import type { CommandResult } from "./apply-command.ts";
import { applyCommand } from "./apply-command.ts";
import { applyOperations } from "./apply-operations.ts";
import { describeCommand } from "./describe.ts";
import { KeySpace } from "./key-space.ts";
import type { KeyValue } from "./key-state.ts";
import { OPERATIONS_SCHEMA } from "./operations.ts";
import type { BatchResult, Refusal } from "./results.ts";
import { refusal } from "./results.ts";

/** What the store holds for a key. Revisions are Raft indexes. */
export interface StoredValue {
  /** May be a view of a larger buffer. */
  readonly value: Uint8Array;
  /** The client's own number; 0 unless given. */
  readonly flags: number;
  /** The entry that put the key when it was last absent. */
  readonly createRevision: number;
  /** The entry that put this value. */
  readonly modifyRevision: number;
  /** Puts since the key was last absent, from 1. */
  readonly version: number;
}

export interface StoredKey extends StoredValue {
  readonly key: string;
}

/** Result of a text command, of a batch, or why the entry could not be read as either. */
export type ApplyResult = CommandResult | BatchResult | Refusal;

/**
 * The replicated key-value store. A change has the index of its entry as its revision. Applied changes live in
 * memory until `flush` writes them; reads look at both. Values are never copied: up to the flush they are views of
 * the entry in memory, afterwards they are read from its row in the log's table `entries`, which must be there by
 * then and stay for as long as a key points at it.
 */
export class KeyValueStore implements StateMachine {
  #space!: KeySpace;
  #applied = 0;

  open(storage: DurableStorage, applied: number): void {
    this.#space = new KeySpace(storage.sql);
    this.#applied = applied;
    invariant(
      this.#space.lastChange <= applied,
      "the applied index is stored with what was applied",
      () => `the tables reach ${this.#space.lastChange}, the applied index is ${applied}`,
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
      if (schema === TEXT_SCHEMA) return applyCommand(this.#space, entry.index, bytes);
      if (schema === OPERATIONS_SCHEMA) return applyOperations(this.#space, entry.index, bytes);
      throw new RaftLiteError("unknown-schema", `no command has schema ${schema}`, { status: 400 });
    } catch (error) {
      if (error instanceof RaftLiteError) return refusal(error);
      throw error;
    }
  }

  /** Forgets in memory what it writes: when the caller's transaction fails, this object must not be used again. */
  flush(): void {
    this.#space.flush();
  }

  describe(schema: number, bytes: Uint8Array): string {
    return describeCommand(schema, bytes);
  }

  /** The key as of the last applied entry; null when absent. Throws as `encodeKey` does. */
  get(key: string): StoredValue | null {
    const found = this.#space.read(key);
    return found === null ? null : toStored(found);
  }

  /** All keys that begin with `prefix`, in the order of their bytes. Throws as `encodeKey` does. */
  list(prefix: string): StoredKey[] {
    return this.#space.readUnder(prefix).map((found) => ({ key: found.key, ...toStored(found) }));
  }

  /** All there is, in the order of keys: equal logs give equal dumps. */
  dump(): Iterable<StoredKey> {
    return this.list("");
  }

  /** Index of the newest entry that changed anything, deletions included; 0 when none has. */
  get lastChange(): number {
    return this.#space.lastChange;
  }

  /** The same for one key. Throws as `encodeKey` does. */
  lastChangeOf(key: string): number {
    return this.#space.find(key).head?.revision ?? 0;
  }

  /** The same for all keys that begin with `prefix`; takes time in proportion to their number. */
  lastChangeUnder(prefix: string): number {
    return this.#space.lastChangeUnder(prefix);
  }
}

function toStored(found: KeyValue): StoredValue {
  return {
    value: found.value,
    flags: found.flags,
    createRevision: found.createRevision,
    modifyRevision: found.revision,
    version: found.version,
  };
}
