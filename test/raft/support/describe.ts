import type { Entry, Message, Persist, RaftTrace } from "../../../shared/raft/types.ts";

/** One line for everything that goes in or comes out of a core, the same in every script. */

const at = (index: number, term: number) => (index === 0 ? "0" : `${index}@${term}`);

export function describeEntries(entries: readonly Entry[]): string {
  return entries.map(({ index, term, kind }) => at(index, term) + mark(kind)).join(" ");
}

/** Commands stand plain; c is a configuration, n the entry that opens a term. */
function mark(kind: Entry["kind"]): string {
  return kind === "command" ? "" : kind === "noop" ? "n" : "c";
}

export function describeMessage(message: Message): string {
  return `${message.from}>${message.to} ${describeBody(message)}`;
}

function describeBody(message: Message): string {
  switch (message.type) {
    case "RequestVote": {
      const kind = message.preVote ? "pre-vote?" : message.leadershipTransfer ? "vote(transfer)?" : "vote?";
      const low = message.lowPriority ? " low" : "";
      return `${kind} term ${message.term} log ${at(message.lastLogIndex, message.lastLogTerm)}${low}`;
    }
    case "RequestVoteResponse": {
      const answer = message.voteGranted ? "yes" : "no";
      const own = message.term === message.requestTerm ? "" : ` (own term ${message.term})`;
      return `${message.preVote ? "pre-vote" : "vote"} ${answer} term ${message.requestTerm}${own}`;
    }
    case "AppendEntries": {
      const { entries } = message;
      const what = entries.length === 0 ? "" : ` entries ${describeEntries(entries)}`;
      const prev = at(message.prevLogIndex, message.prevLogTerm);
      const asks = message.quiesce ? " quiesce" : "";
      return `append term ${message.term} prev ${prev}${what} commit ${message.leaderCommit} round ${message.round}${asks}`;
    }
    case "AppendEntriesResponse":
      return message.success
        ? `ack term ${message.term} match ${message.matchIndex} round ${message.round}${message.quiet ? " quiet" : ""}${message.lowPriority ? " low" : ""}`
        : `reject term ${message.term} prev ${message.prevLogIndex} hint ${at(message.conflictIndex, message.conflictTerm)} round ${message.round}`;
    case "TimeoutNow":
      return `timeout-now term ${message.term}`;
    case "ReadIndex":
      return `read? ${message.readId}`;
    case "ReadIndexResponse":
      return `read ${message.readId} ${message.readIndex === null ? "refused" : `at ${message.readIndex}`}`;
  }
}

/** The words by which a script picks a message out of the queue. */
export function messageKind(message: Message): string {
  return describeBody(message).split(/[ ?(]/, 1)[0] as string;
}

export function describePersist(persist: Persist): string {
  const { hardState, entries } = persist;
  const hard = hardState ? ` term ${hardState.term} vote ${hardState.votedFor ?? "-"}` : "";
  const log = entries.length > 0 ? ` entries ${describeEntries(entries)}` : "";
  return `writes #${persist.number}${hard}${log}`;
}

export function describeTrace(event: RaftTrace): string {
  switch (event.type) {
    case "pre-candidate":
    case "candidate":
      return `${event.type} for term ${event.term} (${event.cause})`;
    case "vote-received":
      return `has ${event.preVote ? "pre-vote" : "vote"} of ${event.from} for term ${event.term}`;
    case "vote-granted":
      return `grants ${event.preVote ? "pre-vote" : "vote"} to ${event.to} for term ${event.term}`;
    case "vote-refused":
      return `refuses ${event.preVote ? "pre-vote" : "vote"} to ${event.to} for term ${event.term}: ${event.reason}`;
    case "leader":
      return `leads term ${event.term}`;
    case "follows":
      return `follows ${event.leader} in term ${event.term}`;
    case "term":
      return `term ${event.term}`;
    case "stepped-down":
      return `steps down in term ${event.term}: ${event.cause}`;
    case "appended":
      return `appends ${event.first}..${event.last}`;
    case "truncated":
      return `truncates ${event.from}..${event.last}`;
    case "committed":
      return `commits ${event.previous + 1}..${event.index}`;
    case "configuration": {
      const slots = event.configuration.slots.map((slot) => slot.id ?? "_").join(" ");
      return `configuration ${event.index}: ${slots}`;
    }
    case "transfer-started":
      return `hands over to ${event.to}`;
    case "transfer-aborted":
      return `gives up handing over to ${event.to}`;
    case "peer-lost":
      return `lost ${event.peer}`;
    case "late-wake":
      return `woke ${Math.round(event.lateMs)} ms late`;
    case "quiet":
      return `is quiet in term ${event.term}, led by ${event.leader}`;
    case "awake":
      return `is awake in term ${event.term}`;
  }
}
