import type { CallOptions, Reply } from "./http.ts";
import { call, post } from "./http.ts";
import { until } from "./until.ts";

/** What these tests look at of GET /status. */
export interface Status {
  readonly node: string;
  readonly state: "Follower" | "Candidate" | "Leader";
  readonly term: number;
  readonly leader: string | null;
  readonly log: readonly { readonly term: number; readonly cmd: string }[];
  readonly commitIndex: number;
  readonly raft: {
    readonly clusterId: string | null;
    readonly storeId: string;
    readonly clusterSize: number;
    readonly lastIndex: number;
    readonly commitIndex: number;
    readonly appliedIndex: number;
    readonly problem: string | null;
  };
}

/** A node of whichever host, as its clients see it, and what stops and starts it. */
export abstract class TestNode {
  readonly id: string;
  readonly url: string;

  constructor(id: string, url: string) {
    this.id = id;
    this.url = url;
  }

  /** As /v1/status/leader shows it: without the scheme. */
  get address(): string {
    return this.url.slice("http://".length);
  }

  abstract get running(): boolean;

  /** What it has printed, over all its starts. */
  abstract get lines(): readonly string[];

  /** It hears and tells nobody any more, until `start`. */
  abstract kill(): Promise<void>;

  abstract start(): unknown;

  /** Some line that equals `wanted`, now or later. */
  line(wanted: string): Promise<true> {
    return until(`${this.id} prints ${wanted}`, () => this.lines.includes(wanted));
  }

  async status(query = ""): Promise<Status> {
    const { text } = await call(`${this.url}/status${query}`, { timeoutMs: 5_000 });
    return JSON.parse(text) as Status;
  }

  command(cmd: string, options: CallOptions = {}): Promise<Reply> {
    return post(`${this.url}/command`, { cmd }, options);
  }

  /** A linearizable read. */
  async get(key: string): Promise<unknown> {
    const { status, text } = await this.command(`GET ${key}`);
    if (status !== 200) throw new Error(`GET ${key} at ${this.id}: ${status} ${text}`);
    return (JSON.parse(text) as { result: unknown }).result;
  }

  /** Sends a command until it is taken; only for commands that may be carried out twice. */
  insist(cmd: string): Promise<Record<string, unknown>> {
    return until(`${this.id} takes ${cmd}`, async () => {
      const { status, text } = await this.command(cmd);
      if (status !== 200) throw new Error(`${status} ${text}`);
      return JSON.parse(text) as Record<string, unknown>;
    });
  }
}
