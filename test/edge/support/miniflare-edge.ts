import type { Miniflare } from "miniflare";
import { Cluster } from "../../process/support/cluster.ts";
import type { Lab } from "../../process/support/lab-room.ts";
import { bundle, compatibility } from "./bundle.ts";
import type { EdgeHost } from "./edge-node.ts";
import { EdgeNode } from "./edge-node.ts";
import { startMiniflare } from "./start-miniflare.ts";

/** Heartbeats as quick as those of `npm run dev`, and a little time for a busy machine. */
const QUICK = { RAFT_HEARTBEAT: "100", RAFT_ELECTION_TIMEOUT: "500-1000", RAFT_CHAOS: "1" };

export interface EdgeOptions {
  readonly vars: Readonly<Record<string, string>>;
  /** The host's own timings, not ones for tests in a hurry; and no chaos routes. */
  readonly isCalm: boolean;
  /** It is told its own URL, so that nodes elsewhere can reach it. */
  readonly knowsUrl: boolean;
  /** The Worker's module; relative to the repository. */
  readonly entry: string;
  /** Where in the Worker the cluster is served. */
  readonly path: string;
  /** How its objects are declared; the name of their class and of the binding. */
  readonly className: string;
  readonly binding: string;
  readonly useSQLite: boolean;
  /** The compatibility date, if not that of wrangler.toml. */
  readonly date: string | null;
}

export interface StoredPromise {
  readonly term: number;
  readonly votedFor: string | null;
}

const bundles = new Map<string, Promise<string>>();

/** The Worker and its objects under Miniflare: workerd with an address of its own and state in a directory. */
export class MiniflareEdge implements EdgeHost {
  readonly url: string;
  readonly lines: string[] = [];
  readonly cluster: Cluster<EdgeNode>;
  readonly #directory: string;
  #options: EdgeOptions;
  #miniflare: Miniflare | null = null;

  private constructor(port: number, directory: string, options: EdgeOptions) {
    this.url = `http://127.0.0.1:${port}${options.path}`;
    this.#directory = directory;
    this.#options = options;
    const ids = (options.vars.RAFT_NODES ?? "")
      .split(",")
      .flatMap((one) => /^(\w+)=do$/.exec(one)?.[1] ?? []);
    this.cluster = new Cluster(ids.map((id) => new EdgeNode(this, id)));
  }

  /** A Worker that runs. Its objects begin to live when somebody calls them. */
  static async open(lab: Lab, options: Partial<EdgeOptions> = {}): Promise<MiniflareEdge> {
    const [port] = await lab.ports(1);
    const edge = new MiniflareEdge(port!, lab.folder(`edge-${port}`), {
      entry: options.entry ?? "worker/main.ts",
      knowsUrl: options.knowsUrl ?? false,
      path: options.path ?? "",
      className: options.className ?? "RaftObject",
      binding: options.binding ?? "RAFT",
      useSQLite: options.useSQLite ?? true,
      date: options.date ?? null,
      isCalm: options.isCalm ?? false,
      vars: { RAFT_NODES: "A=do,B=do,C=do", ...(options.isCalm ? {} : QUICK), ...options.vars },
    });
    lab.witness(() => `--- Worker at ${edge.url}\n${edge.lines.join("\n")}`);
    lab.atEnd(() => edge.stop());
    await edge.start();
    return edge;
  }

  get running(): boolean {
    return this.#miniflare !== null;
  }

  async start(): Promise<void> {
    if (this.running) throw new Error("it runs already");
    const { entry, vars, knowsUrl, binding, className, useSQLite } = this.#options;
    const { date, flags } = compatibility();
    const code = bundles.get(entry) ?? bundle(entry);
    bundles.set(entry, code);
    this.#miniflare = await startMiniflare(this.url, this.#directory, {
      name: "raft-lite",
      modules: true,
      script: await code,
      compatibilityDate: this.#options.date ?? date,
      compatibilityFlags: flags,
      unsafeInspectDurableObjects: true,
      bindings: { ...vars, ...(knowsUrl && { RAFT_URL: this.url }) },
      durableObjects: { [binding]: { className, useSQLite } },
      // Here go the traces that every death of an object leaves, too.
      handleStructuredLogs: ({ message }) => void this.lines.push(...message.split("\n")),
    });
  }

  /** Ends the runtime at once, whatever it is doing. */
  async stop(): Promise<void> {
    const miniflare = this.#miniflare;
    this.#miniflare = null;
    await miniflare?.dispose();
  }

  /** `vars`: what is set otherwise from now on. */
  async restart(vars: Readonly<Record<string, string>> = {}): Promise<void> {
    await this.stop();
    this.#options = { ...this.#options, vars: { ...this.#options.vars, ...vars } };
    await this.start();
  }

  /** Term and vote as an object has them stored: what it must not forget. */
  async promiseOf(id: string): Promise<StoredPromise> {
    const [row] = await this.rows(id, "SELECT term, voted_for AS votedFor FROM hard_state");
    return (row as unknown as StoredPromise | undefined) ?? { term: 0, votedFor: null };
  }

  /** Asks an object's database. Starts the object. */
  async rows(id: string, query: string): Promise<Record<string, unknown>[]> {
    if (this.#miniflare === null) throw new Error("the runtime does not run");
    const { className } = this.#options;
    const handle = await this.#miniflare.unsafeGetDurableObjectStorage("raft-lite", className, { name: id });
    return await handle.exec(query);
  }
}
