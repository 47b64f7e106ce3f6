import type { KeyState, KeyValue } from "./key-state.ts";
import type { KeyTables } from "./key-tables.ts";

/** SQLite reads the whole of an entry to get at a part of it: parts up to this length are taken out together. */
const SMALL_BYTES = 4096;

/** The values of one page of states: where several are small parts of one entry, it is read once for all of them. */
export class PageValues {
  readonly #tables: KeyTables;
  /** By revision: those of whose entry there are several in the page. */
  readonly #together = new Map<number, KeyState[]>();
  readonly #read = new Map<KeyState, Uint8Array>();

  constructor(tables: KeyTables, page: readonly KeyState[]) {
    this.#tables = tables;
    for (const state of page) {
      if ("value" in state || state.valueLength > SMALL_BYTES) continue;
      const others = this.#together.get(state.revision);
      if (others) others.push(state);
      else this.#together.set(state.revision, [state]);
    }
    for (const [revision, states] of this.#together) {
      if (states.length === 1) this.#together.delete(revision);
    }
  }

  /** Of a state of this page. */
  of(state: KeyState): Uint8Array {
    if ("value" in state) return (state as KeyValue).value;
    const together = this.#together.get(state.revision);
    if (together?.includes(state)) this.#readTogether(state.revision, together);
    return this.#read.get(state) ?? this.#tables.readValue(state);
  }

  #readTogether(revision: number, states: readonly KeyState[]): void {
    this.#together.delete(revision);
    this.#tables.readValues(revision, states).forEach((value, at) => {
      this.#read.set(states[at] as KeyState, value);
    });
  }
}
