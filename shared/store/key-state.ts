/** What one key holds as of one revision. Revisions are Raft indexes; 0 means none. */
export interface KeyState {
  readonly key: string;
  /** UTF-8 of `key`. */
  readonly keyBytes: Uint8Array;
  /** The entry that made this state; for a deleted key the one that deleted it. */
  readonly revision: number;
  /** Where the value lies in that entry's body. */
  readonly valueOffset: number;
  readonly valueLength: number;
  /** The entry that put the key when it was last absent; 0 when deleted. */
  readonly createRevision: number;
  /** Puts since then, this one included; 0 when deleted. */
  readonly version: number;
  /** The client's own number. */
  readonly flags: number;
}

/** A state that is not in the tables yet. */
export interface Change extends KeyState {
  /** The revision of the key's state before this entry, a deletion included; 0 when it never had one. */
  readonly previousRevision: number;
  /** The value: a view of the entry's body. Empty for a deletion. */
  readonly value: Uint8Array;
}

/** A deleted key keeps its row, so that the chain of its revisions goes on and its last change is known. */
export function isDeleted(state: KeyState): boolean {
  return state.version === 0;
}
