import type { LogEntry, Origin } from "../../../shared/storage/entry.ts";
import { TEXT_SCHEMA } from "../../../shared/storage/entry.ts";
import { LogStore } from "../../../shared/storage/log-store.ts";
import type { DurableStorage } from "../../../shared/storage/port.ts";

const time = 1_700_000_000_000;

export function openLog(storage: DurableStorage): LogStore {
  return LogStore.open(storage, { id: "N", mintStoreId: () => "store" });
}

export function origin(sequence: number, rest: Partial<Origin> = {}): Origin {
  return { node: "N", boot: 1, sequence, floor: 0, ...rest };
}

/** A command of which `ordinal` others come before; its payload is its text. */
export function commandEntry(
  index: number,
  { term = 1, text = `SET x=${index}`, ordinal = index - 1, from = null as Origin | null } = {},
): LogEntry {
  const bytes = new TextEncoder().encode(text);
  const data = { time, origin: from, schema: TEXT_SCHEMA, bytes };
  return { index, term, kind: "command", size: bytes.length, ordinal, data };
}

export function noopEntry(index: number, term = 1, ordinal = 0): LogEntry {
  const data = { time, origin: null, schema: 0, bytes: new Uint8Array() };
  return { index, term, kind: "noop", size: 0, ordinal, data };
}

export function textOf({ data }: LogEntry): string {
  return new TextDecoder().decode(data.bytes);
}
