import type { Operation } from "../../../../shared/store/operations.ts";
import type { SentRequest } from "../request.ts";
import { own, readObject } from "./body.ts";
import type { Circumstances, CommandRead, CommandWrite, Expectation, Fault } from "./expectation.ts";
import { fault } from "./expectation.ts";
import { CLIENT_LIMIT_BYTES, keyTooLarge } from "./kv.ts";
import { forwardFaults, Query, sizeFaults } from "./query.ts";

const encoder = new TextEncoder();

/** POST /command and its other names. */
export function expectCommand(request: SentRequest, at: Circumstances): Expectation {
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
  const given = ["cmd", "command"].filter((name) => Object.hasOwn(body.fields, name));
  const cmd = own(body.fields, given[0] ?? "");
  if (given.length !== 1 || typeof cmd !== "string") {
    return { type: "refused", faults: [...outside, fault(400, "bad-field")] };
  }
  const read = readCommand(cmd, timeoutMs);
  const all = [...outside, ...("faults" in read ? read.faults : [])];
  if (all.length > 0 || "faults" in read) return { type: "refused", faults: all };
  return read.expectation;
}

type ReadCommand = { readonly faults: Fault[] } | { readonly expectation: Expectation };

const BAD_COMMAND = fault(400, "bad-command");

function readCommand(cmd: string, timeoutMs: number): ReadCommand {
  const text = cmd.trim();
  const faults: Fault[] = [];
  if (text === "" || !text.isWellFormed() || /[\r\n]/.test(text)) faults.push(BAD_COMMAND);
  const verb = /^\S*/.exec(text)?.[0] ?? "";
  const rest = text.slice(verb.length).trim();
  const words = rest === "" ? [] : rest.split(/\s+/);
  const write = (answer: CommandWrite, value: string | null): ReadCommand => {
    faults.push(...keyFaults(answer.key));
    if (faults.length > 0) return { faults };
    const line = { text, isWhole: true };
    return {
      expectation: {
        type: "write",
        operations: operationsOf(answer, value),
        atomic: false,
        timeoutMs,
        answer,
        line,
      },
    };
  };
  if (/^set$/i.test(verb)) {
    const equals = rest.indexOf("=");
    if (equals < 0) return { faults: [...faults, BAD_COMMAND] };
    return write({ verb: "SET", key: rest.slice(0, equals).trim() }, rest.slice(equals + 1).trim());
  }
  const [key = "", expected = "", value = ""] = words;
  if (/^del$/i.test(verb)) {
    if (words.length !== 1) faults.push(BAD_COMMAND);
    return write({ verb: "DEL", key }, null);
  }
  if (/^cas$/i.test(verb)) {
    if (words.length !== 3) faults.push(BAD_COMMAND);
    return write({ verb: "CAS", key, expected }, value);
  }
  if (!/^get$/i.test(verb)) return { faults: [...faults, fault(400, "unknown-verb")] };
  if (words.length !== 1) faults.push(BAD_COMMAND);
  faults.push(...keyFaults(key));
  const expectation: CommandRead = { type: "command-read", key, timeoutMs };
  return faults.length > 0 ? { faults } : { expectation };
}

function keyFaults(key: string): Fault[] {
  const faults = key === "" || /[\s\p{Cc}]/u.test(key) ? [BAD_COMMAND] : [];
  return keyTooLarge(key) ? [...faults, fault(413, "key-too-large")] : faults;
}

/** The same in the store's own words; a CAS is put or left out by what the store holds then. */
function operationsOf({ verb, key }: CommandWrite, value: string | null): Operation[] {
  if (verb === "DEL") return [{ type: "delete", key, recurse: false, cas: null }];
  return [{ type: "put", key, value: encoder.encode(value ?? ""), flags: 0, cas: null }];
}
