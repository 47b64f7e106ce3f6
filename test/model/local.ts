import type { Raft } from "../../shared/raft/raft.ts";
import type { Entry, Message, NodeId, OutgoingMessage, Persist, RaftEvent } from "../../shared/raft/types.ts";
import type { Image } from "../raft/support/disk.ts";
import { restoredFrom, written } from "../raft/support/disk.ts";
import { configurationEntry, configurationOf, settingsFor } from "../raft/support/settings.ts";

/** The core under examination: the shipping one, or a mutant of it. */
export type Core = typeof Raft;

export const ids: readonly NodeId[] = ["A", "B", "C"];
export const quorum = 2;

/** No chance is drawn: a timeout is as long as it is, and which comes first is what the explorer tries out. */
const settings = { electionTimeoutMinMs: 500, electionTimeoutMaxMs: 500 };
const timeoutMs = 500;

/** One node with its disk, as a value: every event makes another. */
export interface Local {
  readonly id: NodeId;
  readonly core: Raft;
  readonly now: number;
  readonly deadline: number;
  readonly log: readonly Entry[];
  readonly image: Image;
  /** Writes under way, oldest first. */
  readonly pending: readonly Persist[];
  /** Messages that wait for so many of the writes under way. */
  readonly held: readonly { readonly writes: number; readonly message: Message }[];
}

export interface Outcome {
  readonly local: Local;
  readonly sent: readonly Message[];
}

/** How a node stands at the beginning. The first entry, of term 1, is the configuration. */
export interface Opening {
  readonly term: number;
  readonly votedFor: NodeId | null;
  readonly log: readonly number[];
}

const first = configurationEntry(1, 1, configurationOf(ids));

export function open(core: Core, id: NodeId, opening: Opening): Local {
  const log = opening.log.map(
    (term, i): Entry => (i === 0 ? first : { index: i + 1, term, kind: "noop", size: 64 }),
  );
  const { term, votedFor } = opening;
  return started(core, id, { hardState: { term, votedFor }, log }, 1);
}

function started(Core: Core, id: NodeId, image: Image, commitIndex: number): Local {
  const core = Core.restore(settingsFor(id, settings), restoredFrom(image, commitIndex), 1, 0);
  const { deadline } = core.takeWork();
  return { id, core, now: 0, deadline, log: image.log, image, pending: [], held: [] };
}

/** Power is lost and comes back; so many of the writes under way reached the disk. */
export function crash(core: Core, local: Local, kept: number): Local {
  let { image } = local;
  for (const persist of local.pending.slice(0, kept)) image = afterWrite(image, persist);
  return started(core, local.id, image, 1);
}

function afterWrite(image: Image, persist: Persist): Image {
  return { hardState: persist.hardState ?? image.hardState, log: written(image.log, persist.entries) };
}

/** Steps the core through events of one turn and does its work. */
function turn(local: Local, now: number, ...events: readonly RaftEvent[]): Outcome {
  const core = local.core.clone();
  for (const event of events) core.step(event, now);
  const work = core.takeWork();
  const log = work.persist ? written(local.log, work.persist.entries) : local.log;
  const pending = work.persist ? [...local.pending, work.persist] : local.pending;
  const fill = (message: OutgoingMessage): Message => {
    if (message.type !== "AppendEntries") return message;
    const { range, upTo: _, ...rest } = message;
    return { ...rest, entries: log.slice(range.first - 1, range.last) };
  };
  const sent = work.send.map(fill);
  const after = work.sendAfter.map(fill);
  const next: Local = { ...local, core, now, deadline: work.deadline, log, pending };
  // Nothing to wait for: every write handed out so far is durable.
  if (pending.length === 0) return { local: next, sent: [...sent, ...after] };
  const waiting = after.map((message) => ({ writes: pending.length, message }));
  return { local: { ...next, held: [...local.held, ...waiting] }, sent };
}

/** The oldest write is done. */
export function persist(local: Local): Outcome {
  const [done, ...pending] = local.pending;
  if (done === undefined) throw new Error("no write is under way");
  const due = local.held.filter(({ writes }) => writes <= 1);
  const held = local.held.filter(({ writes }) => writes > 1);
  const after: Local = {
    ...local,
    image: afterWrite(local.image, done),
    pending,
    held: held.map(({ writes, message }) => ({ writes: writes - 1, message })),
  };
  const { local: next, sent } = turn(after, local.now, { type: "persisted", number: done.number });
  return { local: next, sent: [...due.map(({ message }) => message), ...sent] };
}

/**
 * A message arrives. A request for a vote arrives after the voter has heard no leader for long enough: that it would
 * be refused before is no state worth having.
 */
export function receive(local: Local, message: Message): Outcome {
  const silent = message.type === "RequestVote" ? timeoutMs : 0;
  return turn(local, local.now + silent, { type: "message", message });
}

/** Its deadline passes: a leader's heartbeat, another's pre-vote. A late wake is put off, and served the next time. */
export function timeout(local: Local): Outcome {
  const outcome = turn(local, Math.max(local.now, local.deadline), { type: "deadline" });
  const late = outcome.local.now - local.deadline > 100;
  return late ? turn(outcome.local, outcome.local.deadline, { type: "deadline" }) : outcome;
}

/**
 * It stands for election. Pre-votes are granted at will: they are no part of what makes Raft safe, and an answer to
 * one may be arbitrarily old.
 */
export function campaign(local: Local): Outcome {
  const asked = timeout(local).local;
  const { term } = asked.core.view();
  const grant = (from: NodeId): RaftEvent => ({
    type: "message",
    message: {
      type: "RequestVoteResponse",
      from,
      to: local.id,
      term,
      requestTerm: term + 1,
      voteGranted: true,
      preVote: true,
    },
  });
  return turn(asked, asked.now, ...ids.filter((id) => id !== local.id).map(grant));
}

export function propose(local: Local): Outcome {
  return turn(local, local.now, { type: "propose", proposals: [{ size: 0 }] });
}

export function transfer(local: Local): Outcome {
  return turn(local, local.now, { type: "transfer" });
}
