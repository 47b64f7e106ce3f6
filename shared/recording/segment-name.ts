/**
 * Names of a recording's files: the node, the beginning of its data directory's own name, and a number that rises, as
 * in `A-1f3c9a02-000007.ndjson`. What lies beside them under other names is nobody's recording.
 */

export interface SegmentName {
  readonly node: string;
  /** The first characters of the store's name. */
  readonly store: string;
  readonly segment: number;
}

const storeCharacters = 8;

export function segmentFileName(node: string, store: string, segment: number): string {
  return `${node}-${shortStore(store)}-${String(segment).padStart(6, "0")}.ndjson`;
}

/** null when the file is no segment of a recording. */
export function parseSegmentFileName(name: string): SegmentName | null {
  const [, node, store, segment] =
    /^([A-Za-z0-9_-]{1,32})-([A-Za-z0-9]{1,8})-(\d{6,12})\.ndjson$/.exec(name) ?? [];
  if (node === undefined || store === undefined) return null;
  return { node, store, segment: Number(segment) };
}

export function shortStore(store: string): string {
  return store.slice(0, storeCharacters);
}
