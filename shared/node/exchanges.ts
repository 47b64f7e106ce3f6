import { RaftLiteError } from "../errors.ts";
import { problemText } from "../problem-text.ts";
import type { NodeId } from "../raft/types.ts";
import type { ExchangeReply } from "./api.ts";
import { Dialing } from "./dialing.ts";
import type { PeerDirectory } from "./peer-directory.ts";
import type { Lane, ReplySlot } from "./peer-link.ts";
import { PeerLink } from "./peer-link.ts";
import type { Refusal } from "./peer-refusals.ts";
import type { ExchangeBody, Host, TransportReply } from "./ports.ts";
import { TransportError } from "./ports.ts";
import type {
  ExchangeHead,
  ExchangeRequest,
  ExchangeResponse,
  Introduction,
  NodeMessage,
  RequestHead,
} from "./wire.ts";
import { decodeRequest, decodeResponse, encodeExchange, parseObject } from "./wire.ts";
import { KnownHeads, packExchange, unpackRequest, unpackResponse } from "./wire-packed.ts";

/** What exchanges tell the node loop. Called from any place; the loop queues. */
export interface ExchangeSink {
  deliver(message: NodeMessage): void;
  /** A call ended without a usable reply. `neverArrived`: nobody listened, so nothing of it was taken in. */
  callFailed(peer: NodeId, messages: readonly NodeMessage[], neverArrived: boolean): void;
  refused(peer: NodeId | null, address: string | null, refusal: Refusal): void;
  /** Somebody was found, or found wanting. */
  directoryChanged(): void;
  /** Somebody says who it is, and nothing else: it was started, or looks for somebody. */
  introduced(): void;
}

export interface ExchangeTimings {
  /** One call on the control lane; entries may take twice as long. */
  readonly callTimeoutMs: number;
  /** How long a reply is held for the disk. */
  readonly holdMs: number;
}

/** A link that carries less than this is too slow for large messages: their time-out grows with their size. */
const slowestBytesPerMs = 200;
/** In steps: hosts keep timers by their length, and a length for each message would be one for each timer. */
const transferStepMs = 50;

const lanes: readonly Lane[] = ["control", "entries"];

function transferMs(bytes: number): number {
  return Math.ceil(bytes / slowestBytesPerMs / transferStepMs) * transferStepMs;
}

/** The node's side of all exchanges: calls to peers, replies to theirs, and finding out who they are. */
export class Exchanges {
  readonly #directory: PeerDirectory;
  readonly #host: Host;
  readonly #sink: ExchangeSink;
  readonly #timings: ExchangeTimings;
  readonly #self: Introduction;
  readonly #links = new Map<NodeId, PeerLink>();
  readonly #dialing: Dialing;
  /** What goes before the messages of a call, by address: it hardly ever changes. */
  readonly #heads = new Map<string, { readonly of: Introduction; readonly head: RequestHead }>();
  readonly #knownRequests = new KnownHeads();
  readonly #knownReplies = new KnownHeads();
  /** Replies whose messages the loop has not worked through yet. */
  #fresh: { readonly link: PeerLink; readonly slot: ReplySlot; readonly peer: NodeId }[] = [];
  /** Messages that came by themselves. */
  #apart = 0;
  #closed = false;

