import { invariant } from "../errors.ts";
import type { Progress } from "./progress.ts";
import type { Votes } from "./quorum.ts";
import { canReachQuorum, findMember } from "./quorum.ts";
import { draw } from "./random.ts";
import type { TermLog } from "./term-log.ts";
import { appendEntry, truncateFrom } from "./term-log.ts";
import type {
  CampaignCause,
  Configuration,
  Entry,
  EntryKind,
  HardState,
  LogIndex,
  NodeId,
  OutgoingMessage,
  RaftTrace,
  ReadOutcome,
  StepDownCause,
  Term,
} from "./types.ts";

/**
 * The state of the core as plain data, and the few changes that every concern of the protocol shares. The files
 * beside this one each hold one concern (election, replication, reads, transfer, membership) as functions over it.
 */

export type ElectionPriority = "normal" | "low";

export interface RaftSettings {
  readonly id: NodeId;
  readonly storeId: string;
  /** What this node announces when it leads. */
  readonly heartbeatMs: number;
  /** Own bounds; in force is what the leader's heartbeat makes of them, see `electionTimeoutMinMs`. */
  readonly electionTimeoutMinMs: number;
  readonly electionTimeoutMaxMs: number;
  /** `low`: it leads only where no other voter can (priority.ts). */
  readonly electionPriority: ElectionPriority;
  /** One AppendEntries holds at most this many entries and, beyond its first entry, bytes. */
  readonly maxMessageEntries: number;
  readonly maxMessageBytes: number;
  readonly maxInflightMessages: number;
  readonly maxInflightBytes: number;
  /** Proposals are refused while more than this waits to be committed. */
  readonly maxUncommittedBytes: number;
  /**
   * So long may a follower's news of a commit wait for a message with entries to ride on, unless it is known to wait
   * for it. 0: not at all.
   */
  readonly commitNoticeMs: number;
  /** Once nothing has been proposed or read for so long, this node as a leader lets the cluster fall silent. 0: never. */
  readonly quiesceAfterMs: number;
  /** A member that has not answered for so long is not waited for; when it comes back it wakes the others. */
  readonly awayAfterMs: number;
}

/** Limits that suit a LAN and a megabyte a command; timings are the host's to choose. */
export const defaultLimits = {
  maxMessageEntries: 1024,
  maxMessageBytes: 1 << 20,
  maxInflightMessages: 4,
  maxInflightBytes: 4 << 20,
  maxUncommittedBytes: 32 << 20,
  commitNoticeMs: 0,
  quiesceAfterMs: 0,
  awayAfterMs: 60_000,
} as const;

export type RaftLimits = Readonly<Record<keyof typeof defaultLimits, number>>;

export interface PendingRead {
  readonly readId: number;
  /** null: asked for by this node itself. */
  readonly from: NodeId | null;
  /** 0 until the term's first entry is committed. */
  readIndex: LogIndex;
  /** An acknowledgement of this round or a later one was sent after the read came in. */
  round: number;
}

export interface Transfer {
  readonly to: NodeId;
  readonly deadline: number;
  sent: boolean;
}

/** A leader's request for silence. */
export interface Quiescing {
  /** Of the first messages that asked. */
  readonly round: number;
  /** Who has not agreed by then does not. */
  readonly until: number;
}

export interface LeaderState {
  readonly type: "leader";
  readonly since: number;
  /** Index of the entry that opened this term. */
  readonly firstIndex: LogIndex;
  readonly progress: Progress[];
  heartbeatDeadline: number;
  /** The newest confirmation round; `roundOpen` while its messages have not left yet. */
  round: number;
  roundOpen: boolean;
  heartbeatDue: boolean;
  /** When followers that have not been told of a commit are told; Infinity when there is none. */
  commitNoticeAt: number;
  reads: PendingRead[];
  transfer: Transfer | null;
  /** When something was last proposed, or read. */
  activeAt: number;
  /** The followers are being asked to fall silent. */
  quiescing: Quiescing | null;
  /** When it was last woken: what a follower has not said before was not asked for. */
  awakeSince: number;
  /** The commit index at the heartbeat before: who holds that has caught up, as far as a follower under load can. */
  beatCommit: LogIndex;
  /** Of entries of this term; never less than what is uncommitted of them. */
  uncommittedBytes: number;
}

export type Role =
  | { readonly type: "follower" }
  | { readonly type: "pre-candidate"; readonly cause: CampaignCause; votes: Votes }
  | { readonly type: "candidate"; readonly cause: CampaignCause; votes: Votes }
  | LeaderState;

/** How a node came to know that it has no leader, other than by waiting for one. */
export type LeaderLoss = Extract<CampaignCause, "peer-lost" | "wake">;

export interface IssuedPersist {
  readonly number: number;
  readonly hardState: boolean;
  /** 0 when it held no entries. */
  readonly first: LogIndex;
  readonly last: LogIndex;
}

