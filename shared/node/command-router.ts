import type { RaftLiteError } from "../errors.ts";
import type { Raft } from "../raft/raft.ts";
import type { LogIndex, NodeId, Term } from "../raft/types.ts";
import type { Origin, Payload } from "../storage/entry.ts";
import type { Applier } from "./applier.ts";
import type { ClientReads } from "./client-reads.ts";
import type { Commands } from "./commands.ts";
import type { Exchanges } from "./exchanges.ts";
import type { LogTail } from "./log-tail.ts";
import { deposedError, overloadedError } from "./refusals.ts";
import { UnappliedCommands } from "./unapplied-commands.ts";
import type { Waits } from "./waits.ts";
import type { Forward, ForwardResult } from "./wire.ts";

/** What the router works with; all of it belongs to the node. */
export interface RouterParts {
  readonly raft: Raft;
  readonly tail: LogTail;
  readonly applier: Applier;
  readonly commands: Commands;
  readonly reads: ClientReads;
  readonly waits: Waits;
  readonly exchanges: Exchanges;
  /** Time for a new entry, milliseconds since the epoch. */
  readonly entryTime: () => number;
  readonly addressOf: (id: NodeId) => string | null;
}

type Proposed =
  | { readonly outcome: "appended"; readonly index: LogIndex; readonly term: number }
  | { readonly outcome: "applied" }
  | { readonly outcome: "refused"; readonly reason: string };

/**
 * Brings commands and reads to whoever leads: into the own log, or to another node's. A leader takes a command in once,
 * by whichever way and however often it comes.
 */
export class CommandRouter {
  readonly #parts: RouterParts;
  #noticed: { readonly term: Term; readonly leader: NodeId | null; readonly leads: boolean } | null = null;
  #served: { readonly term: Term; readonly leader: NodeId } = { term: 0, leader: "" };
  /** Commands in the log that are not applied yet, at a leader: one that comes again is not appended again. */
  #unapplied: UnappliedCommands | null = null;
  /** The newest forward taken in from each node, so that a late copy is not taken in again. */
  readonly #forwards = new Map<NodeId, { readonly boot: number; readonly call: number }>();

  constructor(parts: RouterParts) {
    this.#parts = parts;
  }

  /** The newest leader that was known here: what clients are answered came by it. */
  get served(): { readonly term: Term; readonly leader: NodeId } {
    return this.#served;
  }

  /** To be called before anything is routed: a new leader, or a new term, changes where things go. */
  noticeLeader(): void {
    const { raft, tail, applier, commands, reads, waits } = this.#parts;
    const { role, term, leader } = raft;
    const leads = role === "Leader";
    const known = this.#noticed;
    if (known !== null && known.term === term && known.leader === leader && known.leads === leads) return;
    this.#noticed = { term, leader, leads };
    if (leader !== null) this.#served = { term, leader };
    commands.recordLeaderChange();
    reads.recordLeaderChange();
    waits.endAll("leader-change");
    this.#unapplied = null;
    if (role !== "Leader") return;
    this.#unapplied = new UnappliedCommands();
    // What took effect in an earlier run is not looked through: applying drops what comes again.
    for (const entry of tail.range(Math.max(applier.applied, applier.told) + 1, tail.lastIndex)) {
      if (entry.data.origin) this.#unapplied.add(entry.data.origin, entry.index);
    }
  }

  /** Hands on what clients of this node wait for. */
  route(now: number): void {
    const { raft, commands, reads, exchanges, addressOf } = this.#parts;
    const { role, leader } = raft;
    if (reads.hasWaiting && leader !== null) raft.step({ type: "read", readId: reads.start(now) }, now);
    if (!commands.hasUnsent || now < commands.holdUntil) return;
    if (role === "Leader") {
      this.#proposeOwn(now);
      return;
    }
    commands.rejectStaying(
      (outcome): RaftLiteError => deposedError(outcome, leader, leader && addressOf(leader)),
    );
    // One call at a time: what comes meanwhile goes with the next.
    if (leader === null || !exchanges.isIdle(leader)) return;
    const batch = commands.takeUnsent(raft.settings.maxMessageBytes);
    if (batch.length > 0) exchanges.post(commands.forward(batch, leader, now), false);
  }

  #proposeOwn(now: number): void {
    const { commands } = this.#parts;
    for (const pending of commands.takeUnsent(Number.POSITIVE_INFINITY)) {
      const result = this.#propose(commands.origin(pending), pending, now);
      // What was applied already has been answered then.
      if (result.outcome === "applied") continue;
      if (result.outcome === "appended") {
        commands.recordProposed(pending, result.index, result.term);
      } else if (result.reason === "overloaded" && !pending.proposed && pending.openCalls.size === 0) {
        commands.reject(pending, overloadedError(commands.count));
      } else {
        commands.putBack(pending, now);
      }
    }
  }

  /** Another node's commands. Each is answered with what became of it. */
  takeForward({ from, to, boot, call, commands }: Forward, now: number): void {
    const newest = this.#forwards.get(from);
    if (newest && (newest.boot > boot || (newest.boot === boot && newest.call >= call))) return;
    this.#forwards.set(from, { boot, call });
    this.noticeLeader();
    const results: ForwardResult[] = commands.map(({ sequence, floor, schema, bytes }) => {
      return { sequence, ...this.#propose({ node: from, boot, sequence, floor }, { schema, bytes }, now) };
    });
    this.#parts.exchanges.post({ type: "ForwardResponse", from: to, to: from, boot, call, results }, false);
  }

  /** Appends a command unless it is in the log already. */
  #propose(origin: Origin, { schema, bytes }: Pick<Payload, "schema" | "bytes">, now: number): Proposed {
    const { raft, applier, entryTime } = this.#parts;
    if (this.#unapplied === null) return { outcome: "refused", reason: "not-leader" };
    if (applier.sessions.has(origin)) return { outcome: "applied" };
    const known = this.#unapplied.indexOf(origin);
    if (known !== undefined) return { outcome: "appended", index: known, term: raft.term };
    const data: Payload = { time: entryTime(), origin, schema, bytes };
    const awaitedBy = origin.node === raft.settings.id ? {} : { awaitedBy: origin.node };
    const proposals = [{ size: bytes.length, data }];
    const result = raft.step({ type: "propose", proposals, ...awaitedBy }, now);
    if (!result.accepted) return { outcome: "refused", reason: result.reason };
    this.#unapplied.add(origin, result.first);
    return { outcome: "appended", index: result.first, term: result.term };
  }

  /** Everything the applier has applied by now needs no watching any more. */
  noticeApplied(): void {
    const { applier, commands } = this.#parts;
    this.#unapplied?.release(applier.applied);
    commands.recordApplied(applier.applied, applier.appliedTerm);
  }
}
