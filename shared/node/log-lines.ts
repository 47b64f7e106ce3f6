import { printable } from "../printable.ts";
import type { EntryCounts } from "./entry-rate.ts";
import { EntryRate } from "./entry-rate.ts";
import type { EntryStep, NodeEvent, NodeTrace } from "./events.ts";
import { isFrequentDetail, logText, shorten } from "./log-text.ts";
import { RefusalFilter } from "./refusal-filter.ts";

export interface LogLinesOptions {
  readonly id: string;
  /** `json`: one object a line, with the same events, their causes and their time. */
  readonly format: "text" | "json";
  /** Every event and every entry, however fast they come. */
  readonly verbose: boolean;
  /** Milliseconds since the epoch, for the time that a JSON line carries. */
  readonly wallTime: () => number;
  /** Takes one line without its end. Must not throw. */
  readonly write: (line: string) => void;
}

type EntryTrace = Extract<NodeTrace, { type: "entry-appended" | "entry-committed" | "entry-applied" }>;

/** Draws the log from a node's events: which of them are shown, and how. */
export class LogLines {
  readonly #options: LogLinesOptions;
  readonly #rate = new EntryRate();
  readonly #refusals = new RefusalFilter();
  /** What the next summary says beside its counts. */
  #leading = false;
  #ordinal = -1;

  constructor(options: LogLinesOptions) {
    this.#options = options;
  }

  /** Takes in one event; events come in the order of their `now`. */
  report(event: NodeEvent): void {
    const { now, trace } = event;
    this.poll(now);
    if (isEntry(trace)) {
      this.#note(stepOf(trace), trace.ordinal, "leader" in trace && trace.leader);
      if (!this.#options.verbose && !this.#rate.admit(stepOf(trace), now)) return;
    } else if (!this.#options.verbose && isFrequentDetail(trace)) return;
    if (trace.type === "stopped") this.#summarize(now, true);
    if (trace.type === "refused" && !this.#options.verbose && !this.#refusals.admit(trace, now)) return;
    const { text, verbose } = logText(this.#options.id, trace);
    if (verbose && !this.#options.verbose) return;
    this.#write(text, () => fieldsOf(trace));
  }

  /** An `EntryCounter`: takes commands in that are too many to be shown. */
  count(step: EntryStep, count: number, ordinal: number, leader: boolean, now: number): boolean {
    this.poll(now);
    if (!this.#rate.count(step, count)) return false;
    this.#note(step, ordinal, leader);
    return true;
  }

  /** Writes the summary of entries that were too many to show, when it is due. To be called now and then. */
  poll(now: number): void {
    if (this.#rate.pending) this.#summarize(now, false);
  }

  #summarize(now: number, force: boolean): void {
    const counts = this.#rate.summary(now, force);
    if (counts === null) return;
    this.#write(this.#summaryText(counts), () => ({
      event: "entries",
      appended: counts.appended,
      committed: counts.committed,
      applied: counts.applied,
      elapsedMs: Math.round(counts.elapsedMs),
      index: this.#ordinal,
    }));
  }

  #summaryText(counts: EntryCounts): string {
    const { id } = this.#options;
    const parts = [
      [counts.appended, "appended"],
      [this.#leading ? counts.committed : 0, "committed"],
      [counts.applied, "applied"],
    ].filter(([count]) => count !== 0);
    const said = parts.map(([count, what]) => `${count} ${what}`).join(", ") || "none appended";
    const seconds = (counts.elapsedMs / 1000).toFixed(1);
    return `[${this.#leading ? "Leader" : "Node"} ${id}] Entries in ${seconds} s: ${said} (index=${this.#ordinal})`;
  }

  #note(step: EntryStep, ordinal: number, leader: boolean): void {
    if (step === "appended") this.#leading = leader;
    else this.#ordinal = Math.max(this.#ordinal, ordinal);
  }

  #write(text: string, fields: () => Readonly<Record<string, unknown>>): void {
    if (this.#options.format === "text") {
      this.#options.write(text);
      return;
    }
    const time = new Date(this.#options.wallTime()).toISOString();
    this.#options.write(printable(JSON.stringify({ time, node: this.#options.id, ...fields(), text })));
  }
}

function isEntry(trace: NodeEvent["trace"]): trace is EntryTrace {
  // There are three of each entry, and every node of a cluster has all of them.
  return (
    trace.type === "entry-appended" || trace.type === "entry-committed" || trace.type === "entry-applied"
  );
}

function stepOf(trace: EntryTrace): EntryStep {
  return trace.type === "entry-appended"
    ? "appended"
    : trace.type === "entry-committed"
      ? "committed"
      : "applied";
}

/** The event's own fields under their own names, its type as `event`. */
function fieldsOf(trace: NodeEvent["trace"]): Record<string, unknown> {
  const { type, ...rest } = trace;
  // A command's text may be a getter, which no copy takes along.
  return "cmd" in trace ? { event: type, ...rest, cmd: shorten(trace.cmd) } : { event: type, ...rest };
}
