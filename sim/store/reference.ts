import { TEXT_SCHEMA } from "../../shared/storage/entry.ts";
import { parseCommand } from "../../shared/store/commands.ts";
import type { Operation } from "../../shared/store/operations.ts";
import { decodeOperations } from "../../shared/store/placed-operations.ts";
import type { BatchResult, OperationResult } from "../../shared/store/results.ts";
import type { CommittedCommand } from "../committed-log.ts";
import type { Target } from "./operation.ts";
import { isUnder } from "./operation.ts";

/** A key as the committed log has it. */
export interface ReferenceItem {
  readonly value: string;
  readonly flags: number;
  readonly createIndex: number;
  readonly modifyIndex: number;
}

interface Version {
  readonly revision: number;
  /** null: deleted. */
  readonly item: ReferenceItem | null;
}

const decoder = new TextDecoder();
const encoder = new TextEncoder();

/**
 * The key-value store, said as simply as it can be: every version of every key. It replays the committed log, so that
 * what was answered can be compared with what there was at any index.
 */
export class ReferenceStore {
  readonly #versions = new Map<string, Version[]>();
  /** Indexes of the entries that changed anything, ascending. */
  readonly #revisions: number[] = [];
  /** What the entry that is being applied has made of the keys so far. */
  #staged = new Map<string, ReferenceItem | null>();

  /** Applies the next command of the log; returns what it must be answered with. */
  apply({ index, schema, bytes }: CommittedCommand): unknown {
    const result = schema === TEXT_SCHEMA ? this.#text(index, bytes) : this.#batch(index, bytes);
    for (const [key, item] of this.#staged) {
      const versions = this.#versions.get(key) ?? [];
      versions.push({ revision: index, item });
      this.#versions.set(key, versions);
    }
    if (this.#staged.size > 0) this.#revisions.push(index);
    this.#staged = new Map();
    return result;
  }

  /** Index of the newest change up to `index`. */
  lastChange(index: number): number {
    return this.#revisions.findLast((revision) => revision <= index) ?? 0;
  }

  /** What there was after entry `index`, in the order of keys. */
  at(target: Target, index: number): (ReferenceItem & { readonly key: string })[] {
    return this.#under(target).flatMap(([key, versions]) => {
      const item = versions.findLast(({ revision }) => revision <= index)?.item;
      return item ? [{ key, ...item }] : [];
    });
  }

  /** Index of the first change under `target` after `index`; Infinity when there was none. */
  nextChange(target: Target, index: number): number {
    const changes = this.#under(target).map(([, versions]) => {
      return versions.find(({ revision }) => revision > index)?.revision ?? Number.POSITIVE_INFINITY;
    });
    return Math.min(Number.POSITIVE_INFINITY, ...changes);
  }

  #under(target: Target): [key: string, versions: readonly Version[]][] {
    const found = [...this.#versions].filter(([key]) => isUnder(target, key));
    return found.sort(([a], [b]) => (a < b ? -1 : 1));
  }

  #get(key: string): ReferenceItem | null {
    const staged = this.#staged.get(key);
    return staged !== undefined ? staged : (this.#versions.get(key)?.at(-1)?.item ?? null);
  }

  #put(key: string, value: string, flags: number, index: number): void {
    const createIndex = this.#get(key)?.createIndex ?? index;
    this.#staged.set(key, { value, flags, createIndex, modifyIndex: index });
  }

  #text(index: number, bytes: Uint8Array): unknown {
    const command = parseCommand(decoder.decode(bytes));
    const { key } = command;
    const held = this.#get(key)?.value ?? null;
    const body = encoder.encode(command.text);
    const part = ({ offset, length }: { offset: number; length: number }) => {
      return decoder.decode(body.subarray(offset, offset + length));
    };
    switch (command.verb) {
      case "GET":
        return held;
      case "DEL":
        if (held !== null) this.#staged.set(key, null);
        return held === null ? 0 : 1;
      case "CAS":
        if (held === null || held !== part(command.expected)) return false;
        this.#put(key, part(command.value), 0, index);
        return true;
      case "SET":
        this.#put(key, part(command.value), 0, index);
        return "OK";
    }
  }

  #batch(index: number, bytes: Uint8Array): BatchResult {
    const { atomic, operations } = decodeOperations(bytes);
    const results = operations.map((operation) => this.#operation(operation, index));
    if (!atomic || results.every(({ ok }) => ok)) return { ok: true, results };
    this.#staged = new Map();
    return {
      ok: false,
      results: operations.map((operation, at) => {
        const isRecursive = operation.type === "delete" && operation.recurse;
        const ModifyIndex = isRecursive ? 0 : (this.#get(operation.key)?.modifyIndex ?? 0);
        return { ok: false, ModifyIndex, code: results[at]?.code ?? "rolled-back" };
      }),
    };
  }

  #operation(operation: Operation, index: number): OperationResult {
    const { key, cas } = operation;
    if (operation.type === "delete" && operation.recurse) {
      const keys = new Set([...this.#versions.keys(), ...this.#staged.keys()]);
      const present = [...keys].filter((each) => each.startsWith(key) && this.#get(each) !== null);
      for (const each of present) this.#staged.set(each, null);
      return { ok: true, ModifyIndex: present.length > 0 ? index : 0 };
    }
    const ModifyIndex = this.#get(key)?.modifyIndex ?? 0;
    if (operation.type === "delete" && ModifyIndex === 0) return { ok: true, ModifyIndex };
    if (cas !== null && cas !== ModifyIndex) return { ok: false, ModifyIndex, code: "cas-failed" };
    if (operation.type === "delete") this.#staged.set(key, null);
    else this.#put(key, decoder.decode(operation.value), operation.flags, index);
    return { ok: true, ModifyIndex: index };
  }
}
