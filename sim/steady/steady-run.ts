import type { NodeEvent } from "../../shared/node/events.ts";
import { TEXT_SCHEMA } from "../../shared/storage/entry.ts";
import { Counts } from "../counts.ts";
import { Network } from "../network.ts";
import { Random } from "../random.ts";
import { Scheduler } from "../scheduler.ts";
import type { Conditions } from "./conditions.ts";
import { SteadyNode } from "./steady-node.ts";

export interface SteadyReport {
  readonly virtualMs: number;
  /** When the first leader was elected, virtual milliseconds. */
  readonly firstLeaderMs: number;
  /** Elections that were stood for after that: each raised the term. */
  readonly laterElections: number;
  /** Times a node asked whether it would be elected, after that: no term rises by it. */
  readonly laterPreVotes: number;
  /** The term at the end. */
  readonly term: number;
  /** Messages that nodes took in from each other, and the calls that carried them. */
  readonly messages: number;
  readonly exchanges: number;
  /** When the last of these calls was made, virtual milliseconds. */
  readonly lastExchangeMs: number;
  readonly answered: number;
  /** What was not answered as it should be. */
  readonly failed: number;
  /** Of answers, virtual milliseconds. */
  readonly medianMs: number;
  readonly p99Ms: number;
  readonly events: number;
}

/** A cluster that has no leader by then is none. */
const firstLeaderWithinMs = 10_000;
const options = { timeoutMs: 5000, forward: true };

/** Runs a cluster for so long without any fault, with default timings. */
export async function runSteady(
  seed: number,
  nodes: number,
  virtualMs: number,
  conditions: Conditions,
): Promise<SteadyReport> {
  return await new SteadyRun(seed, nodes, conditions).run(virtualMs);
}

class SteadyRun {
  readonly #random: Random;
  readonly #conditions: Conditions;
  readonly #scheduler = new Scheduler();
  readonly #nodes: readonly SteadyNode[];
  #firstLeaderMs = Number.POSITIVE_INFINITY;
  #laterElections = 0;
  #laterPreVotes = 0;
  #failed = 0;
  #value = 0;
  /** How many answers took so many milliseconds; the last counts all that took longer. */
  readonly #latencies = new Array<number>(2000).fill(0);

  constructor(seed: number, count: number, conditions: Conditions) {
    this.#random = new Random(seed, "steady");
    this.#conditions = conditions;
    const scheduler = this.#scheduler;
    const network = new Network(scheduler, this.#random.fork("network"), new Counts(), conditions.network);
    const ids = ["A", "B", "C", "D", "E", "F", "G"].slice(0, count);
    const addresses = new Map(ids.map((id, at) => [id, `http://10.0.0.${1 + at}:8000`]));
    const onEvent = (event: NodeEvent) => this.#note(event);
    this.#nodes = ids.map((id) => {
      const ground = { scheduler, network, conditions, addresses, onEvent };
      const node = new SteadyNode(id, ground, this.#random.fork(`node ${id}`));
      network.add(node, [addresses.get(id) as string]);
      return node;
    });
  }

  async run(virtualMs: number): Promise<SteadyReport> {
    const opened = Promise.all(this.#nodes.map((node) => node.open()));
    let isOpen = false;
    void opened.then(() => {
      isOpen = true;
    });
    await this.#until(() => isOpen, Number.POSITIVE_INFINITY);
    await opened;
    for (const node of this.#nodes) node.start();
    await this.#until(() => this.#firstLeaderMs < Number.POSITIVE_INFINITY, firstLeaderWithinMs);
    const { writesPerSecond, readsPerSecond } = this.#conditions;
    this.#ask(writesPerSecond, (node) => this.#write(node));
    this.#ask(readsPerSecond, (node) => node.node.read(options));
    const end = this.#scheduler.now + virtualMs;
    await this.#until(() => this.#scheduler.now >= end, virtualMs);
    return this.#report();
  }

  #note({ trace }: NodeEvent): void {
    const isLater = this.#firstLeaderMs < Number.POSITIVE_INFINITY;
    if (trace.type === "leader" && !isLater) this.#firstLeaderMs = this.#scheduler.now;
    if (trace.type === "candidate" && isLater) this.#laterElections++;
    if (trace.type === "pre-candidate" && isLater) this.#laterPreVotes++;
  }

  /** Clients that do not wait for each other: the next comes when it comes. */
  #ask(perSecond: number, operation: (node: SteadyNode) => Promise<unknown>): void {
    if (perSecond === 0) return;
    this.#scheduler.after(this.#random.exponential(1000 / perSecond), () => {
      const node = this.#random.pick(this.#nodes);
      const askedAt = this.#scheduler.now;
      node.deliver(() => {
        operation(node).then(
          () => {
            const slot = Math.min(this.#latencies.length - 1, Math.floor(this.#scheduler.now - askedAt));
            this.#latencies[slot] = (this.#latencies[slot] ?? 0) + 1;
          },
          () => {
            this.#failed++;
          },
        );
      });
      this.#ask(perSecond, operation);
    });
  }

  #write({ node }: SteadyNode): Promise<unknown> {
    const { keys, valueBytes } = this.#conditions;
    const text = `SET k${this.#random.int(1, keys)}=${String(++this.#value).padStart(valueBytes, "0")}`;
    return node.execute(TEXT_SCHEMA, encoder.encode(text), options);
  }

  async #until(isDone: () => boolean, withinMs: number): Promise<void> {
    const end = this.#scheduler.now + withinMs;
    while (!isDone() && this.#scheduler.now <= end) {
      if (!(await this.#scheduler.step())) return;
    }
  }

  #report(): SteadyReport {
    const metric = (wanted: string) => {
      return this.#nodes.map(({ node }) => node.metrics().find(({ name }) => name === wanted)?.value ?? 0);
    };
    const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);
    return {
      virtualMs: this.#scheduler.now,
      firstLeaderMs: this.#firstLeaderMs,
      laterElections: this.#laterElections,
      laterPreVotes: this.#laterPreVotes,
      term: Math.max(...metric("term")),
      messages: sum(metric("messages_total")),
      exchanges: sum(this.#nodes.map(({ exchanges }) => exchanges)),
      lastExchangeMs: Math.max(...this.#nodes.map(({ lastExchangeMs }) => lastExchangeMs)),
      answered: sum(this.#latencies),
      failed: this.#failed,
      medianMs: this.#quantile(0.5),
      p99Ms: this.#quantile(0.99),
      events: this.#scheduler.events,
    };
  }

  #quantile(share: number): number {
    const wanted = share * this.#latencies.reduce((total, count) => total + count, 0);
    let seen = 0;
    return Math.max(
      0,
      this.#latencies.findIndex((count) => {
        seen += count;
        return seen >= wanted;
      }),
    );
  }
}

const encoder = new TextEncoder();
