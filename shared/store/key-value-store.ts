import { invariant, RaftLiteError } from "../errors.ts";
import type { StateMachine } from "../node/state-machine.ts";
import type { Refusal } from "../refusal.ts";
import { refusal } from "../refusal.ts";
import type { LogEntry } from "../storage/entry.ts";
import { TEXT_SCHEMA } from "../storage/entry.ts";
import type { DurableStorage } from "../storage/port.ts";
import type { CommandResult } from "./apply-command.ts";
import { applyCommand } from "./apply-command.ts";
import { applyOperations } from "./apply-operations.ts";
import { acceptCommand } from "./commands.ts";
import { convertChanges } from "./convert-changes.ts";
import { describeCommand } from "./describe.ts";
import type { KeySpaceLimits } from "./key-cache.ts";
import { KeySpace } from "./key-space.ts";
import type { KeyState, KeyValue } from "./key-state.ts";
import { encodeKey } from "./keys.ts";
import { OPERATIONS_SCHEMA } from "./operations.ts";
import type { BatchResult } from "./results.ts";
import type { Wake } from "./subscriptions.ts";

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
  readonly #limits: KeySpaceLimits | undefined;
  #space!: KeySpace;
  #applied = 0;

  /** `limits`: when its table of keys is brought up to date. */
  constructor(limits?: KeySpaceLimits) {
    this.#limits = limits;
  }

  open(storage: DurableStorage, applied: number): void {
    this.#space = storage.transactionSync(() => {
      convertChanges(storage.sql);
      return new KeySpace(storage.sql, this.#limits);
    });
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
      // A disk that fails says nothing of the command: the others carry it out.
      if (error instanceof RaftLiteError && error.status < 500) return refusal(error);
      throw error;
    }
  }

  /** Forgets in memory what it writes: when the caller's transaction fails, this object must not be used again. */
  flush(): void {
    this.#space.flush();
  }

  acceptText(text: string): Uint8Array {
    return acceptCommand(text).bytes;
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
    return [...this.scan(prefix)];
  }

  /**
   * The same, read as it is asked for: however long the caller takes, and whatever is written meanwhile, it gets the
   * keys as they are now. A hundred thousand of them take a second to read.
   */
  scan(prefix: string): Generator<StoredKey, void> {
    return this.#withValues(this.#space.scan(prefix));
  }

  /** As `scan`, the keys alone. */
  scanKeys(prefix: string): Generator<string, void> {
    return keysOf(this.#space.scan(prefix));
  }

  *#withValues(pages: Iterable<readonly KeyState[]>): Generator<StoredKey, void> {
    for (const page of pages) {
      const values = this.#space.valuesOf(page);
      for (const state of page) yield toStoredKey(state, values.of(state));
    }
  }

  /** All there is, in the order of keys: equal logs give equal dumps. */
  dump(): Iterable<StoredKey> {
    return this.scan("");
  }

  /** Index of the newest entry that changed anything, deletions included; 0 when none has. */
  get lastChange(): number {
    return this.#space.lastChange;
  }

  /** The same for one key. Throws as `encodeKey` does. */
  lastChangeOf(key: string): number {
    return this.#space.find(key).revision;
  }

  /** The same for all keys that begin with `prefix`; takes time in proportion to their number. */
  lastChangeUnder(prefix: string): number {
    return this.#space.lastChangeUnder(prefix);
  }

  /** Whether any key that begins with `prefix` has changed after `revision`: quick where that was not long ago. */
  hasChangedUnder(prefix: string, revision: number): boolean {
    return this.#space.hasChangedUnder(prefix, revision);
  }

  /**
   * Calls `wake` at every change of this key, deletions included, until what is returned is called. It is called while
   * entries are applied: it may read, and should leave all else for later. Throws as `encodeKey` does.
   */
  onChange(key: string, wake: Wake): () => void {
    encodeKey(key);
    return this.#space.subscriptions.toKey(key, wake);
  }

  /** The same for all keys that begin with `prefix`, which may be empty. */
  onChangeUnder(prefix: string, wake: Wake): () => void {
    encodeKey(prefix, true);
    return this.#space.subscriptions.toPrefix(prefix, wake);
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

function toStoredKey(state: KeyState, value: Uint8Array): StoredKey {
  const { key, flags, createRevision, revision, version } = state;
  return { key, value, flags, createRevision, modifyRevision: revision, version };
}

function* keysOf(pages: Iterable<readonly KeyState[]>): Generator<string, void> {
  for (const page of pages) for (const { key } of page) yield key;
}
