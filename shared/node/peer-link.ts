import type { AppendEntries } from "../raft/types.ts";
import type { NodeMessage } from "./wire.ts";

/**
 * What is on its way to one peer. Two lanes, each with one call under way at most: entries on one, all else on the
 * other, so that a heartbeat or a vote never waits behind a slow disk. Answers to a call of the peer ride in its
 * reply while that is open.
 */
export type Lane = "entries" | "control";

export interface ReplySlot {
  readonly lane: Lane;
  readonly messages: NodeMessage[];
  /** The reply waits for this write; 0 when it waits for none. */
  waitsFor: number;
  /** When it is sent whatever it waits for. */
  readonly deadline: number;
  readonly send: (messages: readonly NodeMessage[]) => void;
}

export class PeerLink {
  readonly #queues: Record<Lane, NodeMessage[]> = { entries: [], control: [] };
  readonly #underWay: Record<Lane, boolean> = { entries: false, control: false };
  readonly #slots: ReplySlot[] = [];

  /**
   * Puts a message on its lane; a newer one of a kind that tells everything takes the older one's place. `afterWrite`:
   * it has waited for the disk, as the replies that are held for it have.
   */
  add(message: NodeMessage, afterWrite: boolean): void {
    if (isAnswer(message) && this.#answer(message, afterWrite)) return;
    const queue = this.#queues[laneOf(message)];
    if (message.type === "AppendEntries" && message.entries.length > 0) dropRepeated(queue, message);
    if (isSuperseding(message)) {
      const older = queue.findIndex((queued) => queued.type === message.type && isSuperseding(queued));
      if (older >= 0) queue.splice(older, 1);
    }
    queue.push(message);
  }

  /** Takes the next batch of an idle lane, bounded in size; its call is under way until `finish`. */
  take(lane: Lane): readonly NodeMessage[] {
    const queue = this.#queues[lane];
    if (this.#underWay[lane] || queue.length === 0) return [];
    let count = 0;
    let bytes = 0;
    for (const message of queue) {
      bytes += payloadBytes(message);
      if (count > 0 && bytes > batchBytes) break;
      count++;
    }
    this.#underWay[lane] = true;
    return queue.splice(0, count);
  }

  /** Whether `take` would take something. */
  isWaiting(lane: Lane): boolean {
    return !this.#underWay[lane] && this.#queues[lane].length > 0;
  }

  isIdle(lane: Lane): boolean {
    return !this.#underWay[lane] && this.#queues[lane].length === 0;
  }

  get isEmpty(): boolean {
    return this.isIdle("entries") && this.isIdle("control") && this.#slots.length === 0;
  }

  finish(lane: Lane): void {
    this.#underWay[lane] = false;
  }

  open(slot: ReplySlot): void {
    this.#slots.push(slot);
  }

  get slots(): readonly ReplySlot[] {
    return this.#slots;
  }

  close(slot: ReplySlot): void {
    const position = this.#slots.indexOf(slot);
    if (position < 0) return;
    this.#slots.splice(position, 1);
    slot.send(slot.messages);
  }

  /** Puts an answer into an open reply: one that is held if it was waited for, one that leaves now otherwise. */
  #answer(message: NodeMessage, afterWrite: boolean): boolean {
    const slot =
      this.#slots.find(({ waitsFor, lane }) => waitsFor > 0 === afterWrite && lane === answerLane(message)) ??
      this.#slots.find(({ waitsFor }) => waitsFor > 0 === afterWrite);
    slot?.messages.push(message);
    return slot !== undefined;
  }
}

/** Payloads of one call. In JSON a byte may become six, and a call's body is at most 16 MiB. */
const batchBytes = 2 << 20;

function payloadBytes(message: NodeMessage): number {
  if (message.type === "AppendEntries") return message.entries.reduce((sum, { size }) => sum + size, 0);
  if (message.type === "Forward") return message.commands.reduce((sum, { bytes }) => sum + bytes.length, 0);
  return 0;
}

/** A leader that starts again from an index has given up what waits here from that index on. */
function dropRepeated(queue: NodeMessage[], { prevLogIndex }: AppendEntries): void {
  for (let at = queue.length - 1; at >= 0; at--) {
    const queued = queue[at];
    if (queued?.type === "AppendEntries" && queued.prevLogIndex >= prevLogIndex) queue.splice(at, 1);
  }
}

function isAnswer({ type }: NodeMessage): boolean {
  return (
    type === "AppendEntriesResponse" ||
    type === "RequestVoteResponse" ||
    type === "ReadIndexResponse" ||
    type === "ForwardResponse"
  );
}

function laneOf(message: NodeMessage): Lane {
  return message.type === "AppendEntries" && message.entries.length > 0 ? "entries" : "control";
}

function answerLane({ type }: NodeMessage): Lane {
  return type === "AppendEntriesResponse" ? "entries" : "control";
}

/** A heartbeat or a request for votes says all that an older one of its kind said. */
function isSuperseding(message: NodeMessage): boolean {
  if (message.type === "AppendEntries") return message.entries.length === 0;
  return message.type === "RequestVote";
}
