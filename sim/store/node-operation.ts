import type { ReadRequest } from "../../shared/http/kv-parameters.ts";
import { untilReadable } from "../../shared/http/kv-read-route.ts";
import { currentIndex } from "../../shared/http/kv-reply.ts";
import { TEXT_SCHEMA } from "../../shared/storage/entry.ts";
import { acceptCommand } from "../../shared/store/commands.ts";
import type { KeyValueStore, StoredKey } from "../../shared/store/key-value-store.ts";
import type { Operation as StoreStep } from "../../shared/store/operations.ts";
import { encodeOperations, OPERATIONS_SCHEMA } from "../../shared/store/operations.ts";
import type { BatchResult } from "../../shared/store/results.ts";
import type { Operation, Outcome } from "../history.ts";
import type {
  ReadOperation,
  Step,
  StepResult,
  StoreAnswer,
  StoreOperation,
  Target,
  WriteOperation,
} from "./operation.ts";
import { commandText, describeOperation } from "./operation.ts";

export type KeyValueOperation = Operation<KeyValueStore> & { readonly on: StoreOperation };

/** What a node's state machine shows to a read, with all that it knows of a key. */
export interface Shown {
  /** As X-Consul-Index. */
  readonly index: number;
  readonly items: readonly ShownItem[];
}

export interface ShownItem {
  readonly key: string;
  readonly value: string;
  readonly flags: number;
  readonly createIndex: number;
  readonly modifyIndex: number;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** The operation as a node carries it out: what the HTTP routes make of a request. */
export function toNodeOperation(on: StoreOperation): KeyValueOperation {
  return { ...bare(on, describeOperation(on)), on };
}

function bare(operation: StoreOperation, name: string): Operation<KeyValueStore> {
  if (operation.type === "write") {
    return operation.form === "text"
      ? { type: "command", name, schema: TEXT_SCHEMA, bytes: acceptCommand(commandText(operation)).bytes }
      : { type: "command", name, schema: OPERATIONS_SCHEMA, bytes: batchBytes(operation) };
  }
  const { form, target, mode } = operation;
  const read = (store: KeyValueStore) => show(store, target);
  if (form === "text") return { type: "read", name, read };
  const asked: ReadRequest = {
    key: "key" in target ? target.key : target.prefix,
    form: { type: "key" in target ? "row" : "rows" },
    isStale: mode.type === "local",
    blocking: mode.type === "blocking" ? { index: mode.after, waitMs: mode.waitMs } : null,
  };
  return {
    type: "read",
    name,
    read,
    settle: (node, store, options) => untilReadable({ node, store }, asked, options),
    waitMs: asked.blocking?.waitMs ?? 0,
  };
}

function batchBytes({ atomic, steps }: WriteOperation): Uint8Array {
  return encodeOperations({ atomic, operations: steps.map(toStoreStep) });
}

function toStoreStep(step: Step): StoreStep {
  if (step.type === "delete-under") return { type: "delete", key: step.prefix, recurse: true, cas: null };
  const cas = step.on !== null && "index" in step.on ? step.on.index : null;
  if (step.type === "delete") return { type: "delete", key: step.key, recurse: false, cas };
  return { type: "put", key: step.key, value: encoder.encode(step.value), flags: 0, cas };
}

function show(store: KeyValueStore, target: Target): Shown {
  const items = "key" in target ? point(store, target.key) : store.list(target.prefix).map(showItem);
  return { index: currentIndex({ store }), items };
}

function point(store: KeyValueStore, key: string): ShownItem[] {
  const found = store.get(key);
  return found === null ? [] : [showItem({ key, ...found })];
}

function showItem({ key, value, flags, createRevision, modifyRevision }: StoredKey): ShownItem {
  return {
    key,
    value: decoder.decode(value),
    flags,
    createIndex: createRevision,
    modifyIndex: modifyRevision,
  };
}

/** What came back, in the words of the judge. Throws when it is nothing that the operation can be answered with. */
export function readResult(
  operation: StoreOperation,
  { result, index }: Outcome & { type: "ok" },
): StoreAnswer {
  if (operation.type === "read") return readShown(operation, result as Shown);
  if (operation.form === "text") return { type: "write", index, results: [readText(result)] };
  const { results } = result as BatchResult;
  return {
    type: "write",
    index,
    results: results.map(({ ok, ModifyIndex }) => ({
      ok,
      changed: ok && ModifyIndex > 0,
      index: ModifyIndex,
    })),
  };
}

/** A text command's GET tells of no indexes. */
function readShown({ form }: ReadOperation, { index, items }: Shown): StoreAnswer {
  if (form === "index") return { type: "read", index, items };
  return {
    type: "read",
    index: null,
    items: items.map(({ key, value }) => ({ key, value, modifyIndex: null })),
  };
}

function readText(result: unknown): StepResult {
  switch (result) {
    case "OK":
    case true:
    case 1:
      return { ok: true, changed: true, index: null };
    case 0:
      return { ok: true, changed: false, index: null };
    case false:
      return { ok: false, changed: false, index: null };
    default:
      throw new Error(`no text command is answered with ${JSON.stringify(result)}`);
  }
}
