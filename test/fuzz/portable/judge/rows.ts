import { toBase64 } from "../bytes.ts";
import type { Read } from "../expect/expectation.ts";
import type { Ledger, Row } from "../ledger.ts";
import type { Reply } from "../request.ts";
import { demand, demandEqual } from "./finding.ts";
import { jsonOf, problemOf } from "./form.ts";

/** A read's reply against what the store held at the index that it names. Returns that index. */
export function judgeRead(read: Read, reply: Reply, isHead: boolean, ledger: Ledger): number {
  const index = indexOf(reply);
  const rows = ledger.listAt(index, read.key);
  demand(rows !== null, () => `x-consul-index ${index}: nothing was written there, or it is long past`);
  const found =
    read.form === "rows" || read.form === "keys" ? rows : rows.filter(({ key }) => key === read.key);
  // The empty prefix has keys, if none at all.
  const isAbsent = found.length === 0 && !(read.form === "keys" && read.key === "");
  demand(reply.status === (isAbsent ? 404 : 200), () => `status ${reply.status} for ${found.length} rows`);
  if (isHead) return index;
  if (isAbsent) demandEqual(problemOf(reply).code, "key-not-found", "code");
  else if (read.form === "raw") judgeRaw(reply, found[0]!);
  else if (read.form === "keys") demandEqual(jsonOf(reply), keysOf(found, read), "keys");
  else demandEqual(jsonOf(reply), found.map(shown), "rows");
  return index;
}

/** The index that a reply names. */
export function indexOf(reply: Reply): number {
  const text = reply.headers.get("x-consul-index") ?? "";
  demand(/^[1-9][0-9]*$/.test(text), () => `x-consul-index ${JSON.stringify(text)}`);
  return Number(text);
}

function judgeRaw(reply: Reply, { value }: Row): void {
  demandEqual(reply.bytes, value, "raw value");
  demandEqual(reply.headers.get("x-content-type-options"), "nosniff", "x-content-type-options");
}

export function shown({ key, value, flags, createRevision, modifyRevision }: Row): Record<string, unknown> {
  return {
    Key: key,
    Value: toBase64(value),
    Flags: flags,
    CreateIndex: createRevision,
    ModifyIndex: modifyRevision,
    LockIndex: 0,
  };
}

/** Each up to the first separator after the prefix, and each of these once. */
function keysOf(rows: readonly Row[], { key: prefix, separator }: Read): string[] {
  const cut = rows.map(({ key }) => {
    const at = separator === "" ? -1 : key.indexOf(separator, prefix.length);
    return at < 0 ? key : key.slice(0, at + separator.length);
  });
  return [...new Set(cut)];
}