export interface RaftState {
  now: number;
  term: Term;
  votedFor: NodeId | null;
  leader: NodeId | null;
  role: Role;
  log: TermLog;
  commitIndex: LogIndex;
  /** Those of uncommitted entries and the newest committed one, oldest first: truncation goes back along it. */
  configurations: { readonly index: LogIndex; readonly configuration: Configuration }[];
  /** Stands in while the log has none. */
  provisional: Configuration | null;
  random: number;
  electionDeadline: number;
  /** When the current leader was last heard; null when none counts as alive. */
  leaderContactAt: number | null;
  /** The heartbeat interval that the last leader announced; 0 before the first. */
  announcedHeartbeatMs: number;
  /** Until then this node, whose leader is known to be gone, tries again soon; for the reason that stands beside it. */
  leaderLostUntil: number;
  leaderLostBy: LeaderLoss;
  /** A late deadline has been put off once; the next one counts. A deadline that was drawn anew may be late again. */
  lateWakeGranted: boolean;
  /** This node has fallen silent (quiescence.ts): its deadlines do not count. */
  quiet: boolean;
  /** A leader that was asked whether it still leads has until then to say so; 0 when none was. */
  leaderAskedUntil: number;
  /** Not before then does this node, of low priority, hand its office over, and so long it waited the last time. */
  handOverAt: number;
  handOverWaitMs: number;
  stalled: boolean;
  hardStateDirty: boolean;
  /** Entries that no `persist` has named yet; consecutive up to the end of the log. */
  unpersisted: Entry[];
  issued: IssuedPersist[];
  nextPersist: number;
}

export interface Outbox {
  send: OutgoingMessage[];
  sendAfter: OutgoingMessage[];
  reads: ReadOutcome[];
  trace: RaftTrace[];
  /** Commit index that was last handed out. */
  committed: LogIndex;
}

export interface Core {
  readonly settings: RaftSettings;
  readonly state: RaftState;
  readonly out: Outbox;
}

export function configurationOf(state: RaftState): Configuration | null {
  return state.configurations.at(-1)?.configuration ?? state.provisional;
}

/** The lower bound L of election timeouts and the length of every promise derived from it. */
export function electionTimeoutMinMs(core: Core): number {
  const heartbeatMs =
    core.state.role.type === "leader" ? core.settings.heartbeatMs : core.state.announcedHeartbeatMs;
  return Math.max(core.settings.electionTimeoutMinMs, 3 * heartbeatMs);
}

/** The leader's heartbeat interval, as far as this node has heard of one. */
export function heartbeatMs({ settings, state }: Core): number {
  return state.announcedHeartbeatMs || settings.heartbeatMs;
}

/** Uniform in [0, limit). Nothing is drawn for a limit of 0. */
export function randomBelow(core: Core, limit: number): number {
  if (limit <= 0) return 0;
  const { value, state } = draw(core.state.random);
  core.state.random = state;
  return value * limit;
}

/**
 * Uniform from L to L times the host's own ratio of maximum to minimum (paper 5.2, 9.3); with low priority, as
 * widely, but not before that has ended, and half of L is over at the least.
 */
export function resetElectionDeadline(core: Core): void {
  const { electionTimeoutMinMs: min, electionTimeoutMaxMs: max, electionPriority } = core.settings;
  const lower = electionTimeoutMinMs(core);
  const width = lower * (max / min - 1);
  const first = electionPriority === "low" ? lower + Math.max(width, lower / 2) : lower;
  core.state.electionDeadline = core.state.now + first + randomBelow(core, width);
  core.state.lateWakeGranted = false;
}

/** A moment within so many milliseconds, drawn anew each time; with low priority, after all of those of others. */
export function momentWithin(core: Core, withinMs: number): number {
  const waitMs = core.settings.electionPriority === "low" ? 2 * withinMs : 0;
  return core.state.now + waitMs + randomBelow(core, withinMs);
}

export function trace(core: Core, event: RaftTrace): void {
  core.out.trace.push(event);
}

/** A quiet node takes part again; its deadlines are the caller's to set. Does nothing where it is awake. */
export function endSilence(core: Core): void {
  const { state } = core;
  if (!state.quiet) return;
  state.quiet = false;
  state.lateWakeGranted = false;
  trace(core, { type: "awake", term: state.term });
}

/** Paper 5.1: whoever sees a later term adopts it, with a vote that is free again. */
export function becomeFollower(core: Core, term: Term, leader: NodeId | null, cause?: StepDownCause): void {
  const { state } = core;
  invariant(term >= state.term, "terms never fall", () => `${term} after ${state.term}`);
  const wasLeader = state.role.type === "leader";
  if (state.role.type === "leader") abandonLeadership(core, state.role);
  const termRises = term > state.term;
  if (termRises) {
    state.term = term;
    state.votedFor = null;
    state.hardStateDirty = true;
    trace(core, { type: "term", term });
  }
  if (wasLeader && cause) trace(core, { type: "stepped-down", term, cause });
  const followsAnew = leader !== null && (termRises || state.leader !== leader);
  endSilence(core);
  state.leaderAskedUntil = 0;
  state.role = { type: "follower" };
  state.leader = leader;
  state.leaderContactAt = leader === null ? null : state.now;
  resetElectionDeadline(core);
  if (followsAnew) trace(core, { type: "follows", term, leader });
}

