import { fromBase64 } from "../base64.ts";
import { RaftLiteError } from "../errors.ts";
import { isCount, members } from "./json.ts";

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** A key and what is stored under it. */
export class Entry {
  readonly key: string;
  /** The bytes, exactly as they were put. */
  readonly value: Uint8Array<ArrayBuffer>;
  /** The number that was put with the value; 0 where none was. */
  readonly flags: number;
  /** Raft index of the write that created the key. */
  readonly createIndex: number;
  /** Raft index of the newest write to the key: what `cas` compares. No two writes share one. */
  readonly modifyIndex: number;

  constructor(fields: Pick<Entry, "key" | "value" | "flags" | "createIndex" | "modifyIndex">) {
    this.key = fields.key;
    this.value = fields.value;
    this.flags = fields.flags;
    this.createIndex = fields.createIndex;
    this.modifyIndex = fields.modifyIndex;
  }

  /** The value as text. Throws RaftLiteError `not-text` when it is not UTF-8. */
  text(): string {
    try {
      return decoder.decode(this.value);
    } catch (cause) {
      throw new RaftLiteError("not-text", `the value of ${JSON.stringify(this.key)} is not UTF-8`, { cause });
    }
  }

  /** The value read as JSON. Throws RaftLiteError `not-json` when it is none. `Value` is believed, not checked. */
  json<Value = unknown>(): Value {
    try {
      return JSON.parse(this.text()) as Value;
    } catch (cause) {
      throw new RaftLiteError("not-json", `the value of ${JSON.stringify(this.key)} is not JSON`, { cause });
    }
  }
}

/** Rows as GET /v1/kv answers with them; null when this is something else. */
export function readEntries(rows: unknown): Entry[] | null {
  if (!Array.isArray(rows)) return null;
  const entries: Entry[] = [];
  for (const row of rows) {
    const entry = readEntry(row);
    if (entry === null) return null;
    entries.push(entry);
  }
  return entries;
}

function readEntry(row: unknown): Entry | null {
  const {
    Key: key,
    Value: base64,
    Flags: flags,
    CreateIndex: createIndex,
    ModifyIndex: modifyIndex,
  } = members(row);
  // Consul's own word for an empty value is null.
  const value = base64 === null ? new Uint8Array() : typeof base64 === "string" ? fromBase64(base64) : null;
  if (typeof key !== "string" || value === null) return null;
  if (!isCount(flags) || !isCount(createIndex) || !isCount(modifyIndex)) return null;
  return new Entry({ key, value: value as Uint8Array<ArrayBuffer>, flags, createIndex, modifyIndex });
}

export function isSameEntry(a: Entry, b: Entry): boolean {
  return (
    a.key === b.key &&
    a.modifyIndex === b.modifyIndex &&
    a.createIndex === b.createIndex &&
    a.flags === b.flags &&
    a.value.length === b.value.length &&
    a.value.every((byte, at) => byte === b.value[at])
  );
}
