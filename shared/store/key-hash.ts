import { MAX_KEY_BYTES } from "./keys.ts";

/**
 * Hashes of keys, with weights of their own for each object, drawn at random: whoever does not know them cannot choose
 * keys that collide more often than others do (Dietzfelbinger, "Universal Hashing and k-Wise Independent Random
 * Variables via Integer Arithmetic without Primes", 1996). So nothing that can be seen may depend on a hash.
 */
export class KeyHash {
  readonly #weights: Int32Array;

  /** `weights`: one for each place in a key, and one more. */
  constructor(weights = crypto.getRandomValues(new Int32Array(MAX_KEY_BYTES + 1))) {
    this.#weights = weights;
  }

  /** Of up to MAX_KEY_BYTES bytes: 32 bits, of which the upper ones are the better ones. */
  of(bytes: Uint8Array, offset: number, length: number): number {
    const weights = this.#weights;
    let sum = weights[MAX_KEY_BYTES]!;
    // Of byte + 1: a key and the same with zeros behind it differ.
    for (let at = 0; at < length; at++) sum = (sum + Math.imul(bytes[offset + at]! + 1, weights[at]!)) | 0;
    // Keys that are counted would lie in rows at even distances, which may run into one another.
    return Math.imul(sum ^ (sum >>> 16), 0x9e3779b1);
  }
}
