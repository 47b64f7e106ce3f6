import { toBase64 } from "../base64.ts";

/** Result of one operation, in the words of POST /v1/kv. */
export interface OperationResult {
  readonly ok: boolean;
  /**
   * When it was done: the index of the change it made, 0 when there was nothing to delete. When it was not: the index
   * that its key has, 0 when absent.
   */
  readonly ModifyIndex: number;
  /** Why it was not done: its own `cas` did not hold, or another's did in an atomic batch. */
  readonly code?: "cas-failed" | "rolled-back";
}

/** Result of an entry of operations; `ok` is false when it was atomic and one was refused. */
export interface BatchResult {
  readonly ok: boolean;
  readonly results: readonly OperationResult[];
}

/** A value as /command shows it: as text, or, where it is not UTF-8, as base64. */
export type ShownValue = string | { readonly base64: string };

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

export function showValue(value: Uint8Array): ShownValue {
  try {
    return decoder.decode(value);
  } catch {
    return { base64: toBase64(value) };
  }
}
