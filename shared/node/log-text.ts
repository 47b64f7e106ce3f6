import { printable } from "../printable.ts";
import type { StepDownCause } from "../raft/types.ts";
import type { NodeEvent } from "./events.ts";

/** An event as a person reads it. */
export interface LogText {
  readonly text: string;
  /** Shown with `--verbose` only. */
  readonly verbose: boolean;
}

/** The two that come with every group of entries, and are details whatever they hold: no text need be made of them. */
export function isFrequentDetail({ type }: NodeEvent["trace"]): boolean {
  return type === "appended" || type === "committed";
}

/** A command may be a megabyte long; a line of log may not. */
const LONGEST_COMMAND = 1000;

const STEP_DOWN_CAUSES: Readonly<Record<StepDownCause, string>> = {
  "higher-term": "a higher term was seen",
  "no-quorum": "no majority answers",
  "storage-stalled": "the disk does not answer",
  removed: "it was removed",
};

/**
 * The line for one event at node `id`. The lab's words to the letter where the lab has a line for it; what a pre-vote
 * does never reads like an election.
 */
export function logText(id: string, trace: NodeEvent["trace"]): LogText {
  const node = `[Node ${id}]`;
  const leader = `[Leader ${id}]`;
  switch (trace.type) {
    case "started":
      return shown(`${node} Started${portsText(trace)}`);
    case "stopping":
      return detail(`${node} Stopping`);
    case "stopped":
      return shown(`${node} Stopped`);
    case "candidate":
      return shown(`${node} Timeout → Candidate (term ${trace.term})`);
    case "pre-candidate":
      return detail(`${node} Asks whether an election would succeed (term ${trace.term}, ${trace.cause})`);
    case "vote-received":
      if (trace.preVote) return detail(`${node} ${trace.from} would vote for it (term ${trace.term})`);
      return shown(`${node} Vote received from ${trace.from}`);
    case "vote-granted":
      return detail(`${node} ${trace.preVote ? "Would vote" : "Votes"} for ${trace.to} (term ${trace.term})`);
    case "vote-refused":
      return detail(
        `${node} ${trace.preVote ? "Would not vote" : "Does not vote"} for ${trace.to} (term ${trace.term}, ${trace.reason})`,
      );
    case "leader":
      return shown(`${node} Became Leader (term ${trace.term})`);
    case "follows":
      return shown(`${node} Follows ${trace.leader} (term ${trace.term})`);
    case "term":
      return detail(`${node} Term ${trace.term}`);
    case "stepped-down":
      return shown(`${node} Stepped down: ${STEP_DOWN_CAUSES[trace.cause]} (term ${trace.term})`);
    case "transfer-started":
      return shown(`${leader} Hands over to ${trace.to}`);
    case "transfer-aborted":
      return shown(`${leader} Gave up handing over to ${trace.to}`);
    case "peer-lost":
      return shown(`${node} Lost its leader ${trace.peer}`);
    case "late-wake":
      return shown(`${node} Woke up ${Math.round(trace.lateMs)} ms late`);
    case "quiet":
      return shown(`${node} Quiet until it is needed (term ${trace.term})`);
    case "awake":
      return shown(`${node} Awake (term ${trace.term})`);
    case "truncated":
      return shown(
        `${node} Dropped uncommitted entries that conflict (Raft index ${trace.from} to ${trace.last})`,
      );
    case "configuration": {
      const names = trace.configuration.slots.map((slot) => slot.id ?? `(${slot.address})`);
      return detail(`${node} Members ${names.join(" ")} (Raft index ${trace.index})`);
    }
    case "appended":
      return detail(`${node} Log has Raft index ${trace.first} to ${trace.last} (term ${trace.term})`);
    case "committed":
      return detail(`${node} Commit reaches Raft index ${trace.index}`);
    case "entry-appended": {
      const cmd = shorten(trace.cmd);
      if (trace.leader) return shown(`${leader} Append log entry ${cmd}`);
      return shown(`${node} Append log ${JSON.stringify({ term: trace.term, cmd })}`);
    }
    case "entry-committed": {
      // The lab's followers say nothing here: their line is the one that follows at once, "Apply".
      const line = `${trace.leader ? leader : node} Entry committed (index=${trace.ordinal})`;
      return trace.leader ? shown(line) : detail(line);
    }
    case "entry-applied":
      return shown(`${node} Apply → ${shorten(trace.cmd)}`);
    case "recording":
    case "refused":
      return shown(`${node} ${trace.message}`);
  }
}

/** `cmd` short enough for a line. */
export function shorten(cmd: string): string {
  return cmd.length <= LONGEST_COMMAND ? cmd : `${cmd.slice(0, LONGEST_COMMAND)}… (${cmd.length} characters)`;
}

function shown(text: string): LogText {
  return { text: printable(text), verbose: false };
}

function detail(text: string): LogText {
  return { text: printable(text), verbose: true };
}

function portsText({ port, clientPort }: Extract<NodeEvent["trace"], { readonly type: "started" }>): string {
  if (port === null) return "";
  return ` on port ${port}${clientPort === undefined ? "" : `, for clients on port ${clientPort}`}`;
}
