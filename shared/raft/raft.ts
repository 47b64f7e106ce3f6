import { invariant } from "../errors.ts";
import type { Core, RaftSettings, RaftState } from "./core.ts";
import {
  configurationOf,
  electionTimeoutMinMs,
  hardState,
  hardStateIsDurable,
  recordPersisted,
  resetElectionDeadline,
  trace,
} from "./core.ts";
import {
  onElectionDeadline,
  onHardStateDurable,
  onPeerLost,
  onRequestVote,
  onRequestVoteResponse,
  onTimeoutNow,
} from "./election.ts";
import { cloneState, encodeState, hashText } from "./encoding.ts";
import { onAppendEntries } from "./follower.ts";
import { claimSlot, onDiscovered } from "./membership.ts";
import { onLeaderAbsent, wake } from "./quiescence.ts";
import { seedRandom } from "./random.ts";
import { onRead, onReadIndexRequest, onReadIndexResponse } from "./reads.ts";
import {
  advanceCommit,
  flushLeader,
  onAppendEntriesResponse,
  onLeaderDeadline,
  onUnreachable,
  propose,
  quorumContactDeadline,
} from "./replication.ts";
import { createTermLog } from "./term-log.ts";
import { advanceTransfer, onStorageStalled, onTransferDeadline, startTransfer } from "./transfer.ts";
import type {
  Configuration,
  HardState,
  LogIndex,
  Message,
  NodeId,
  Persist,
  RaftEvent,
  RaftView,
  RoleName,
  StepResult,
  Term,
  TermRun,
  Work,
} from "./types.ts";
import { roleName, viewOf } from "./view.ts";

/** What storage gives back after a restart. */
export interface RestoredState {
  readonly hardState: HardState;
  readonly runs: readonly TermRun[];
  readonly lastIndex: LogIndex;
  /** Those in the log, oldest first. */
  readonly configurations: readonly { readonly index: LogIndex; readonly configuration: Configuration }[];
  /** At least what has been applied: applied entries are committed. */
  readonly commitIndex: LogIndex;
  /** It had fallen silent, and goes on so until something wakes it. */
  readonly quiet?: boolean;
}

const largestLeap = 2 ** 32;

const accepted: StepResult = { accepted: true, first: 0, term: 0 };

/**
 * Raft as a state machine without I/O: events go in by `step`, everything it wants done comes out of `takeWork`. It
 * never waits, reads no clock and draws no chance of its own, so that the same events give the same bytes; a model
 * checker explores this very class.
 */
export class Raft {
  readonly #core: Core;

  private constructor(core: Core) {
    this.#core = core;
  }

  /** `seed`: 32 bits for the random part of timeouts. `now`: milliseconds of the clock that later events use. */
  static restore(settings: RaftSettings, restored: RestoredState, seed: number, now: number): Raft {
    const { term, votedFor } = restored.hardState;
    const log = createTermLog(restored.runs, restored.lastIndex);
    invariant(
      restored.commitIndex <= restored.lastIndex && (log.runs.at(-1)?.term ?? 0) <= term,
      "restored state is consistent",
      () => JSON.stringify(restored.hardState),
    );
    const state: RaftState = {
      now,
      term,
      votedFor,
      leader: null,
      role: { type: "follower" },
      log,
      commitIndex: restored.commitIndex,
      configurations: [...restored.configurations],
      provisional: null,
      random: seedRandom(seed),
      electionDeadline: 0,
      leaderContactAt: null,
      announcedHeartbeatMs: 0,
      leaderLostUntil: 0,
      leaderLostBy: "peer-lost",
      leaderAskedUntil: 0,
      handOverAt: 0,
      handOverWaitMs: 0,
      quiet: restored.quiet ?? false,
      lateWakeGranted: false,
      stalled: false,
      hardStateDirty: false,
      unpersisted: [],
      issued: [],
      nextPersist: 1,
    };
    const out = { send: [], sendAfter: [], reads: [], trace: [], committed: restored.commitIndex };
    const core: Core = { settings, state, out };
    resetElectionDeadline(core);
    return new Raft(core);
  }

  get settings(): RaftSettings {
    return this.#core.settings;
  }

