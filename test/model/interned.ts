import { hashText } from "../../shared/raft/encoding.ts";
import type { NodeId } from "../../shared/raft/types.ts";
import type { Rename } from "./keys.ts";
import { ids } from "./local.ts";

const permutations: readonly (readonly NodeId[])[] = [
  ["A", "B", "C"],
  ["A", "C", "B"],
  ["B", "A", "C"],
  ["B", "C", "A"],
  ["C", "A", "B"],
  ["C", "B", "A"],
];
const renames: readonly Rename[] = permutations.map((to) => (id) => to[ids.indexOf(id)] ?? id);
const identity: Rename = (id) => id;
/** In how many ways the nodes can change places. */
export const renamings = renames.length;

/** A value is stored once and known by its number; beside it its hash under each renaming of the nodes. */
export class Interned<Value> {
  readonly values: Value[] = [];
  /** Two lanes of 32 bits for each renaming. */
  readonly hashes: Uint32Array[] = [];
  readonly #numbers = new Map<string, number>();
  readonly #key: (value: Value, rename: Rename) => string;
  readonly #onNew: (value: Value) => void;

  constructor(key: (value: Value, rename: Rename) => string, onNew: (value: Value) => void = () => {}) {
    this.#key = key;
    this.#onNew = onNew;
  }

  number(value: Value): number {
    const key = this.#key(value, identity);
    const known = this.#numbers.get(key);
    if (known !== undefined) return known;
    const number = this.values.length;
    this.#numbers.set(key, number);
    this.values.push(value);
    const lanes = new Uint32Array(2 * renames.length);
    for (const [i, rename] of renames.entries()) {
      const hash = hashText(this.#key(value, rename));
      lanes[2 * i] = mixed(hash >>> 0);
      lanes[2 * i + 1] = mixed(Math.floor(hash / 0x1_0000_0000) ^ 0x5bd1e995);
    }
    this.hashes.push(lanes);
    this.#onNew(value);
    return number;
  }
}

/** The finalizer of MurmurHash3: sums of it tell multisets apart. */
export function mixed(value: number): number {
  let hash = Math.imul(value ^ (value >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