  constructor(directory: PeerDirectory, host: Host, sink: ExchangeSink, timings: ExchangeTimings) {
    this.#directory = directory;
    this.#host = host;
    this.#sink = sink;
    this.#timings = timings;
    this.#self = directory.introduction();
    this.#dialing = new Dialing({
      directory,
      clock: host.clock,
      ask: (address) => this.#exchange(address, [], timings.callTimeoutMs, null, null),
      changed: () => sink.directoryChanged(),
    });
  }

  post(message: NodeMessage, afterWrite: boolean): void {
    this.#link(message.to).add(message, afterWrite);
  }

  #link(peer: NodeId): PeerLink {
    let link = this.#links.get(peer);
    if (!link) {
      link = new PeerLink();
      this.#links.set(peer, link);
    }
    return link;
  }

  /** Whether a message posted now would leave at once. */
  isIdle(peer: NodeId): boolean {
    return this.#link(peer).isIdle("control");
  }

  /** Starts a call on every lane that has something to say and none under way. */
  flush(): void {
    if (this.#closed) return;
    for (const [peer, link] of this.#links) {
      for (const lane of lanes) {
        if (link.isWaiting(lane)) this.#call(peer, link, lane, link.take(lane));
      }
    }
  }

  #call(peer: NodeId, link: PeerLink, lane: Lane, messages: readonly NodeMessage[]): void {
    const address = this.#directory.addressOf(peer);
    const end = (failed: { neverArrived: boolean } | null) => {
      link.finish(lane);
      if (failed) this.#sink.callFailed(peer, messages, failed.neverArrived);
      this.#sink.directoryChanged();
    };
    if (address === null) {
      link.finish(lane);
      this.#sink.callFailed(peer, messages, true);
      return;
    }
    const timeoutMs = this.#timings.callTimeoutMs * (lane === "entries" ? 2 : 1);
    const storeId = this.#directory.storeIdOf(peer);
    this.#exchange(address, messages, timeoutMs, storeId, peer).then(
      (taken) => end(taken ? null : { neverArrived: false }),
      (error: unknown) =>
        end({ neverArrived: error instanceof TransportError && error.failure === "refused" }),
    );
  }

  /** One call. Resolves with whether the reply was taken in; rejects when there was none. */
  #exchange(
    address: string,
    messages: readonly NodeMessage[],
    timeoutMs: number,
    toStoreId: string | null,
    peer: NodeId | null,
  ): Promise<boolean> {
    const { transport } = this.#host;
    const { discoveries } = this.#directory;
    const isPacked = transport.carriesBytes?.(address) ?? false;
    const body = encode(this.#headTo(address, toStoreId), messages, isPacked);
    return transport
      .post(address, body, timeoutMs + transferMs(body.length))
      .then((reply) => this.#takeReply(address, reply, peer, messages.length > 0, discoveries));
  }

  #headTo(address: string, toStoreId: string | null): RequestHead {
    const introduction = this.#directory.introduction();
    const known = this.#heads.get(address);
    if (known?.of === introduction && known.head.toStoreId === (toStoreId ?? undefined)) return known.head;
    const head = { ...introduction, to: address, ...(toStoreId !== null && { toStoreId }) };
    this.#heads.set(address, { of: introduction, head });
    return head;
  }

  /** Whether the reply could be taken in. `carried`: the call had messages. */
  #takeReply(
    address: string,
    { status, body }: TransportReply,
    peer: NodeId | null,
    carried: boolean,
    discoveries: number,
  ): boolean {
    if (this.#closed) return false;
    if (status !== 200) {
      this.#recordRefusedBy(address, status, body, peer, carried, discoveries);
      return false;
    }
    let response: ExchangeResponse;
    try {
      const { id } = this.#self;
      response =
        typeof body === "string" ? decodeResponse(body, id) : unpackResponse(body, id, this.#knownReplies);
    } catch (error) {
      const message = error instanceof RaftLiteError ? error.message : "its reply could not be read";
      this.#recordRefusal(peer, address, {
        code: "not-a-node",
        message: `${address} is no node of ours: ${message}`,
      });
      return false;
    }
    const refusal =
      this.#directory.recordAnswer(address, response) ??
      (peer !== null && response.id !== peer
        ? { code: "wrong-id", message: `${address} answers as node ${response.id}, not as node ${peer}` }
        : null);
    if (refusal !== null) {
      this.#sink.refused(response.id, address, refusal);
      return false;
    }
    if (this.#directory.storeIdOf(response.id) !== response.storeId) return !carried;
    for (const message of response.messages) this.#sink.deliver(message);
    return true;
  }

  #recordRefusedBy(
    address: string,
    status: number,
    body: ExchangeBody,
    peer: NodeId | null,
    carried: boolean,
    discoveries: number,
  ): void {
    // Whoever is stopping, overloaded, or not there behind a proxy refuses nobody in particular; and what is wrong
    // with one message says nothing of who sent it.
    const isAboutIdentity = status === 401 || status === 403 || !carried;
    if (status >= 500 || status === 429 || !isAboutIdentity) {
      this.#directory.recordSilence(address, discoveries);
      return;
    }
    let code = `status-${status}`;
    let detail = `it answered with status ${status}`;
    try {
      const fields = parseObject(body as string);
      code = fields.textOr("code", code);
      detail = fields.textOr("detail", detail);
    } catch {
      // Not a node, or something in between: the status is all there is to say.
    }
    this.#recordRefusal(peer, address, { code, message: `${address} refuses this node: ${detail}` });
  }

  #recordRefusal(peer: NodeId | null, address: string, refusal: Refusal): void {
    this.#directory.recordRefusedBy(address, refusal);
    this.#sink.refused(peer, address, refusal);
  }

  /** Asks who is where, where that is not known; see `askAt`. */
  dial(now: number): void {
    if (!this.#closed) this.#dialing.dial(now);
  }

  /** When an address is to be asked next. */
  get askAt(): number {
    return this.#dialing.nextAt;
  }

  /** When a reply that is held has to leave. */
  get replyAt(): number {
    let replyAt = Number.POSITIVE_INFINITY;
    for (const link of this.#links.values()) {
      for (const slot of link.slots) replyAt = Math.min(replyAt, slot.deadline);
    }
    return replyAt;
  }

  // ---- calls of peers ----

  receive(body: ExchangeBody): Promise<ExchangeReply> {
    const isPacked = typeof body !== "string";
    let request: ExchangeRequest;
    try {
      request = isPacked
        ? unpackRequest(body, this.#self.id, this.#knownRequests)
        : decodeRequest(body, this.#self.id);
    } catch (error) {
      return Promise.resolve(problemReply(error));
    }
    const refusal = this.#wrongStore(request) ?? this.#directory.refusalOf(request, null);
    if (refusal !== null) {
      this.#sink.refused(request.id, null, refusal);
      return Promise.resolve(problemReply(new RaftLiteError(refusal.code, refusal.message, { status: 403 })));
    }
    if (request.id === this.#self.id) return Promise.resolve(this.#reply([], null, isPacked));
    this.#directory.adopt(request);
    this.#directory.recordCall(request, request.to);
    // A stranger that will never be let in may knock for as long as it likes.
    if (request.messages.length === 0 && this.#directory.concerns(request)) this.#sink.introduced();
    if (!this.#directory.hears(request)) {
      this.#dialing.askSoon();
      return Promise.resolve(this.#reply([], null, isPacked));
    }
    if (request.messages.length === 0) return Promise.resolve(this.#reply([], request.id, isPacked));
    return this.converse(request.id, request.messages, (messages) =>
      this.#reply(messages, request.id, isPacked),
    );
  }

  /** A caller that expects another data directory here: this one was wiped, or stands at the wrong address. */
  #wrongStore({ id, toStoreId }: ExchangeRequest): Refusal | null {
    if (toStoreId === undefined || toStoreId === this.#self.storeId) return null;
    return {
      code: "wrong-store",
      message:
        `node ${id} knows this node, ${this.#self.id}, with another data directory: it was wiped or replaced; ` +
        "bring it back with its own data, or under a new id",
    };
  }

  /** Takes in messages and answers with what the loop has to say to them, once what that promises is durable. */
  converse<Reply>(
    peer: NodeId,
    messages: readonly NodeMessage[],
    answer: (messages: readonly NodeMessage[]) => Reply,
  ): Promise<Reply> {
    return new Promise((resolve) => {
      const link = this.#link(peer);
      const carriesEntries = messages.some((one) => one.type === "AppendEntries" && one.entries.length > 0);
      const slot: ReplySlot = {
        lane: carriesEntries ? "entries" : "control",
        messages: [],
        waitsFor: 0,
        deadline: this.#host.clock.now() + this.#timings.holdMs,
        send: (answers) => resolve(answer(answers)),
      };
      link.open(slot);
      this.#fresh.push({ link, slot, peer });
      for (const message of messages) if (this.#directory.founds(message)) this.#sink.deliver(message);
    });
  }

  /**
   * The same for one message that came by itself, from anybody in the name of the member that it names: it gets a
   * return address of its own, so that an answer to it is never mixed up with one to that member.
   */
  converseApart<Reply>(
    message: NodeMessage,
    answer: (messages: readonly NodeMessage[]) => Reply,
  ): Promise<Reply> {
    const from = `${message.from}#${++this.#apart}`;
    // What is not answered is taken by its sender's word alone.
    return this.converse(from, [message.type === "TimeoutNow" ? message : { ...message, from }], answer);
  }

  /**
   * The loop has worked through everything that was delivered: replies leave, unless an answer to their caller waits
   * for the write of that number.
   */
  endTurn(waiting: readonly NodeMessage[], writeNumber: number): void {
    const fresh = this.#fresh;
    if (fresh.length === 0) return;
    this.#fresh = [];
    for (const { link, slot, peer } of fresh) {
      if (waiting.length === 0) {
        link.close(slot);
        continue;
      }
      const isMine = (message: NodeMessage) => {
        if (message.to !== peer) return false;
        if (message.type !== "AppendEntriesResponse") return slot.lane === "control";
        return (
          slot.lane === "entries" || !fresh.some((one) => one.peer === peer && one.slot.lane === "entries")
        );
      };
      if (waiting.some(isMine)) slot.waitsFor = writeNumber;
      else link.close(slot);
    }
  }

  /** Sends the replies that waited for a write up to `written`, and those that have waited long enough. */
  settle(written: number, now: number): void {
    for (const link of this.#links.values()) {
      if (link.slots.length === 0) continue;
      for (const slot of [...link.slots]) {
        if (slot.waitsFor <= written || slot.deadline <= now) link.close(slot);
      }
    }
    this.#forgetStrangers();
  }

  /** Whoever knows the cluster's id may call under any id; nothing of it is kept. */
  #forgetStrangers(): void {
    for (const [peer, link] of this.#links) {
      if (link.isEmpty && !this.#directory.isMember(peer)) this.#links.delete(peer);
    }
  }

  /** Ends all conversations: open replies leave empty, nothing is sent any more. */
  close(): void {
    this.#closed = true;
    for (const link of this.#links.values()) for (const slot of [...link.slots]) link.close(slot);
    this.#fresh = [];
  }

  #reply(messages: readonly NodeMessage[], peer: NodeId | null, isPacked: boolean): ExchangeReply {
    return { status: 200, body: encode(this.#directory.introduction(), messages, isPacked), peer };
  }
}

function encode(head: ExchangeHead, messages: readonly NodeMessage[], isPacked: boolean): ExchangeBody {
  return isPacked ? packExchange(head, messages) : encodeExchange({ ...head, messages });
}

/** An error as the problem+json that a caller's node, or a person with curl, can read. */
export function problemReply(error: unknown): ExchangeReply {
  const known =
    error instanceof RaftLiteError
      ? error
      : new RaftLiteError("internal", "the request could not be handled");
  return { status: known.status, body: problemText(known), peer: null };
}
