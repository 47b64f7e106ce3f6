import type { Origin } from "../storage/entry.ts";
import type { DurableStorage } from "../storage/port.ts";

/**
 * Which commands have been applied, by origin: a command that was forwarded twice, or again to another leader, takes
 * effect once (thesis 6.3). Part of the replicated state: every node decides alike, and it is written in the same
 * transaction as the applied index.
 *
 * For each node the newest boot counts. Older boots' commands can only be late copies: their origin is dead, nobody
 * waits for them, and whether they had been applied is no longer known, so they are dropped.
 */
export class Sessions {
  readonly #storage: DurableStorage;
  readonly #byNode = new Map<string, Session>();
  readonly #changed = new Set<string>();

  private constructor(storage: DurableStorage) {
    this.#storage = storage;
  }

  /** As they were before the first entry. */
  static begin(storage: DurableStorage): Sessions {
    storage.sql.exec(
      "CREATE TABLE IF NOT EXISTS sessions (node TEXT PRIMARY KEY, boot INTEGER NOT NULL, applied TEXT NOT NULL) WITHOUT ROWID",
    );
    return new Sessions(storage);
  }

  /** As they are stored. */
  static open(storage: DurableStorage): Sessions {
    const sessions = Sessions.begin(storage);
    const rows = storage.sql
      .exec<{ node: string; boot: number; applied: string }>("SELECT node, boot, applied FROM sessions")
      .toArray();
    for (const { node, boot, applied } of rows) {
      sessions.#byNode.set(node, { boot, applied: JSON.parse(applied) as Range[] });
    }
    return sessions;
  }

  /** Whether a command of this origin has been applied, or is so old that it may have been. */
  has(origin: Pick<Origin, "node" | "boot" | "sequence">): boolean {
    const session = this.#byNode.get(origin.node);
    if (!session || session.boot < origin.boot) return false;
    if (session.boot > origin.boot) return true;
    const { applied } = session;
    // New commands have the highest sequences: nearly always none of the ranges reaches so far.
    for (let at = applied.length - 1; at >= 0; at--) {
      const [first, last] = applied[at] as Range;
      if (origin.sequence > last) return false;
      if (origin.sequence >= first) return true;
    }
    return false;
  }

  /** Notes a command as applied. Everything below the origin's floor is finished and merges into one range. */
  add(origin: Origin): void {
    let session = this.#byNode.get(origin.node);
    if (!session || session.boot < origin.boot) {
      session = { boot: origin.boot, applied: [] };
      this.#byNode.set(origin.node, session);
    }
    addToRanges(session.applied, origin.sequence);
    forgetBelow(session.applied, origin.floor);
    this.#changed.add(origin.node);
  }

  /** Inside the node's transaction. */
  flush(): void {
    for (const node of this.#changed) {
      const session = this.#byNode.get(node) as Session;
      this.#storage.sql.exec(
        "INSERT INTO sessions (node, boot, applied) VALUES (?, ?, ?) ON CONFLICT (node) DO UPDATE SET boot = excluded.boot, applied = excluded.applied",
        node,
        session.boot,
        JSON.stringify(session.applied),
      );
    }
    this.#changed.clear();
  }

  /** All of it, in a fixed order, to compare replicas. */
  dump(): readonly unknown[] {
    return [...this.#byNode].sort(([a], [b]) => (a < b ? -1 : 1)).map(([node, session]) => [node, session]);
  }
}

/** First and last of consecutive applied sequences. */
type Range = [first: number, last: number];

interface Session {
  readonly boot: number;
  /** Sorted, apart by at least one. As many as there are gaps among the commands in flight, plus one. */
  readonly applied: Range[];
}

function addToRanges(ranges: Range[], sequence: number): void {
  let position = ranges.length;
  while (position > 0 && (ranges[position - 1] as Range)[0] > sequence) position--;
  const before = ranges[position - 1];
  const after = ranges[position];
  if (before && before[1] >= sequence) return;
  const joinsBefore = before !== undefined && before[1] + 1 === sequence;
  const joinsAfter = after !== undefined && after[0] - 1 === sequence;
  if (joinsBefore && joinsAfter) {
    before[1] = after[1];
    ranges.splice(position, 1);
  } else if (joinsBefore) {
    before[1] = sequence;
  } else if (joinsAfter) {
    after[0] = sequence;
  } else {
    ranges.splice(position, 0, [sequence, sequence]);
  }
}

/** Marks everything below `floor` as done, whether it was applied or given up. */
function forgetBelow(ranges: Range[], floor: number): void {
  if (floor <= 0) return;
  const lowest = ranges[0];
  if (lowest !== undefined && lowest[0] === 0 && lowest[1] >= floor - 1) return;
  let last = floor - 1;
  let merged = 0;
  while (merged < ranges.length && (ranges[merged] as Range)[0] <= last + 1) {
    last = Math.max(last, (ranges[merged] as Range)[1]);
    merged++;
  }
  ranges.splice(0, merged, [0, last]);
}
