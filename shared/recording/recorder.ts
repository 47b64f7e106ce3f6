import { InvariantViolation, RaftLiteError } from "../errors.ts";
import type { Clock } from "../node/ports.ts";
import type { NodeRecorder, Opening } from "../node/recorder.ts";
import type { LogIndex, NodeId, RaftTrace, Term, Work } from "../raft/types.ts";
import type { LogEntry } from "../storage/entry.ts";
import { blockStart, ContentHash, hashText } from "./content-hash.ts";
import { PendingProgress } from "./pending-progress.ts";
import type { Promised } from "./pending-writes.ts";
import { PendingWrites, promiseOf } from "./pending-writes.ts";
import type {
  Happening,
  Progress,
  RecordedConfiguration,
  RecordedState,
  Unnumbered,
  UnplacedOpener,
} from "./records.ts";
import { RECORDING_FORMAT, RECORDING_VERSION, recordedConfiguration } from "./records.ts";
import { TermRuns } from "./term-runs.ts";

export interface RecorderOptions {
  readonly clock: Clock;
  /** Version of the software, for people. */
  readonly release: string;
  /** Something waits to be taken. `urgent`: an event by itself, not just progress that may be gathered for a while. */
  readonly onRecord: (urgent: boolean) => void;
}

/** What a start reads of the stored log at most, to know the hash of its last block. */
const openingBytes = 4 << 20;
/** Terms that the state at the front of a file goes back. */
const recordedRuns = 64;
/** Records that wait to be taken; whoever writes them is not keeping up. */
const mostWaiting = 8192;

/**
 * Turns what a node tells into records. It knows nothing of files: whoever writes them takes what has gathered, now
 * and then, off the node's path. Nothing here holds what clients wrote, only hashes of it.
 *
 * The order of a turn's records: what happened by itself, then what was removed from the log, then what was added,
 * then what was committed. So every record stands on those before it.
 */
export class Recorder implements NodeRecorder {
  readonly #options: RecorderOptions;
  #identity: Pick<Opening, "id" | "storeId" | "boot"> = { id: "", storeId: "", boot: 0 };
  #waiting: Unnumbered[] = [];
  readonly #progress = new PendingProgress();
  #paused = false;
  #dropped = 0;
  #news: "urgent" | "progress" | null = null;
  #hasStopped = false;

  #term: Term = 0;
  #leads = false;
  #durableTerm: Term = 0;
  #vote: NodeId | null = null;
  #runs = new TermRuns([], 0);
  readonly #hash = new ContentHash();
  #durable: LogIndex = 0;
  #acknowledged: LogIndex = 0;
  #commit: LogIndex = 0;
  #applied: LogIndex = 0;
  #configurations: RecordedConfiguration[] = [];
  readonly #writes = new PendingWrites();

  constructor(options: RecorderOptions) {
    this.#options = options;
  }

  /** Whoever writes was too slow, or could not: nothing is kept until `resume`. */
  get isPaused(): boolean {
    return this.#paused;
  }

  /** Records that were not kept. */
  get dropped(): number {
    return this.#dropped;
  }

  // ---- for whoever writes ----

  /** All that has happened since the last time, in order. */
  take(): Unnumbered[] {
    this.#flush();
    const taken = this.#waiting;
    this.#waiting = [];
    return taken;
  }

  /** What comes from now on goes into another file. Right after `take`. */
  rotate(): void {
    this.#open("rotated");
  }

  /** What waits, and what comes, is counted and let go. `lost`: how many that were taken are lost too. */
  pause(lost = 0): void {
    this.#flush();
    this.#dropped += this.#waiting.length + lost;
    this.#waiting = [];
    this.#paused = true;
  }

  /** Another file begins, and says how many records are missing before it. */
  resume(): void {
    this.#flush();
    this.#paused = false;
    this.#open("resumed");
    this.#dropped = 0;
  }

