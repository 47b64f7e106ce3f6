import type {
  ReadAnswer,
  ReadOperation,
  SeenItem,
  Step,
  StepResult,
  StoreAnswer,
  StoreOperation,
  WriteOperation,
} from "../../sim/store/operation.ts";
import { commandText } from "../../sim/store/operation.ts";
import type { Reply } from "../process/support/http.ts";

/** A request, without the node's address. */
export interface HttpCall {
  readonly method: string;
  readonly path: string;
  readonly body?: string;
}

/** How a call ended. `none`: certainly not carried out. */
export type CallOutcome =
  | { readonly type: "ok"; readonly answer: StoreAnswer }
  | { readonly type: "none" }
  | { readonly type: "unknown" };

/**
 * The request for an operation. `isShort`: by a route of its own where there is one that tells less: a put or a delete
 * of one key, a read of bare bytes.
 */
export function toHttpCall(operation: StoreOperation, timeoutMs: number, isShort: boolean): HttpCall {
  const timeout = `timeout=${timeoutMs}`;
  if (operation.type === "read") {
    return operation.form === "text"
      ? command(`GET ${nameOf(operation)}`, timeout)
      : { method: "GET", path: readPath(operation, timeout, isShort) };
  }
  if (operation.form === "text") return command(commandText(operation), timeout);
  const [step] = operation.steps;
  if (isShort && step !== undefined && operation.steps.length === 1) return single(step, timeout);
  const body = JSON.stringify({ atomic: operation.atomic, ops: operation.steps.map(toJson) });
  return { method: "POST", path: `/v1/kv?${timeout}`, body };
}

/**
 * What a reply says. Throws when it is none that the operation can be answered with: that is a fault of the node, or
 * of this program.
 */
export function readReply(operation: StoreOperation, call: HttpCall, reply: Reply): CallOutcome {
  const { status, text } = reply;
  if (status >= 500) return outcomeOf(text);
  if (status === 429) return { type: "none" };
  const answer =
    operation.type === "read" ? readAnswer(operation, call, reply) : writeAnswer(operation, call, reply);
  if (answer === null) throw new Error(`${call.method} ${call.path} was answered with ${status} ${text}`);
  return { type: "ok", answer };
}

function outcomeOf(problem: string): CallOutcome {
  try {
    const { outcome } = JSON.parse(problem) as { outcome?: unknown };
    return { type: outcome === "none" ? "none" : "unknown" };
  } catch {
    return { type: "unknown" };
  }
}

function command(cmd: string, timeout: string): HttpCall {
  return { method: "POST", path: `/command?${timeout}`, body: JSON.stringify({ cmd }) };
}

function single(step: Step, timeout: string): HttpCall {
  if (step.type === "delete-under")
    return { method: "DELETE", path: `/v1/kv/${step.prefix}?recurse&${timeout}` };
  const cas = step.on !== null && "index" in step.on ? `&cas=${step.on.index}` : "";
  const path = `/v1/kv/${step.key}?${timeout}${cas}`;
  return step.type === "delete" ? { method: "DELETE", path } : { method: "PUT", path, body: step.value };
}

function toJson(step: Step): Record<string, unknown> {
  if (step.type === "delete-under") return { delete: step.prefix, recurse: true };
  const cas = step.on !== null && "index" in step.on ? { cas: step.on.index } : {};
  return step.type === "delete" ? { delete: step.key, ...cas } : { put: step.key, value: step.value, ...cas };
}

function nameOf({ target }: ReadOperation): string {
  return "key" in target ? target.key : target.prefix;
}

function readPath(operation: ReadOperation, timeout: string, isShort: boolean): string {
  const { target, mode } = operation;
  const query = [timeout];
  if ("prefix" in target) query.push("recurse");
  else if (isShort) query.push("raw");
  if (mode.type === "local") query.push("stale");
  if (mode.type === "blocking") query.push(`index=${mode.after}`, `wait=${mode.waitMs}ms`);
  return `/v1/kv/${nameOf(operation)}?${query.join("&")}`;
}

// ---- replies ----

function writeAnswer(
  operation: WriteOperation,
  { method, path }: HttpCall,
  { status, text }: Reply,
): StoreAnswer | null {
  const body: unknown = parsed(text);
  if (path.startsWith("/command")) {
    const { result } = (body ?? {}) as { result?: unknown };
    const read = status === 200 ? textResult(result) : null;
    return read && { type: "write", index: null, results: [read] };
  }
  if (method !== "POST") {
    if (status !== 200 || typeof body !== "boolean") return null;
    // That a deletion was done does not say whether there was anything to delete.
    const changed = body ? (method === "PUT" ? true : null) : false;
    return { type: "write", index: null, results: [{ ok: body, changed, index: null }] };
  }
  const { ok, results } = (body ?? {}) as { ok?: unknown; results?: unknown };
  const isRefused = status === 409 && operation.atomic;
  if ((status !== 200 || ok !== true) && !isRefused) return null;
  if (!Array.isArray(results)) return null;
  const read = results.map(batchResult);
  return read.includes(null) ? null : { type: "write", index: null, results: read as StepResult[] };
}

function textResult(result: unknown): StepResult | null {
  if (result === "OK" || result === true || result === 1) return { ok: true, changed: true, index: null };
  if (result === 0) return { ok: true, changed: false, index: null };
  return result === false ? { ok: false, changed: false, index: null } : null;
}

function batchResult(result: unknown): StepResult | null {
  const { ok, ModifyIndex } = (result ?? {}) as { ok?: unknown; ModifyIndex?: unknown };
  if (typeof ok !== "boolean" || typeof ModifyIndex !== "number") return null;
  return { ok, changed: ok && ModifyIndex > 0, index: ModifyIndex };
}

function readAnswer(
  operation: ReadOperation,
  { path }: HttpCall,
  { status, text, headers }: Reply,
): ReadAnswer | null {
  if (operation.form === "text") {
    const { result } = (parsed(text) ?? {}) as { result?: unknown };
    if (status !== 200 || (typeof result !== "string" && result !== null)) return null;
    const items = result === null ? [] : [{ key: nameOf(operation), value: result, modifyIndex: null }];
    return { type: "read", index: null, items };
  }
  const index = Number(headers["x-consul-index"]);
  if (!Number.isSafeInteger(index) || index < 1) return null;
  if (status === 404) return { type: "read", index, items: [] };
  if (status !== 200) return null;
  const isBytes = new URLSearchParams(path.split("?")[1]).has("raw");
  const items = isBytes ? [{ key: nameOf(operation), value: text, modifyIndex: null }] : rows(parsed(text));
  return items && { type: "read", index, items };
}

function rows(body: unknown): SeenItem[] | null {
  if (!Array.isArray(body) || body.length === 0) return null;
  const items = body.map((row: Record<string, unknown>): SeenItem | null => {
    const { Key, Value, Flags, CreateIndex, ModifyIndex, LockIndex } = row;
    if (typeof Key !== "string" || typeof Value !== "string" || Flags !== 0 || LockIndex !== 0) return null;
    if (typeof CreateIndex !== "number" || typeof ModifyIndex !== "number" || CreateIndex > ModifyIndex)
      return null;
    return { key: Key, value: Buffer.from(Value, "base64").toString("utf8"), modifyIndex: ModifyIndex };
  });
  return items.includes(null) ? null : (items as SeenItem[]);
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
