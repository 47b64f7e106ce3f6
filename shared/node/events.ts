import type { LogIndex, NodeId, RaftTrace, Term } from "../raft/types.ts";

/**
 * What happened at one node, typed: the log lines are drawn from these, and so can be traces, metrics and pictures.
 * The core reports positions and ranges; what follows here is what only the node knows: commands and peers.
 */
export type NodeTrace =
  /** The node answers; `port` is null where it has none of its own, `clientPort` given where clients have another. */
  | { readonly type: "started"; readonly port: number | null; readonly clientPort?: number }
  | { readonly type: "stopping" }
  | { readonly type: "stopped" }
  /**
   * A client's command entered this node's log. `cmd` may be a getter: it is read only when it is shown, so that
   * nobody describes a hundred thousand commands a second for nobody to read.
   */
  | {
      readonly type: "entry-appended";
      readonly leader: boolean;
      readonly term: Term;
      readonly ordinal: number;
      readonly cmd: string;
    }
  /** A client's command is known to be committed. `ordinal` is what users see as its index. */
  | {
      readonly type: "entry-committed";
      readonly leader: boolean;
      readonly ordinal: number;
      readonly index: LogIndex;
    }
  /** A client's command was applied. `cmd` as above. */
  | { readonly type: "entry-applied"; readonly ordinal: number; readonly cmd: string }
  /** Something about the node's own recording, for people: it stopped, or goes on. */
  | { readonly type: "recording"; readonly message: string }
  /**
   * This node refuses a peer, or is refused by it: another cluster, a list of another length, a wiped directory.
   * `peer` or `address` is null where it is not known. Reported as often as it happens; whoever prints thins it out.
   */
  | {
      readonly type: "refused";
      readonly peer: NodeId | null;
      readonly address: string | null;
      readonly code: string;
      /** One line, complete without the rest. */
      readonly message: string;
    };

export type NodeEvent = {
  /** When, in the host's clock (`Clock.now`). */
  readonly now: number;
  readonly trace: RaftTrace | NodeTrace;
};

/** What happens to a client's command at one node. */
export type EntryStep = "appended" | "committed" | "applied";

/**
 * Asked before commands are reported one by one: `count` of them, up to `ordinal`, at the present leader or elsewhere.
 * Whoever only counts them answers true, and no events are made: at a hundred thousand a second that is worth it.
 */
export type EntryCounter = (
  step: EntryStep,
  count: number,
  ordinal: number,
  leader: boolean,
  now: number,
) => boolean;

/** Where a node reports what happens. Called on the node's own path: quick, and never throws. */
export type NodeEventSink = (event: NodeEvent) => void;
