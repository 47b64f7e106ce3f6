import { toBase64 } from "./bytes.ts";
import type { Circumstances, Expectation, Read } from "./expect/expectation.ts";
import type { Framing } from "./expect/framing.ts";
import { framingOf } from "./expect/framing.ts";
import { expectationOf } from "./expect/route.ts";
import { demand, demandEqual, Finding } from "./judge/finding.ts";
import { jsonOf, problemOf } from "./judge/form.ts";
import { judgeLine, judgeLook } from "./judge/look.ts";
import { judgeRefused } from "./judge/refused.ts";
import { indexOf, judgeRead, shown } from "./judge/rows.ts";
import { isTimeout } from "./judge/timeout.ts";
import { enter, judgeWritten } from "./judge/written.ts";
import { Ledger } from "./ledger.ts";
import type { NodePicture } from "./picture.ts";
import { ask, Picture } from "./picture.ts";
import { Readers } from "./readers.ts";
import type { FuzzRequest, Reply, SentRequest, Step } from "./request.ts";
import { describeReply } from "./request.ts";
import type { Pending, Target } from "./target.ts";
import type { Known } from "./tokens.ts";
import { fill } from "./tokens.ts";

/** A client that has said that more is coming waits so long before it goes away. */
const BREAK_OFF_MS = 60;
/** Beyond what a request itself asks for, in the target's time. */
const PATIENCE_MS = 10_000;

/** One run: requests one after the other, readers waiting beside them, and what must be so after each. */
export class Session {
  readonly #target: Target;
  readonly #ledger = new Ledger();
  readonly #readers: Readers;
  /** Per node: the newest index that a read there has shown. */
  readonly #seen: number[];
  #picture: Picture;

  private constructor(target: Target, picture: Picture) {
    this.#target = target;
    this.#picture = picture;
    this.#readers = new Readers(target, this.#ledger);
    this.#seen = target.ids.map(() => 0);
  }

  /** The target's cluster is new: it has a leader and nothing in its store. */
  static async open(target: Target): Promise<Session> {
    return new Session(target, await levelled(target));
  }

  /** Resolves with the status of the reply; null where there was none to wait for. */
  async take(step: Step): Promise<number | null> {
    let status: number | null = null;
    if (step.type === "pass") await this.#target.pass(Math.min(step.ms, this.#target.longestPassMs));
    else if (step.type === "hand-over") await this.#handOver();
    else status = await this.#request(step);
    await this.#readers.settle();
    const faults = this.#target.inside?.faults() ?? [];
    demand(faults.length === 0, () => `unforeseen: ${faults.map(textOfFault).join("; ")}`);
    return status;
  }

  // ---- one request ----

