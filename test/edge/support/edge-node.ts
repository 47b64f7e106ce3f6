import { call } from "../../process/support/http.ts";
import { TestNode } from "../../process/support/test-node.ts";
import { until } from "../../process/support/until.ts";

/** What runs a Worker and its objects on this machine. */
export interface EdgeHost {
  /** Base URL of the Worker, the same over all starts. */
  readonly url: string;
  readonly running: boolean;
  /** Everything the Worker and its objects have printed. */
  readonly lines: readonly string[];
}

/** A node that is a Durable Object, stopped, started and crashed by the chaos routes. */
export class EdgeNode extends TestNode {
  readonly #host: EdgeHost;
  readonly #ownLine: RegExp;
  #isStopped = false;

  constructor(host: EdgeHost, id: string) {
    super(id, `${host.url}/${id}`);
    this.#host = host;
    this.#ownLine = new RegExp(`^\\[(Node|Leader) ${id}\\]`);
  }

  override get running(): boolean {
    return this.#host.running && !this.#isStopped;
  }

  override get lines(): readonly string[] {
    return this.#host.lines.filter((line) => this.#ownLine.test(line));
  }

  override async kill(): Promise<void> {
    await this.#chaos("stop");
    this.#isStopped = true;
  }

  override async start(): Promise<void> {
    await this.#chaos("start");
    this.#isStopped = false;
  }

  /** Its memory goes, its storage stays; it comes back by itself, soon after this resolves. */
  async crash(): Promise<void> {
    await this.#chaos("crash");
  }

  async bootAfter(boot: number): Promise<void> {
    await until(`${this.id} is back`, async () => (await this.boot()) > boot);
  }

  /** The number of its present start, from 1. */
  async boot(): Promise<number> {
    const { status, text } = await call(`${this.url}/metrics`, { timeoutMs: 5000 });
    if (status !== 200) throw new Error(`${status} ${text}`);
    return Number(/^raft_lite_boot\S* (\d+)$/m.exec(text)?.[1]);
  }

  async #chaos(what: "stop" | "start" | "crash"): Promise<void> {
    const { status, text } = await call(`${this.url}/chaos/${what}`, { method: "POST" });
    if (status !== 200) throw new Error(`chaos/${what} at ${this.id}: ${status} ${text}`);
  }
}
