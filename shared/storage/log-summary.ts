import { invariant } from "../errors.ts";
import type { Configuration, LogIndex, Term, TermRun } from "../raft/types.ts";
import type { LogEntry, UncountedEntry } from "./entry.ts";

export interface PlacedConfiguration {
  readonly index: LogIndex;
  readonly configuration: Configuration;
}

/** What is known of the log without reading it: where it ends, its terms, its configurations. */
export class LogSummary {
  lastIndex: LogIndex = 0;
  lastTerm: Term = 0;
  lastTime = 0;
  /** How many commands the log holds: the ordinal of the next entry. */
  commands = 0;
  readonly runs: TermRun[] = [];
  readonly configurations: PlacedConfiguration[] = [];

  /** What keeps `entry` from standing right after the last one; null when it may. */
  refusal(entry: UncountedEntry): string | null {
    if (entry.index !== this.lastIndex + 1) return `it follows ${this.lastIndex}`;
    if (!(entry.term >= 1 && entry.term >= this.lastTerm)) {
      return `its term ${entry.term} comes after term ${this.lastTerm}`;
    }
    return null;
  }

  add(entry: LogEntry): void {
    if (entry.term !== this.lastTerm) this.runs.push({ term: entry.term, first: entry.index });
    if (entry.configuration !== undefined) {
      this.configurations.push({ index: entry.index, configuration: entry.configuration });
    }
    this.#end(entry);
  }

  /** Forgets every entry after `last`, the entry that now ends the log; null when it is empty. */
  truncate(last: LogEntry | null): void {
    const lastIndex = last?.index ?? 0;
    dropAfter(this.runs, (run) => run.first > lastIndex);
    dropAfter(this.configurations, (placed) => placed.index > lastIndex);
    this.#end(last);
  }

  termAt(index: LogIndex): Term {
    invariant(
      index >= 0 && index <= this.lastIndex,
      "only entries of the log have a term",
      () => `index ${index}, the last entry is ${this.lastIndex}`,
    );
    if (index === 0) return 0;
    let low = 0;
    let high = this.runs.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >>> 1;
      if (this.runs[middle]!.first <= index) low = middle;
      else high = middle - 1;
    }
    return this.runs[low]!.term;
  }

  #end(last: LogEntry | null): void {
    this.lastIndex = last?.index ?? 0;
    this.lastTerm = last?.term ?? 0;
    this.lastTime = last?.data.time ?? 0;
    this.commands = last === null ? 0 : last.ordinal + (last.kind === "command" ? 1 : 0);
  }
}

function dropAfter<Item>(items: Item[], isAfter: (item: Item) => boolean): void {
  while (items.length > 0 && isAfter(items[items.length - 1]!)) items.pop();
}
