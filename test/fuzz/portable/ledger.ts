import type { Operation } from "../../../shared/store/operations.ts";
import type { BatchResult } from "../../../shared/store/results.ts";
import { Model } from "../../store/model.ts";

/** A row of the store as the model has it. */
export interface Row {
  readonly key: string;
  readonly value: Uint8Array;
  readonly flags: number;
  readonly createRevision: number;
  readonly modifyRevision: number;
  readonly version: number;
}

/** A line of the log as /status shows it: the whole of it, or what it begins with. */
export interface Line {
  readonly text: string;
  readonly isWhole: boolean;
}

/** Followers may lag a few writes behind, no more: what a stale read shows is looked up among so many states. */
const STATES_KEPT = 64;

/** What must be so after all that was acknowledged, and was so after each of the latest writes. */
export class Ledger {
  readonly #model = new Model();
  /** What /status is to show, in order. */
  readonly lines: Line[] = [];
  /** Index of the newest change, and the keys as they were then. */
  readonly #states: { readonly index: number; readonly keys: Model["keys"] }[] = [
    { index: 0, keys: new Map() },
  ];

  /** Index of the newest change; 0 before the first. */
  get lastChange(): number {
    return this.#model.changes.at(-1)?.revision ?? 0;
  }

  /** What X-Consul-Index tells of it. */
  get index(): number {
    return Math.max(1, this.lastChange);
  }

  write(revision: number, operations: readonly Operation[], atomic: boolean): BatchResult {
    const result = this.#model.operations(revision, operations, atomic);
    if (this.lastChange === revision) {
      this.#states.push({ index: revision, keys: new Map(this.#model.keys) });
      if (this.#states.length > STATES_KEPT) this.#states.shift();
    }
    return result;
  }

  get(key: string): Row | null {
    const stored = this.#model.keys.get(key);
    return stored === undefined ? null : { key, ...stored };
  }

  /** All rows under a prefix as they were at an X-Consul-Index; null when no state had that index. */
  listAt(index: number, prefix: string): readonly Row[] | null {
    const state = this.#states.find((one) => Math.max(1, one.index) === index);
    if (state === undefined) return null;
    const past = new Model();
    past.keys = state.keys;
    return past.list(prefix);
  }

  list(): readonly Row[] {
    return this.#model.list("");
  }

  /** Whether the key, or any key under the prefix, has changed after `index`. */
  hasChanged(key: string, isPrefix: boolean, index: number): boolean {
    return this.#model.changes.some(
      (change) => change.revision > index && (isPrefix ? change.key.startsWith(key) : change.key === key),
    );
  }
}
