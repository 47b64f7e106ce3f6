import type { Operation } from "../../../../shared/store/operations.ts";
import type { SentRequest } from "../request.ts";
import { own, readObject } from "./body.ts";
import type { Circumstances, Expectation, Fault } from "./expectation.ts";
import { fault } from "./expectation.ts";
import { CLIENT_LIMIT_BYTES, keyTooLarge, lineOf } from "./kv.ts";
import { forwardFaults, Query, sizeFaults } from "./query.ts";

const MOST_OPERATIONS = 4096;
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

const encoder = new TextEncoder();

type Fields = Readonly<Record<string, unknown>>;

/** POST /v1/kv. */
export function expectBatch(request: SentRequest, at: Circumstances): Expectation {
  const query = new Query(request);
  const timeoutMs = query.timeoutMs();
  const outside = [
    ...query.faults,
    ...forwardFaults(request, at),
    ...sizeFaults(request, CLIENT_LIMIT_BYTES),
  ];
  if (outside.some(({ status }) => status === 413)) return { type: "refused", faults: outside };
  const body = readObject(request.body);
  if ("code" in body) return { type: "refused", faults: [...outside, body] };
  const { atomic, operations, faults } = readBatch(body.fields);
  const all = [...outside, ...faults];
  if (all.length > 0) return { type: "refused", faults: all };
  return { type: "write", operations, atomic, timeoutMs, answer: "batch", line: lineOf(operations) };
}

function readBatch(body: Fields): { atomic: boolean; operations: Operation[]; faults: Fault[] } {
  const faults: Fault[] = [];
  const atomic = Object.hasOwn(body, "atomic") ? body.atomic : false;
  if (typeof atomic !== "boolean") faults.push(fault(400, "bad-field"));
  const ops = own(body, "ops");
  if (!Array.isArray(ops))
    return { atomic: false, operations: [], faults: [...faults, fault(400, "bad-field")] };
  if (ops.length === 0 || ops.length > MOST_OPERATIONS) faults.push(fault(400, "bad-operation"));
  const operations: Operation[] = [];
  for (const [position, op] of ops.entries()) {
    const reader = new OperationReader(op);
    const operation = reader.read();
    if (operation !== null) operations.push(operation);
    faults.push(...reader.faults.map((one) => ({ ...one, operation: position })));
  }
  return { atomic: atomic === true, operations, faults };
}

/** One operation, and everything that is wrong with it. */
class OperationReader {
  readonly faults: Fault[] = [];
  readonly #fields: Fields;

  constructor(op: unknown) {
    const isObject = typeof op === "object" && op !== null && !Array.isArray(op);
    if (!isObject) this.#wrong("bad-field");
    this.#fields = isObject ? (op as Fields) : {};
  }

  read(): Operation | null {
    const isPut = this.#has("put");
    if (isPut === this.#has("delete")) {
      this.#wrong("bad-field");
      return null;
    }
    return isPut ? this.#put() : this.#delete();
  }

  #put(): Operation {
    if (this.#has("recurse")) this.#wrong("bad-field");
    const key = this.#key("put", false);
    const [cas, flags] = [this.#number("cas"), this.#number("flags") ?? 0];
    return { type: "put", key, value: this.#value(), flags, cas };
  }

  #delete(): Operation {
    for (const name of ["value", "base64", "flags"]) if (this.#has(name)) this.#wrong("bad-field");
    const recurse = this.#has("recurse") ? this.#fields.recurse : false;
    if (typeof recurse !== "boolean") this.#wrong("bad-field");
    const cas = this.#number("cas");
    if (recurse === true && cas !== null) this.#wrong("bad-operation");
    return { type: "delete", key: this.#key("delete", recurse === true), recurse: recurse === true, cas };
  }

  #key(name: string, mayBeEmpty: boolean): string {
    const key = this.#fields[name];
    if (typeof key !== "string") {
      this.#wrong("bad-field");
      return "";
    }
    if ((key === "" && !mayBeEmpty) || !key.isWellFormed()) this.#wrong("bad-key");
    if (keyTooLarge(key)) this.faults.push(fault(413, "key-too-large"));
    return key;
  }

  #number(name: string): number | null {
    if (!this.#has(name)) return null;
    const value = this.#fields[name];
    if (typeof value !== "number") this.#wrong("bad-field");
    else if (!Number.isSafeInteger(value) || value < 0) this.#wrong("bad-operation");
    return typeof value === "number" ? value : null;
  }

  #value(): Uint8Array {
    if (this.#has("value") === this.#has("base64")) this.#wrong("bad-field");
    const { value, base64 } = this.#fields;
    if (this.#has("value")) {
      if (typeof value !== "string" || !value.isWellFormed()) this.#wrong("bad-field");
      return encoder.encode(typeof value === "string" ? value : "");
    }
    if (typeof base64 !== "string" || !BASE64.test(base64)) {
      this.#wrong("bad-field");
      return new Uint8Array();
    }
    return Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
  }

  #has(name: string): boolean {
    return Object.hasOwn(this.#fields, name);
  }

  #wrong(code: string): void {
    this.faults.push(fault(400, code));
  }
}
