import type { LogIndex, NodeId } from "../raft/types.ts";
import type { Origin } from "../storage/entry.ts";
import { SequenceMap } from "./sequence-map.ts";

type Key = Pick<Origin, "node" | "boot" | "sequence">;

interface FromOneBoot {
  readonly node: NodeId;
  readonly boot: number;
  /** Where each command is in the log, by its sequence. */
  readonly indexes: SequenceMap<LogIndex>;
}

/** Commands in the log that are not applied yet, by their origin. */
export class UnappliedCommands {
  /** As many as nodes, or a few more: no text is made to look one up. */
  #origins: FromOneBoot[] = [];

  add(origin: Key, index: LogIndex): void {
    let known = this.#of(origin);
    if (known === undefined) {
      known = { node: origin.node, boot: origin.boot, indexes: new SequenceMap() };
      this.#origins.push(known);
    }
    known.indexes.set(origin.sequence, index);
  }

  indexOf(origin: Key): LogIndex | undefined {
    return this.#of(origin)?.indexes.get(origin.sequence);
  }

  /**
   * Everything up to `applied` needs no watching any more. One that came into the log before others of its origin with
   * lower sequences may stay until these are applied, too.
   */
  release(applied: LogIndex): void {
    let isEmpty = false;
    for (const { indexes } of this.#origins) {
      for (let lowest = indexes.lowest; lowest !== null; lowest = indexes.lowest) {
        if ((indexes.get(lowest) as LogIndex) > applied) break;
        indexes.take(lowest);
      }
      if (indexes.size === 0) isEmpty = true;
    }
    // An earlier boot of some node does not come back; one that has nothing here now may have in a moment.
    if (isEmpty && this.#origins.length > mostEmpty) {
      this.#origins = this.#origins.filter(({ indexes }) => indexes.size > 0);
    }
  }

  #of({ node, boot }: Key): FromOneBoot | undefined {
    for (const one of this.#origins) if (one.boot === boot && one.node === node) return one;
    return undefined;
  }
}

/** So many that are empty are kept. */
const mostEmpty = 8;
