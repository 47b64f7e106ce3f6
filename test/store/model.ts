import { compareBytes } from "../../shared/store/keys.ts";
import type { Operation } from "../../shared/store/operations.ts";
import type { BatchResult, OperationResult } from "../../shared/store/results.ts";
import { text, utf8 } from "./text.ts";

interface Stored {
  readonly value: Uint8Array;
  readonly flags: number;
  readonly createRevision: number;
  readonly modifyRevision: number;
  readonly version: number;
}

export interface ModelChange {
  readonly revision: number;
  readonly key: string;
  readonly previousRevision: number;
  /** null for a deletion. */
  readonly value: string | null;
}

/** What the store must be equal to, said as simply as it can be: one map, copied before what may be undone. */
export class Model {
  keys = new Map<string, Stored>();
  readonly changes: ModelChange[] = [];
  /** Revision of each key's newest change, deletions included. */
  readonly #last = new Map<string, number>();

  /** Returns `refused` for what is no command, else the result. */
  command(revision: number, command: string): unknown {
    const result = this.#text(revision, command);
    this.#record(revision);
    return result;
  }

  operations(revision: number, operations: readonly Operation[], atomic: boolean): BatchResult {
    const before = new Map(this.keys);
    const touched = new Set(this.#touched);
    const results = operations.map((operation) => this.#operation(revision, operation));
    if (!atomic || results.every(({ ok }) => ok)) {
      this.#record(revision);
      return { ok: true, results };
    }
    this.keys = before;
    this.#touched = touched;
    return {
      ok: false,
      results: operations.map((operation, at) => ({
        ok: false,
        ModifyIndex:
          operation.type === "delete" && operation.recurse
            ? 0
            : (before.get(operation.key)?.modifyRevision ?? 0),
        code: results[at]?.code ?? "rolled-back",
      })),
    };
  }

  list(prefix: string): (Stored & { key: string })[] {
    return [...this.keys]
      .filter(([key]) => key.startsWith(prefix))
      .sort(([a], [b]) => compareBytes(utf8(a), utf8(b)))
      .map(([key, stored]) => ({ key, ...stored }));
  }

  #touched = new Set<string>();

  #text(revision: number, command: string): unknown {
    const set = /^set\s+([^\s=]+)\s*=\s*(.*)$/is.exec(command);
    if (set !== null) {
      this.#put(revision, set[1]!, utf8(set[2]!), 0);
      return "OK";
    }
    const [verb, key, ...words] = command.split(/\s+/);
    if (key === undefined) return "refused";
    const stored = this.keys.get(key);
    switch (`${verb!.toUpperCase()} ${words.length}`) {
      case "GET 0":
        return stored === undefined ? null : text(stored.value);
      case "DEL 0":
        if (stored !== undefined) this.#delete(key);
        return stored === undefined ? 0 : 1;
      case "CAS 2":
        if (stored === undefined || text(stored.value) !== words[0]) return false;
        this.#put(revision, key, utf8(words[1]!), 0);
        return true;
      default:
        return "refused";
    }
  }

  #operation(revision: number, operation: Operation): OperationResult {
    const { key, cas } = operation;
    if (operation.type === "delete" && operation.recurse) {
      const under = this.list(key);
      for (const found of under) this.#delete(found.key);
      return { ok: true, ModifyIndex: under.length > 0 ? revision : 0 };
    }
    const ModifyIndex = this.keys.get(key)?.modifyRevision ?? 0;
    if (operation.type === "delete" && ModifyIndex === 0) return { ok: true, ModifyIndex: 0 };
    if (cas !== null && cas !== ModifyIndex) return { ok: false, ModifyIndex, code: "cas-failed" };
    if (operation.type === "delete") this.#delete(key);
    else this.#put(revision, key, operation.value, operation.flags);
    return { ok: true, ModifyIndex: revision };
  }

  #put(revision: number, key: string, value: Uint8Array, flags: number): void {
    const before = this.keys.get(key);
    this.keys.set(key, {
      value,
      flags,
      createRevision: before?.createRevision ?? revision,
      modifyRevision: revision,
      version: (before?.version ?? 0) + 1,
    });
    this.#touched.add(key);
  }

  #delete(key: string): void {
    this.keys.delete(key);
    this.#touched.add(key);
  }

  #record(revision: number): void {
    for (const key of this.#touched) {
      const stored = this.keys.get(key);
      this.changes.push({
        revision,
        key,
        previousRevision: this.#last.get(key) ?? 0,
        value: stored === undefined ? null : text(stored.value),
      });
      this.#last.set(key, revision);
    }
    this.#touched.clear();
  }
}
