import type { ExchangeBody } from "../shared/node/ports.ts";
import type { NodeId } from "../shared/raft/types.ts";
import type { Counts } from "./counts.ts";
import type { Random } from "./random.ts";
import type { Scheduler } from "./scheduler.ts";

/** A machine as the network sees it. */
export interface Endpoint {
  readonly id: NodeId;
  /** `closed`: the machine is up and refuses connections; `silent`: nothing answers. */
  readonly port: "open" | "closed" | "silent";
  /** Takes in a request; `reply` may come late or never. */
  receive(body: ExchangeBody, reply: (reply: Reply) => void): void;
  /** The connections with that machine's process have closed. */
  connectionClosed(peer: NodeId): void;
}

export interface Reply {
  readonly status: number;
  readonly body: ExchangeBody;
}

/** How a call ends. At most one of these is called, and none when the network is silent. */
export interface CallEnd {
  replied(reply: Reply): void;
  /** `refused`: nothing of it arrived, and nothing will. */
  failed(failure: "refused" | "broken"): void;
}

/** How bad a network is. Probabilities are per message, delays in milliseconds. */
export interface NetworkProfile {
  readonly minDelayMs: number;
  readonly maxDelayMs: number;
  readonly lossRate: number;
  readonly duplicateRate: number;
  /** Share of messages that take up to `longDelayMs` instead: they overtake nothing and are overtaken by all. */
  readonly longDelayRate: number;
  readonly longDelayMs: number;
}

/** Whether messages from one machine to another are dropped. */
export type Cut = (from: NodeId, to: NodeId) => boolean;

/** After how long an intermediary repeats a request, in the mean: a copy that trails its original, or one long after. */
const meanRetryMs = [10, 200];

interface Call {
  readonly from: Endpoint;
  readonly to: Endpoint;
  readonly sentAt: number;
  readonly end: CallEnd;
  /** A second copy is under way: that one was refused proves nothing. */
  readonly duplicated: boolean;
  arrived: boolean;
  ended: boolean;
}

/** Carries requests and replies between machines, each with a fate of its own. */
export class Network {
  readonly #scheduler: Scheduler;
  readonly #random: Random;
  readonly #counts: Counts;
  readonly #endpoints = new Map<string, Endpoint>();
  readonly #cuts = new Set<Cut>();
  readonly #calls = new Set<Call>();
  /** When the newest message that has arrived had been sent, by its way. */
  readonly #newest = new Map<string, number>();
  profile: NetworkProfile;

  constructor(scheduler: Scheduler, random: Random, counts: Counts, profile: NetworkProfile) {
    this.#scheduler = scheduler;
    this.#random = random;
    this.#counts = counts;
    this.profile = profile;
  }

  /** `addresses`: all the URLs under which the machine is reached. */
  add(endpoint: Endpoint, addresses: readonly string[]): void {
    for (const address of addresses) this.#endpoints.set(address, endpoint);
  }

  at(address: string): Endpoint | undefined {
    return this.#endpoints.get(address);
  }

  cut(cut: Cut): void {
    this.#cuts.add(cut);
  }

  mend(cut: Cut): void {
    this.#cuts.delete(cut);
  }

  isCut(from: NodeId, to: NodeId): boolean {
    if (from === to) return false;
    for (const cut of this.#cuts) if (cut(from, to)) return true;
    return false;
  }

  post(from: Endpoint, address: string, body: ExchangeBody, end: CallEnd): void {
    const to = this.#endpoints.get(address);
    if (to === undefined) throw new Error(`${from.id} calls ${address}, where nobody lives`);
    const duplicated = this.#draws(from, to, this.profile.duplicateRate);
    const call: Call = {
      from,
      to,
      sentAt: this.#scheduler.now,
      end,
      duplicated,
      arrived: false,
      ended: false,
    };
    this.#calls.add(call);
    if (duplicated) {
      this.#counts.add("duplicates");
      // Whoever sends again does so when the first time seems to have failed.
      const afterMs = this.#random.exponential(this.#random.pick(meanRetryMs));
      this.#scheduler.after(afterMs, () => this.#request(call, body));
    }
    this.#request(call, body);
  }

  /** A process has ended, and its machine says so to whoever is connected with it. */
  processEnded(endpoint: Endpoint): void {
    for (const call of [...this.#calls]) {
      if (call.to === endpoint && call.arrived) this.#fail(call, "broken");
      if (call.from === endpoint) this.#close(call);
    }
    for (const other of new Set(this.#endpoints.values())) {
      if (other === endpoint || this.isCut(endpoint.id, other.id)) continue;
      this.#scheduler.after(this.#delay(endpoint, other), () => other.connectionClosed(endpoint.id));
    }
  }

  /** One immediate redial of a machine whose connection has closed. */
  probe(from: Endpoint, to: NodeId, refused: () => void): void {
    const target = [...this.#endpoints.values()].find(({ id }) => id === to);
    if (target === undefined || this.isCut(from.id, to)) return;
    this.#scheduler.after(this.#delay(from, target), () => {
      if (target.port !== "closed" || this.isCut(to, from.id)) return;
      this.#scheduler.after(this.#delay(target, from), refused);
    });
  }

  #request(call: Call, body: ExchangeBody): void {
    const { from, to } = call;
    if (this.#isLost(from, to)) {
      this.#counts.add("lost requests");
      if (this.#random.chance(0.2)) this.#fail(call, "broken");
      return;
    }
    this.#scheduler.after(this.#delay(from, to), () => {
      if (this.isCut(from.id, to.id) || to.port === "silent") return;
      if (to.port === "closed") {
        this.#fail(call, call.arrived || call.duplicated ? "broken" : "refused");
        return;
      }
      this.#noteArrival(call);
      call.arrived = true;
      to.receive(body, (reply) => this.#reply(call, reply));
    });
  }

  #reply(call: Call, reply: Reply): void {
    const { from, to } = call;
    if (call.ended) return;
    if (this.#isLost(to, from)) {
      this.#counts.add("lost replies");
      if (this.#random.chance(0.2)) this.#fail(call, "broken");
      return;
    }
    this.#scheduler.after(this.#delay(to, from), () => {
      if (this.isCut(to.id, from.id) || call.ended) return;
      this.#close(call);
      call.end.replied(reply);
    });
  }

  #fail(call: Call, failure: "refused" | "broken"): void {
    const { from, to } = call;
    if (this.isCut(to.id, from.id)) return;
    this.#scheduler.after(this.#delay(to, from), () => {
      if (call.ended) return;
      this.#close(call);
      call.end.failed(failure);
    });
  }

  #close(call: Call): void {
    call.ended = true;
    this.#calls.delete(call);
  }

  #noteArrival({ from, to, sentAt }: Call): void {
    const way = `${from.id} ${to.id}`;
    const newest = this.#newest.get(way) ?? 0;
    if (sentAt < newest) this.#counts.add("reordered");
    this.#newest.set(way, Math.max(newest, sentAt));
  }

  #isLost(from: Endpoint, to: Endpoint): boolean {
    return this.isCut(from.id, to.id) || this.#draws(from, to, this.profile.lossRate);
  }

  #draws(from: Endpoint, to: Endpoint, rate: number): boolean {
    return from !== to && rate > 0 && this.#random.chance(rate);
  }

  #delay(from: Endpoint, to: Endpoint): number {
    const { minDelayMs, maxDelayMs, longDelayRate, longDelayMs } = this.profile;
    if (this.#draws(from, to, longDelayRate)) return this.#random.between(maxDelayMs, longDelayMs);
    return this.#random.between(minDelayMs, maxDelayMs);
  }
}
