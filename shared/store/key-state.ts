import { compareBytes } from "./keys.ts";

/** As much of a key's state as its next change needs. Revisions are Raft indexes; 0 means none. */
export interface KeyHead {
  /** The entry that made this state; for a deleted key the one that deleted it. */
  readonly revision: number;
  /** The entry that put the key when it was last absent; 0 when deleted. */
  readonly createRevision: number;
  /** Puts since then, this one included; 0 when deleted. */
  readonly version: number;
}

/** What one key holds as of one revision. */
export interface KeyState extends KeyHead {
  readonly key: string;
  /** UTF-8 of `key`. */
  readonly keyBytes: Uint8Array;
  /** Where the value lies in the body of the entry `revision`. */
  readonly valueOffset: number;
  readonly valueLength: number;
  /** The client's own number. */
  readonly flags: number;
}

export interface KeyValue extends KeyState {
  /** Empty for a deletion. */
  readonly value: Uint8Array;
}

/** A state as the log of changes has it. */
export interface Change extends KeyState {
  /** The revision of the key's state before this entry, a deletion included; 0 when it never had one. */
  readonly previousRevision: number;
}

/** A deleted key keeps its row, so that the chain of its revisions goes on and its last change is known. */
export function isDeleted(state: KeyHead): boolean {
  return state.version === 0;
}

/**
 * The keys that are present, given those of the tables and newer states, deletions among them; all in the order of
 * keys.
 */
export function overlay<State extends KeyState>(present: State[], newer: readonly State[]): State[] {
  if (newer.length === 0) return present;
  const merged: State[] = [];
  let at = 0;
  for (const state of newer) {
    let order = -1;
    while (at < present.length) {
      order = compareBytes(present[at]!.keyBytes, state.keyBytes);
      if (order >= 0) break;
      merged.push(present[at++]!);
    }
    if (order === 0) at++;
    if (!isDeleted(state)) merged.push(state);
  }
  while (at < present.length) merged.push(present[at++]!);
  return merged;
}
