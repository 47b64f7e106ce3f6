import type { UncountedEntry } from "../../shared/storage/entry.ts";

/** A command entry with everything that a row can hold. */
export function command(
  index: number,
  term: number,
  bytes: Uint8Array | string = `SET x=${index}`,
): UncountedEntry {
  const body = typeof bytes === "string" ? new TextEncoder().encode(bytes) : bytes;
  return {
    index,
    term,
    kind: "command",
    size: body.length,
    data: {
      time: 1_700_000_000_000 + index,
      origin: { node: "node-B", boot: 3, sequence: index * 2, floor: index },
      schema: 1,
      bytes: body,
    },
  };
}

/** The entry that begins a term. */
export function noop(index: number, term: number): UncountedEntry {
  const data = { time: 1_700_000_000_000 + index, origin: null, schema: 0, bytes: new Uint8Array(0) };
  return { index, term, kind: "noop", size: 0, data };
}

export function configurationEntry(index: number, term: number, clusterId: string): UncountedEntry {
  const slots = [
    { id: "A", storeId: "a1", address: "http://127.0.0.1:8000" },
    { id: null, address: "http://127.0.0.1:8001" },
  ];
  const configuration = { clusterId, slots };
  return { ...noop(index, term), kind: "configuration", configuration };
}
