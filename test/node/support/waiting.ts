import { RaftLiteError } from "../../../shared/errors.ts";

/** A promise that a test can look at while virtual time goes on. */
export class Waiting<Value> {
  #settled: { readonly value: Value } | { readonly error: unknown } | null = null;

  constructor(promise: Promise<Value>) {
    promise.then(
      (value) => {
        this.#settled = { value };
      },
      (error: unknown) => {
        this.#settled = { error };
      },
    );
  }

  get isPending(): boolean {
    return this.#settled === null;
  }

  /** Throws unless it was fulfilled. */
  get value(): Value {
    if (this.#settled === null) throw new Error("still pending");
    if ("error" in this.#settled) throw this.#settled.error;
    return this.#settled.value;
  }

  /** Throws unless it was rejected with one of ours. */
  get error(): RaftLiteError {
    if (this.#settled === null) throw new Error("still pending");
    if (!("error" in this.#settled)) throw new Error(`not refused: ${JSON.stringify(this.#settled.value)}`);
    if (!(this.#settled.error instanceof RaftLiteError)) throw this.#settled.error;
    return this.#settled.error;
  }

  get isRefused(): boolean {
    return this.#settled !== null && "error" in this.#settled;
  }
}

/** Everything that needs no time has happened. */
export function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