  async #request(step: FuzzRequest): Promise<number | null> {
    const node = step.node % this.#target.ids.length;
    const sent = fill(step, this.#knownAt(node));
    const framing = framingOf(sent, this.#target.keepsPaths);
    const request = framing.type === "whole" ? framing.request : sent;
    const expectation = this.#expectationOf(request, framing, node);
    const before = this.#picture;
    const pending = this.#target.send(node, sent);
    if (expectation.type === "read" && this.#mayWait(expectation)) {
      this.#readers.add(expectation, pending, request.method === "HEAD");
      return null;
    }
    if (framing.type === "cut") return await this.#breakOff(expectation, pending, request);
    const limitMs = ("timeoutMs" in expectation ? expectation.timeoutMs : 0) + PATIENCE_MS;
    await this.#target.until(() => pending.reply !== null || pending.failure !== undefined, limitMs);
    const reply = replyOf(pending, limitMs);
    this.#picture = await Picture.take(this.#target);
    try {
      const isHead = request.method === "HEAD";
      if (isTimeout(expectation, reply, isHead)) await this.#reconcile(expectation, reply, before);
      else this.#judge(expectation, reply, request, node, before);
    } catch (error) {
      throw error instanceof Finding
        ? new Finding(`${error.message}\nreply: ${describeReply(reply)}`)
        : error;
    }
    return reply.status;
  }

  #expectationOf(request: SentRequest, framing: Framing, node: number): Expectation {
    if (framing.type === "malformed") return { type: "refused", faults: [framing] };
    return expectationOf(request, this.#circumstancesAt(node));
  }

  /** The client goes away before the whole of its request has been sent. What is certain by then it may be told. */
  async #breakOff(
    expectation: Expectation,
    pending: Pending,
    { method }: SentRequest,
  ): Promise<number | null> {
    const before = this.#picture;
    await this.#target.until(() => pending.reply !== null || pending.failure !== undefined, BREAK_OFF_MS);
    const { reply } = pending;
    pending.abandon();
    await this.#target.pass(BREAK_OFF_MS);
    this.#picture = await Picture.take(this.#target);
    if (reply !== null) {
      demand(expectation.type === "refused", () => `half a request is answered: ${describeReply(reply)}`);
      judgeRefused(expectation.faults, reply, method === "HEAD", leaderOf(before));
    }
    demandEqual(this.#picture.still, before.still, "nothing has changed");
    return reply?.status ?? null;
  }

  #judge(expectation: Expectation, reply: Reply, request: SentRequest, node: number, before: Picture): void {
    const { type } = expectation;
    const leader = leaderOf(before);
    const isHead = request.method === "HEAD";
    if (type === "write") {
      const written = enter(expectation, before.lastIndex + 1, this.#ledger);
      judgeWritten(expectation, written, reply, leader, this.#ledger);
      demandEqual(this.#picture.lastIndex, before.lastIndex + 1, "one entry more; last index");
      demandEqual(this.#picture.commands, this.#ledger.lines.length, "commands in the log");
      return;
    }
    switch (type) {
      case "refused":
        judgeRefused(expectation.faults, reply, isHead, leader);
        break;
      case "read":
        this.#judgeRead(expectation, reply, isHead, node);
        break;
      case "command-read":
        this.#judgeCommandRead(expectation.key, reply, leader);
        break;
      case "nodes":
        this.#judgeIntroduction(reply, node);
        break;
      case "options":
        demandEqual(
          [reply.status, reply.headers.has("allow")],
          [204, true],
          "status, and whether allow is there",
        );
        break;
      default:
        if (isHead) demandEqual(reply.status, 200, "status");
        else
          judgeLook(expectation, reply, {
            self: before.nodes[node]!,
            picture: before,
            ledger: this.#ledger,
          });
    }
    demandEqual(this.#picture.still, before.still, "nothing has changed");
  }

  #judgeRead(read: Read, reply: Reply, isHead: boolean, node: number): void {
    const index = judgeRead(read, reply, isHead, this.#ledger);
    if (read.isStale) demand(index >= this.#seen[node]!, () => `from ${this.#seen[node]} back to ${index}`);
    else demandEqual(index, this.#ledger.index, "x-consul-index");
    this.#seen[node] = index;
  }

  #judgeCommandRead(key: string, reply: Reply, { id, term }: NodePicture): void {
    demandEqual(reply.status, 200, "status");
    const found = this.#ledger.get(key);
    const index = this.#ledger.lines.length - 1;
    const result = found === null ? null : shownValue(found.value);
    demandEqual(jsonOf(reply), { ok: true, index, term, leader: id, result }, "reply");
  }

  #judgeIntroduction(reply: Reply, node: number): void {
    demandEqual(reply.status, 200, "status");
    const { clusterId, id, storeId } = jsonOf(reply) as Record<string, unknown>;
    const self = this.#picture.nodes[node]!;
    demandEqual(
      { clusterId, id, storeId },
      { clusterId: self.clusterId, id: self.id, storeId: self.storeId },
      "who answers",
    );
  }

  /** A write that gave up may have been carried out, or may yet be, unless it says otherwise. */
  async #reconcile(expectation: Expectation, reply: Reply, before: Picture): Promise<void> {
    // What is on its way arrives.
    await this.#target.pass(Math.min(3000, this.#target.longestPassMs));
    this.#picture = await levelled(this.#target);
    const isDone = this.#picture.lastIndex > before.lastIndex;
    if (expectation.type !== "write") {
      demand(!isDone, () => "a read that gave up has left an entry");
      return;
    }
    const { outcome } = problemOf(reply);
    demand(outcome === "none" || outcome === "unknown", () => `outcome ${outcome}`);
    demand(!isDone || outcome === "unknown", () => "carried out, though the outcome was none");
    if (isDone) enter(expectation, before.lastIndex + 1, this.#ledger);
    demandEqual(this.#picture.commands, this.#ledger.lines.length, "commands in the log");
  }

  /** Whether it is right for this read to wait; what is stale may be so far behind that it is not. */
  #mayWait({ key, form, blocking }: Read): boolean {
    if (blocking === null || blocking.index === 0 || blocking.index > this.#ledger.index) return false;
    return !this.#ledger.hasChanged(key, form === "rows" || form === "keys", blocking.index);
  }

  // ---- another leader ----

  async #handOver(): Promise<void> {
    const { ids } = this.#target;
    if (ids.length === 1) return;
    const startedAt = this.#target.now();
    const before = leaderOf(this.#picture);
    const follower = ids.findIndex((id) => id !== before.id);
    const { clusterId, term, id: leaderId } = before;
    const body = new TextEncoder().encode(JSON.stringify({ clusterId, term, leaderId }));
    await ask(this.#target, follower, "POST", "/timeoutNow", body);
    await this.#target.until(() => false, 1);
    this.#picture = await levelled(this.#target, term + 1);
    demandEqual(leaderOf(this.#picture).id, ids[follower], "who leads now");
    demandEqual(this.#picture.commands, this.#ledger.lines.length, "commands in the log");
    this.#readers.release(startedAt);
  }

  // ---- the end ----

  /** Every node holds what was acknowledged and nothing else, and the log shows it. */
  async end(): Promise<void> {
    this.#readers.abandon();
    this.#picture = await levelled(this.#target);
    const wanted = this.#ledger.list();
    for (const [node, id] of this.#target.ids.entries()) {
      const rows = jsonOf(await ask(this.#target, node, "GET", "/v1/kv/?keys"));
      demandEqual(
        rows,
        wanted.map(({ key }) => key),
        `keys at ${id}`,
      );
      if (wanted.length > 0) {
        const reply = await ask(this.#target, node, "GET", "/v1/kv/?recurse");
        demandEqual(jsonOf(reply), wanted.map(shown), `rows at ${id}`);
        demandEqual(indexOf(reply), this.#ledger.index, `x-consul-index at ${id}`);
      }
      if (this.#target.inside) demandEqual(this.#target.inside.dump(node), wanted, `the store of ${id}`);
      const status = jsonOf(await ask(this.#target, node, "GET", "/status?log=all")) as { log: never[] };
      demandEqual(status.log.length, this.#ledger.lines.length, `lines of ${id}'s log`);
      for (const [position, line] of this.#ledger.lines.entries()) judgeLine(status.log[position]!, line);
    }
  }

  // ---- how things stand ----

  #knownAt(node: number): Known {
    const { ids } = this.#target;
    const { nodes, lastIndex } = this.#picture;
    const { id: leader, term, clusterId } = leaderOf(this.#picture);
    return {
      ...{ index: this.#ledger.index, term, leader, lastIndex, clusterId: clusterId ?? "" },
      self: ids[node]!,
      others: ids.filter((_, position) => position !== node),
      storeOf: (id) => nodes.find((one) => one.id === id)?.storeId ?? "no-store",
      modifyIndexOf: (key) => this.#ledger.get(key)?.modifyRevision ?? 0,
    };
  }

  #circumstancesAt(node: number): Circumstances {
    const { ids, secret, token, keepsPaths } = this.#target;
    const { nodes } = this.#picture;
    const { id: leader, clusterId } = leaderOf(this.#picture);
    const self = ids[node]!;
    return {
      ...{ secret, token, keepsPaths, self, clusterSize: ids.length, clusterId: clusterId ?? "" },
      leads: leader === self,
      storeOf: (id) => nodes.find((one) => one.id === id)?.storeId ?? null,
    };
  }
}

/** Waits until one leads that all follow, in that term at least, and all have applied all there is. */
async function levelled(target: Target, term = 0): Promise<Picture> {
  const end = target.now() + 30 * PATIENCE_MS;
  for (;;) {
    const picture = await Picture.take(target);
    const { leader } = picture;
    if (leader !== null && leader.term >= term && leader.commitIndex === leader.lastIndex) return picture;
    demand(target.now() < end, () => `no leader that all follow: ${picture.still}`);
    await target.pass(20);
  }
}

function leaderOf(picture: Picture): NodePicture {
  const leader = picture.nodes.find(({ state }) => state === "Leader");
  demand(leader !== undefined, () => `nobody leads: ${picture.still}`);
  return leader;
}

function replyOf({ reply, failure }: Pending, limitMs: number): Reply {
  demand(failure === undefined, () => `no reply but ${textOfFault(failure)}`);
  demand(reply !== null, () => `no reply within ${limitMs} ms`);
  return reply;
}

function shownValue(value: Uint8Array): unknown {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(value);
  } catch {
    return { base64: toBase64(value) };
  }
}

function textOfFault(fault: unknown): string {
  return fault instanceof Error ? `${fault.stack}` : String(fault);
}
