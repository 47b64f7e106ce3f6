import { toBase64 } from "../base64.ts";
import { badInput } from "./errors.ts";
import type { Reply } from "./exchange.ts";
import { checkBody, checkCount, checkKey, checkPrefix, checkValue } from "./input.ts";
import { isCount, members, parseJson } from "./json.ts";
import type { Answer, Call } from "./perform.ts";
import type { Safety } from "./verdict.ts";

/**
 * POST /v1/kv as calls. Single writes go this way too, not by PUT and DELETE: HTTP calls those two idempotent, so a
 * proxy may send them again by itself when a node dies (nginx does), and would overwrite what came between. Nobody
 * repeats a POST. And its answer tells the index of the write, which the next `cas` can use.
 */

export interface PutOperation {
  /** The key. */
  readonly put: string;
  readonly value: string | Uint8Array;
  /** Only if the key's `modifyIndex` is this; 0: only if the key is absent. */
  readonly cas?: number | undefined;
  /** A number of your own, kept with the value: 0 to 2^53-1. */
  readonly flags?: number | undefined;
}

export interface DeleteOperation {
  /** The key, or with `recurse` a prefix. */
  readonly delete: string;
  /** Only if the key's `modifyIndex` is this. An absent key counts as deleted. */
  readonly cas?: number | undefined;
  /** Everything that begins with the prefix; "" is everything there is. */
  readonly recurse?: boolean | undefined;
}

export type Operation = PutOperation | DeleteOperation;

/** What became of one operation. */
export interface WriteResult {
  /** false: a `cas` did not hold, and nothing was changed. */
  readonly ok: boolean;
  /**
   * Done: the index of the change, 0 where there was nothing to delete. Not done: the index that the key has, 0 when
   * it is absent.
   */
  readonly modifyIndex: number;
  /** Why it was not done: its own `cas`, or another's in the same atomic batch. */
  readonly code?: "cas-failed" | "rolled-back";
}

export interface BatchResult {
  /** false: the batch was atomic, a `cas` did not hold, and nothing was changed. */
  readonly ok: boolean;
  /** One for each operation, in their order. */
  readonly results: readonly WriteResult[];
}

const MOST_OPERATIONS = 4096;

/** A single write. */
export function writeCall(operation: Operation): Call<WriteResult> {
  const call = batchCall([operation], false);
  const read = (reply: Reply): Answer<WriteResult> | null => {
    const result = call.read(reply)?.value.results[0];
    return result === undefined ? null : { value: result, refused: !result.ok };
  };
  return { ...call, read };
}

export function batchCall(operations: readonly Operation[], atomic = false): Call<BatchResult> {
  if (!Array.isArray(operations) || operations.length === 0 || operations.length > MOST_OPERATIONS) {
    throw badInput("bad-batch", `a batch is an array of 1 to ${MOST_OPERATIONS} operations`);
  }
  const body = JSON.stringify({ atomic, ops: operations.map(encode) });
  checkBody(body);
  const headers = { "content-type": "application/json" };
  return {
    message: { method: "POST", target: "/v1/kv", headers, body },
    safety: safetyOf(operations, atomic),
    ask: "leader",
    read: (reply) => readResults(reply, operations.length),
  };
}

function encode(operation: Operation): object {
  const names = Object.keys(operation ?? {});
  if (names.includes("put") === names.includes("delete")) {
    throw badInput("bad-batch", "an operation is { put: KEY, value } or { delete: KEY }");
  }
  const { cas } = operation;
  checkCount("cas", cas);
  if ("put" in operation) {
    const { put, value, flags } = operation;
    checkKey(put);
    checkValue(value);
    checkCount("flags", flags);
    return { put, ...(typeof value === "string" ? { value } : { base64: toBase64(value) }), cas, flags };
  }
  const { delete: key, recurse = false } = operation;
  if (!recurse) checkKey(key);
  else checkPrefix(key);
  if (recurse && cas !== undefined)
    throw badInput("bad-cas", "cas and recurse cannot stand in one operation");
  return { delete: key, cas, recurse };
}

/**
 * What is compared with an index cannot take effect twice: that index is gone for ever after the first time. (Not so
 * with 0: a key that was created, and deleted by somebody, is absent once more.) An atomic batch is guarded as a whole
 * by one put that is; a delete does not guard the others, since it holds as well where its key is gone.
 */
function safetyOf(operations: readonly Operation[], atomic: boolean): Safety {
  const guarded = operations.filter(({ cas }) => cas !== undefined && cas > 0);
  const isSafe =
    operations.length === 1 ? guarded.length === 1 : atomic && guarded.some((one) => "put" in one);
  return isSafe ? "guarded-write" : "write";
}

function readResults({ status, body }: Reply, count: number): Answer<BatchResult> | null {
  // 409: an atomic batch of which an operation was refused.
  if (status !== 200 && status !== 409) return null;
  const { ok = false, results } = members(parseJson(body));
  if (!Array.isArray(results) || results.length !== count || ok !== (status === 200)) return null;
  const read = results.map(readResult);
  if (!read.every((result) => result !== null)) return null;
  return { value: { ok: status === 200, results: read }, refused: read.some((result) => !result.ok) };
}

function readResult(result: unknown): WriteResult | null {
  const { ok, ModifyIndex: modifyIndex, code } = members(result);
  if (typeof ok !== "boolean" || !isCount(modifyIndex)) return null;
  if (code !== "cas-failed" && code !== "rolled-back") return { ok, modifyIndex };
  return { ok, modifyIndex, code };
}