  #open(event: UnplacedOpener["event"]): void {
    const { id, storeId, boot } = this.#identity;
    this.#push({
      event,
      format: RECORDING_FORMAT,
      version: RECORDING_VERSION,
      release: this.#options.release,
      node: id,
      store: storeId,
      boot,
      dropped: this.#dropped,
      state: this.#state(),
    });
  }

  #state(): RecordedState {
    const { hash } = this.#hash;
    return {
      term: this.#term,
      leads: this.#leads,
      durableTerm: this.#durableTerm,
      vote: this.#vote,
      last: this.#runs.last,
      hash: hash === null ? null : hashText(hash),
      runs: this.#runs.newest(recordedRuns),
      durable: this.#durable,
      commit: this.#commit,
      applied: this.#applied,
      configuration: this.#configurations.at(-1) ?? null,
    };
  }

  #record(happening: Happening): void {
    this.#flush();
    this.#push(happening);
    this.#news = "urgent";
  }

  #flush(): void {
    if (!this.#progress.isEmpty) this.#push(this.#progress.take());
  }

  #push(record: UnplacedOpener | Progress | Happening): void {
    if (this.#paused) {
      this.#dropped++;
      return;
    }
    const { clock } = this.#options;
    const at = Math.round(clock.now() * 1000) / 1000;
    this.#waiting.push({ wall: clock.wallTime(), at, ...record });
    if (this.#waiting.length > mostWaiting) this.pause();
  }

  #progressed(): void {
    if (this.#progress.isFull) this.#flush();
    this.#news ??= "progress";
  }

  /** At the end of what the node has to tell: in between, what is recorded and what is known do not agree. */
  #notify(): void {
    const news = this.#news;
    this.#news = null;
    if (news !== null) this.#options.onRecord(news === "urgent");
  }

  // ---- for the node ----

  opened(opening: Opening): void {
    const { id, storeId, boot, hardState, lastIndex, runs, applied, configurations } = opening;
    this.#identity = { id, storeId, boot };
    this.#term = hardState.term;
    this.#durableTerm = hardState.term;
    this.#vote = hardState.votedFor;
    this.#runs = new TermRuns(
      runs.map(({ first, term }) => [first, term]),
      lastIndex,
    );
    this.#durable = lastIndex;
    this.#commit = applied;
    this.#applied = applied;
    this.#configurations = configurations.map(({ index, configuration }) =>
      recordedConfiguration(index, configuration),
    );
    this.#hashLastBlock(opening);
    this.#open("started");
    this.#news = "urgent";
    this.#notify();
  }

  #hashLastBlock(opening: Opening): void {
    const { lastIndex } = opening;
    if (lastIndex === 0) return;
    const first = blockStart(lastIndex);
    this.#hash.skipTo(first - 1);
    const entries = opening.read(first, lastIndex, openingBytes);
    if (entries.length <= lastIndex - first) this.#hash.skipTo(lastIndex);
    else for (const entry of entries) this.#hash.append(entry);
  }

  worked({ trace, send, sendAfter, persist }: Work, entries: readonly LogEntry[]): void {
    let commit = 0;
    let truncated = Number.POSITIVE_INFINITY;
    for (const event of trace) {
      if (event.type === "committed") commit = event.index;
      else if (event.type === "truncated") truncated = Math.min(truncated, event.from);
      else this.#happened(event, entries);
    }
    for (const message of send) {
      const promised = promiseOf(message);
      if (promised !== null) this.#tell(promised);
    }
    // Entries that came and went within the turn were never handed out.
    if (truncated <= this.#runs.last) this.#truncate(truncated);
    if (entries.length > 0) this.#append(entries);
    if (persist !== null) this.#writes.add(persist.number, persist.hardState, entries);
    for (const message of sendAfter) {
      const promised = promiseOf(message);
      if (promised !== null && !this.#writes.promise(promised)) this.#tell(promised);
    }
    if (commit > 0) {
      this.#commit = commit;
      this.#progress.set("commit", commit);
      this.#progressed();
    }
    this.#notify();
  }

  #happened(trace: RaftTrace, entries: readonly LogEntry[]): void {
    switch (trace.type) {
      // The entries themselves say this, and only those that are there when the turn is over.
      case "appended":
      case "configuration":
      case "committed":
      case "truncated":
        return;
      case "vote-granted":
        // A vote is recorded when it leaves.
        if (!trace.preVote) return;
        break;
      case "leader":
        this.#leads = true;
        this.#record({ event: "leader", term: trace.term, ...this.#electorate(entries) });
        return;
      case "term":
        this.#term = trace.term;
        this.#leads = false;
        break;
      case "follows":
      case "stepped-down":
        this.#leads = false;
        break;
      default:
        break;
    }
    const { type, ...rest } = trace;
    this.#record({ event: type, ...rest } as Happening);
  }

  /** The first election of a cluster is held before its configuration is in the log. */
  #electorate(entries: readonly LogEntry[]): Pick<RecordedConfiguration, "clusterId" | "voters"> {
    const inLog = this.#configurations.at(-1);
    const founding = entries.find(({ configuration }) => configuration !== undefined);
    const known =
      inLog ?? (founding?.configuration && recordedConfiguration(founding.index, founding.configuration));
    return { clusterId: known?.clusterId ?? "", voters: known?.voters ?? [] };
  }

  #truncate(from: LogIndex): void {
    this.#record({ event: "truncated", from, last: this.#runs.last });
    this.#runs.truncate(from);
    this.#hash.truncate(from);
    this.#durable = Math.min(this.#durable, from - 1);
    this.#acknowledged = Math.min(this.#acknowledged, from - 1);
    this.#configurations = this.#configurations.filter(({ index }) => index < from);
    this.#writes.truncate(from);
  }

  #append(entries: readonly LogEntry[]): void {
    this.#progress.addEntries(entries, this.#hash);
    for (const { index, term, configuration } of entries) {
      this.#runs.append(term, index);
      if (configuration) this.#configurations.push(recordedConfiguration(index, configuration));
    }
    this.#progressed();
  }

  #tell(promised: Promised): void {
    if (typeof promised !== "number") {
      this.#record({ event: "vote-granted", ...promised, preVote: false });
    } else if (promised > this.#acknowledged) {
      this.#acknowledged = promised;
      this.#progress.set("acknowledged", promised);
      // It must not look as if it had been durable by then.
      if (promised > this.#durable) this.#flush();
      this.#progressed();
    }
  }

  durable(number: number): void {
    const done = this.#writes.complete(number);
    let durable = this.#durable;
    for (const { hardState, first, last } of done) {
      if (hardState !== undefined) {
        this.#durableTerm = hardState.term;
        this.#vote = hardState.votedFor;
        this.#record({ event: "hard-state", term: hardState.term, vote: hardState.votedFor });
      }
      if (first > 0) durable = last;
    }
    // A write that was overtaken says nothing of what replaces it.
    durable = Math.min(durable, this.#writes.untouched);
    if (durable !== this.#durable) {
      this.#durable = durable;
      this.#progress.set("durable", durable);
      this.#progressed();
    }
    for (const { votes, acknowledged } of done) {
      for (const vote of votes) this.#tell(vote);
      this.#tell(acknowledged);
    }
    this.#notify();
  }

  applied(index: LogIndex): void {
    // A state machine that keeps nothing goes through the log once more.
    if (index <= this.#applied) return;
    this.#applied = index;
    this.#progress.set("applied", index);
    this.#progressed();
    this.#notify();
  }

  served(readIndex: LogIndex, reads: number): void {
    this.#progress.addReads(readIndex, reads);
    this.#progressed();
    this.#notify();
  }

  stalled(): void {
    this.#record({ event: "stalled" });
    this.#notify();
  }

  stopped(): void {
    this.#hasStopped = true;
    this.#record({ event: "stopped" });
    this.#notify();
  }

  failed(error: unknown): void {
    // A write that the end of the node did not wait for may fail after it.
    if (this.#hasStopped) return;
    this.#record({ event: "failed", code: codeOf(error) });
    this.#notify();
  }
}

/** Nothing of the error's own words: they may tell of what clients wrote. */
function codeOf(error: unknown): string {
  if (error instanceof RaftLiteError) return error.code;
  if (error instanceof InvariantViolation) return error.rule;
  return error instanceof Error ? error.name : "unknown";
}