/** Whoever asked a leader that no longer is one must ask again elsewhere. */
function abandonLeadership(core: Core, leader: LeaderState): void {
  if (leader.transfer && !leader.transfer.sent)
    trace(core, { type: "transfer-aborted", to: leader.transfer.to });
  for (const read of leader.reads) refuseRead(core, read);
  leader.reads = [];
}

export function refuseRead(core: Core, read: Pick<PendingRead, "readId" | "from">): void {
  answerRead(core, read, null);
}

export function answerRead(
  core: Core,
  read: Pick<PendingRead, "readId" | "from">,
  readIndex: LogIndex | null,
): void {
  const { settings, state, out } = core;
  if (read.from === null) {
    out.reads.push({ readId: read.readId, readIndex });
    return;
  }
  reply(core, {
    type: "ReadIndexResponse",
    from: settings.id,
    to: read.from,
    term: state.term,
    readId: read.readId,
    readIndex,
  });
}

/** Term and vote as they would be found after a crash now. */
export function hardStateIsDurable(state: RaftState): boolean {
  return !state.hardStateDirty && !state.issued.some((persist) => persist.hardState);
}

/**
 * Sends an answer that depends on term and vote, and on the log up to `needs`: at once when all of it is durable,
 * after the write otherwise (paper Figure 2: update stable storage before responding).
 */
export function reply(core: Core, message: OutgoingMessage, needs: LogIndex = 0): void {
  const { state, out } = core;
  const durable = hardStateIsDurable(state) && needs <= state.log.durableIndex;
  (durable ? out.send : out.sendAfter).push(message);
}

/** May this node ask for votes: it is a named voter, a majority has names, and its disk answers. */
export function isPromotable(core: Core): boolean {
  const configuration = configurationOf(core.state);
  if (configuration === null || core.state.stalled) return false;
  const self = findMember(configuration, core.settings.id);
  return self !== undefined && self.storeId === core.settings.storeId && canReachQuorum(configuration);
}

export function addEntry(core: Core, entry: Entry): void {
  const { state } = core;
  appendEntry(state.log, entry);
  state.unpersisted.push(entry);
  if (state.role.type === "leader") state.role.uncommittedBytes += entry.size;
  if (entry.kind !== "configuration") return;
  const { configuration } = entry;
  invariant(configuration !== undefined, "configuration entries carry one", () => `index ${entry.index}`);
  state.configurations.push({ index: entry.index, configuration });
  trace(core, { type: "configuration", index: entry.index, configuration });
}

/** An entry of this leader's own term. */
export function createEntry(
  core: Core,
  kind: EntryKind,
  size: number,
  rest: { configuration?: Configuration; data?: unknown } = {},
): Entry {
  return { index: core.state.log.lastIndex + 1, term: core.state.term, kind, size, ...rest };
}

/** Removes a conflicting suffix; nothing that was committed may be in it. */
export function truncateLog(core: Core, from: LogIndex): void {
  const { state } = core;
  invariant(
    from > state.commitIndex,
    "committed entries stay",
    () => `${from} <= commit ${state.commitIndex}`,
  );
  invariant(state.role.type !== "leader", "a leader only appends", () => `truncating at ${from}`);
  trace(core, { type: "truncated", from, last: state.log.lastIndex });
  truncateFrom(state.log, from);
  state.unpersisted = state.unpersisted.filter((entry) => entry.index < from);
  while ((state.configurations.at(-1)?.index ?? 0) >= from) state.configurations.pop();
}

export function commitTo(core: Core, index: LogIndex): void {
  const { state } = core;
  if (index <= state.commitIndex) return;
  invariant(index <= state.log.lastIndex, "only what is in the log commits", () => `${index}`);
  trace(core, { type: "committed", index, previous: state.commitIndex });
  state.commitIndex = index;
  // Only the newest committed configuration can be gone back to.
  while (state.configurations.length > 1 && (state.configurations[1]?.index ?? index + 1) <= index) {
    state.configurations.shift();
  }
}

/**
 * A write has become durable. The log is durable as far as that write went, but not beyond the point where a later
 * write, still under way, replaces it: an overtaken write says nothing of the later content.
 */
export function recordPersisted(core: Core, number: number): void {
  const { state } = core;
  let durable = state.log.durableIndex;
  while (state.issued.length > 0 && (state.issued[0] as IssuedPersist).number <= number) {
    const persist = state.issued.shift() as IssuedPersist;
    if (persist.first > 0) durable = persist.last;
  }
  for (const persist of state.issued) if (persist.first > 0) durable = Math.min(durable, persist.first - 1);
  const [next] = state.unpersisted;
  if (next) durable = Math.min(durable, next.index - 1);
  state.log.durableIndex = durable;
  state.stalled = false;
}

export function hardState(state: RaftState): HardState {
  return { term: state.term, votedFor: state.votedFor };
}
