import type { HandlerOptions } from "../../shared/http/handler.ts";
import type { NodeApi } from "../../shared/node/api.ts";
import { Waits } from "../../shared/node/waits.ts";
import { describeCommand } from "../../shared/store/describe.ts";
import { Bench } from "../store/support.ts";
import type { Asked, Face, OpenFace, Reply } from "./support.ts";
import { fakeNode } from "./support.ts";

export interface Row {
  readonly Key: string;
  readonly Value: string;
  readonly Flags: number;
  readonly CreateIndex: number;
  readonly ModifyIndex: number;
  readonly LockIndex: number;
}

/** A node without a cluster: carries out at once what it is told, in a store of its own. Time passes when it is told. */
export class SoloNode {
  readonly bench = new Bench();
  readonly api: NodeApi & { readonly asked: Asked[] };
  readonly waits: Waits;
  /** What the log shows. */
  readonly log: string[] = [];
  now = 0;
  /** Called when a linearizable read is asked for, before it is granted. */
  beforeRead: () => void | Promise<void> = () => undefined;

  constructor(overrides: Partial<NodeApi> = {}, maxWaits = 100) {
    this.waits = new Waits(maxWaits);
    const { bench, log, waits } = this;
    // A real log begins with the entry that founds the cluster.
    bench.last = 1;
    this.api = fakeNode({
      execute: async (schema, bytes, options) => {
        this.api.asked.push({ what: "execute", schema, cmd: describeCommand(schema, bytes), options });
        const entry = bench.append(schema, bytes);
        log.push(describeCommand(schema, bytes));
        const result = bench.store.apply(entry);
        return { index: entry.index, ordinal: entry.ordinal, term: 1, leader: "A", result };
      },
      read: async (options) => {
        this.api.asked.push({ what: "read", options });
        await this.beforeRead();
        return { ordinal: bench.last - 1, term: 1, leader: "A" };
      },
      wait: (subscribe, options) => waits.add(subscribe, options, this.now),
      ...overrides,
    });
  }

  pass(ms: number): void {
    this.now += ms;
    this.waits.expire(this.now);
  }
}

export interface KvReply<Body = unknown> extends Reply {
  readonly body: Body;
  /** X-Consul-Index. */
  readonly index: number;
}

/** /v1/kv of one node, by one way in. */
export class Kv {
  readonly solo: SoloNode;
  readonly face: Face;

  static async open(
    open: OpenFace,
    solo: SoloNode = new SoloNode(),
    options: HandlerOptions = {},
  ): Promise<Kv> {
    return new Kv(solo, await open(solo.api, solo.bench.store, options));
  }

  private constructor(solo: SoloNode, face: Face) {
    this.solo = solo;
    this.face = face;
  }

  /** `path`: what follows /v1/kv. */
  async call<Body>(method: string, path: string, body?: BodyInit | null): Promise<KvReply<Body>> {
    const reply = await this.face.call(method, `/v1/kv${path}`, body);
    const isJson = /json/.test(reply.headers.get("content-type") ?? "") && reply.text !== "";
    return {
      ...reply,
      body: (isJson ? JSON.parse(reply.text) : undefined) as Body,
      index: Number(reply.headers.get("x-consul-index") ?? Number.NaN),
    };
  }

  get(path: string): Promise<KvReply<Row[]>> {
    return this.call("GET", path);
  }

  put(path: string, value: BodyInit = "v"): Promise<KvReply<boolean>> {
    return this.call("PUT", path, value);
  }

  delete(path: string): Promise<KvReply<boolean>> {
    return this.call("DELETE", path);
  }

  batch(ops: unknown, atomic?: unknown): Promise<KvReply<BatchBody>> {
    return this.call("POST", "", JSON.stringify({ ops, atomic }));
  }

  /** Everything the store holds, as text. */
  get contents(): Record<string, string> {
    const rows = this.solo.bench.store.list("");
    const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
    return Object.fromEntries(rows.map(({ key, value }) => [key, decoder.decode(value)]));
  }

  close(): Promise<void> {
    return this.face.close();
  }
}

export interface BatchBody {
  readonly ok: boolean;
  readonly results: readonly { readonly ok: boolean; readonly ModifyIndex: number; readonly code?: string }[];
  readonly code?: string;
  readonly detail?: string;
  readonly operation?: number;
}

/** A problem's members that tests look at. */
export interface Problem {
  readonly code: string;
  readonly detail: string;
  readonly parameter?: string;
  readonly operation?: number;
  readonly outcome?: string;
}
