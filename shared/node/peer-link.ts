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
    if (isSuperseding(message)) {
      const older = queue.findIndex((queued) => queued.type === message.type && isSuperseding(queued));
      if (older >= 0) queue.splice(older, 1);
    }
    queue.push(message);
  }

  /** Takes the next batch of an idle lane; its call is under way until `finish`. */
  take(lane: Lane): readonly NodeMessage[] {
    if (this.#underWay[lane] || this.#queues[lane].length === 0) return [];
    const batch = this.#queues[lane];
    this.#queues[lane] = [];
    this.#underWay[lane] = true;
    return batch;
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