  /** Takes in one event at `now`, which must not fall. Only a proposal and a claim are answered. */
  step(event: RaftEvent, now: number): StepResult {
    const core = this.#core;
    core.state.now = Math.max(core.state.now, now);
    switch (event.type) {
      case "message":
        this.#receive(event.message);
        return accepted;
      case "deadline":
        this.#onDeadline();
        return accepted;
      case "wake":
        wake(core);
        return accepted;
      case "propose":
        wake(core);
        return propose(core, event.proposals, event.awaitedBy);
      case "read":
        wake(core);
        onRead(core, event.readId);
        return accepted;
      case "persisted":
        this.#onPersisted(event.number);
        return accepted;
      case "transfer":
        wake(core);
        startTransfer(core, event.to);
        return accepted;
      case "claim":
        wake(core);
        return claimSlot(core, event.member) ? accepted : { accepted: false, reason: "not-leader" };
      case "discovered":
        onDiscovered(core, event.configuration);
        return accepted;
      case "peer-lost":
        onPeerLost(core, event.peer);
        return accepted;
      case "unreachable":
        onUnreachable(core, event.peer);
        onLeaderAbsent(core, event.peer);
        return accepted;
      case "storage-stalled":
        onStorageStalled(core);
        return accepted;
    }
  }

  #receive(message: Message): void {
    const core = this.#core;
    if (message.to !== core.settings.id || message.from === core.settings.id) return;
    // Terms rise by one an election. A leap like this is no election: nobody follows into a term with no successor.
    if (message.term > core.state.term + largestLeap) return;
    switch (message.type) {
      case "RequestVote":
        onRequestVote(core, message);
        break;
      case "RequestVoteResponse":
        onRequestVoteResponse(core, message);
        break;
      case "AppendEntries":
        onAppendEntries(core, message);
        break;
      case "AppendEntriesResponse":
        onAppendEntriesResponse(core, message);
        break;
      case "TimeoutNow":
        onTimeoutNow(core, message);
        break;
      case "ReadIndex":
        onReadIndexRequest(core, message);
        break;
      case "ReadIndexResponse":
        onReadIndexResponse(core, message);
        break;
    }
  }

  #onDeadline(): void {
    const core = this.#core;
    const { state, settings } = core;
    const lateMs = state.now - this.#promisedDeadline();
    if (lateMs < 0) return;
    if (lateMs > settings.heartbeatMs && !state.lateWakeGranted) {
      this.#onLateWake(lateMs);
      return;
    }
    state.lateWakeGranted = false;
    if (state.role.type === "leader") {
      onTransferDeadline(core);
      onLeaderDeadline(core);
    } else if (state.electionDeadline <= state.now) {
      onElectionDeadline(core);
    }
  }

  /**
   * This node slept (a pause, a slow disk, a stopped process) while its peers' messages may be waiting to be read.
   * Nothing is concluded from silence that it could not have heard: what has arrived is taken in first.
   */
  #onLateWake(lateMs: number): void {
    const { state, settings } = this.#core;
    state.lateWakeGranted = true;
    trace(this.#core, { type: "late-wake", lateMs });
    if (state.role.type === "leader") {
      // Time that it slept through is not silence of the others. Bounded, so that a leader that is always late and
      // hears nobody still comes to its end.
      const leastContactAt = state.now + settings.heartbeatMs - electionTimeoutMinMs(this.#core);
      for (const progress of state.role.progress) {
        progress.contactAt = Math.max(leastContactAt, Math.min(state.now, progress.contactAt + lateMs));
      }
      if (state.role.transfer)
        state.role.transfer = { ...state.role.transfer, deadline: state.now + settings.heartbeatMs };
      state.role.heartbeatDue = true;
      state.role.heartbeatDeadline = state.now + settings.heartbeatMs;
    } else {
      state.electionDeadline = state.now + settings.heartbeatMs;
    }
  }

  #onPersisted(number: number): void {
    const core = this.#core;
    recordPersisted(core, number);
    onHardStateDurable(core);
    advanceCommit(core);
    advanceTransfer(core);
  }

  #deadline(): number {
    const { role } = this.#core.state;
    const promised = this.#promisedDeadline();
    return role.type === "leader" ? Math.min(promised, role.commitNoticeAt) : promised;
  }

  /** Without the news of a commit, which is a courtesy: that it is late does not say that this node slept. */
  #promisedDeadline(): number {
    const { state } = this.#core;
    if (state.quiet) return Number.POSITIVE_INFINITY;
    if (state.role.type !== "leader") return state.electionDeadline;
    return Math.min(
      state.role.heartbeatDeadline,
      quorumContactDeadline(this.#core, state.role),
      state.role.transfer?.deadline ?? Number.POSITIVE_INFINITY,
    );
  }

  /** Hands out, once, what the events since the last call want done. */
  takeWork(): Work {
    const core = this.#core;
    const { state, out } = core;
    flushLeader(core);
    const persist = this.#takePersist();
    const work: Work = {
      send: out.send,
      persist,
      sendAfter: out.sendAfter,
      commit:
        state.commitIndex > out.committed ? { first: out.committed + 1, last: state.commitIndex } : null,
      reads: out.reads,
      trace: out.trace,
      deadline: this.#deadline(),
    };
    out.send = [];
    out.sendAfter = [];
    out.reads = [];
    out.trace = [];
    out.committed = state.commitIndex;
    return work;
  }

  #takePersist(): Persist | null {
    const { state } = this.#core;
    const entries = state.unpersisted;
    if (!state.hardStateDirty && entries.length === 0) return null;
    const number = state.nextPersist++;
    const hard = state.hardStateDirty;
    state.issued.push({
      number,
      hardState: hard,
      first: entries[0]?.index ?? 0,
      last: entries.at(-1)?.index ?? 0,
    });
    state.hardStateDirty = false;
    state.unpersisted = [];
    return hard ? { number, hardState: hardState(state), entries } : { number, entries };
  }

  /** As in `view`; what is asked for in every turn can be had without the rest. */
  get role(): RoleName {
    return roleName(this.#core.state);
  }

  get term(): Term {
    return this.#core.state.term;
  }

  get leader(): NodeId | null {
    return this.#core.state.leader;
  }

  /** This node has fallen silent: it has no deadline until something wakes it. */
  get quiet(): boolean {
    return this.#core.state.quiet;
  }

  get durableIndex(): LogIndex {
    return this.#core.state.log.durableIndex;
  }

  /** At a leader every follower is known to have the log up to here; elsewhere the end of the log: it sends nobody any. */
  get replicatedIndex(): LogIndex {
    const { role, log } = this.#core.state;
    let replicated = log.lastIndex;
    if (role.type !== "leader") return replicated;
    for (const { matchIndex } of role.progress) replicated = Math.min(replicated, matchIndex);
    return replicated;
  }

  get configuration(): Configuration | null {
    return configurationOf(this.#core.state);
  }

  get configurationIndex(): LogIndex {
    return this.#core.state.configurations.at(-1)?.index ?? 0;
  }

  view(): RaftView {
    return viewOf(this.#core.state);
  }

  /** True when term and vote would be found as they are after a crash now. */
  hardStateIsDurable(): boolean {
    return hardStateIsDurable(this.#core.state);
  }

  /** When the majority's last contact was, at a leader; when the leader's, elsewhere; null when never. */
  contactAt(): number | null {
    const { state } = this.#core;
    if (state.role.type !== "leader") return state.leaderContactAt;
    return quorumContactDeadline(this.#core, state.role) - this.electionTimeoutMs();
  }

  /** The shortest election timeout in force, in milliseconds. */
  electionTimeoutMs(): number {
    return electionTimeoutMinMs(this.#core);
  }

  /** An independent copy. Work must have been taken. */
  clone(): Raft {
    const { settings, state, out } = this.#core;
    const empty = { send: [], sendAfter: [], reads: [], trace: [], committed: out.committed };
    return new Raft({ settings, state: cloneState(state), out: empty });
  }

  /** The whole state as canonical text. Times are relative to now: equal texts behave equally from here on. */
  encode(): string {
    return encodeState(this.#core.state);
  }

  /** 53 bits of `encode()`. */
  hash(): number {
    return hashText(this.encode());
  }
}
