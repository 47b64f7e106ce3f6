import { DurableObject } from "cloudflare:workers";
import { RaftLiteError } from "../shared/errors.ts";
import { webHost } from "../shared/http/host.ts";
import { problemReply } from "../shared/http/problem.ts";
import type { ExchangeBody, TransportReply } from "../shared/node/ports.ts";
import { Addresses } from "./addresses.ts";
import { chaosRoutes } from "./chaos.ts";
import type { Config } from "./config.ts";
import { BACKSTOP_MS, CRASH_DELAY_MS, CRASH_RETURN_MS } from "./defaults.ts";
import { drain } from "./drain.ts";
import type { Env } from "./env.ts";
import { LEADER_HEADER, NOT_RUNNING_HEADER } from "./headers.ts";
import { loadConfig } from "./load-config.ts";
import type { PeerObject } from "./peer-transport.ts";
import { PeerTransport, wholeBuffer } from "./peer-transport.ts";
import { errorLine, RunningNode } from "./running-node.ts";

/** In the object's key-value storage: the node is to stay stopped, whoever calls. */
const STOPPED = "stopped";

/** One node of the cluster. Its name, by which the namespace gives it, is the node's id. */
export class RaftObject extends DurableObject<Env> implements PeerObject {
  #running: RunningNode | null = null;
  /** Why the node does not run. */
  #refusal: RaftLiteError | null = null;
  #config: Config | null = null;
  #chaos: ((request: Request) => Promise<Response | null>) | null = null;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    // Nothing is delivered before what the node promised is in memory again.
    ctx.blockConcurrencyWhile(() => this.#restore());
  }

  async #restore(): Promise<void> {
    const config = loadConfig(this.env);
    if (config instanceof RaftLiteError) {
      this.#refusal = config;
      return;
    }
    this.#config = config;
    if (config.chaos) {
      this.#chaos = chaosRoutes(config, {
        stop: () => this.#stop(),
        start: () => this.#start(),
        crash: () => this.#crash(),
      });
    }
    if (config.chaos && this.ctx.storage.kv.get(STOPPED) === true) this.#refusal = stoppedError(this.#id);
    else await this.#open(config);
  }

  get #id(): string {
    return this.ctx.id.name ?? "";
  }

  async #open(config: Config): Promise<void> {
    const id = this.#id;
    try {
      if (!config.nodes.some((node) => node.id === id && node.url === null)) {
        throw new RaftLiteError("unknown-node", `RAFT_NODES has no object of the name "${id}"`, {
          status: 404,
        });
      }
      this.#running = await RunningNode.open({
        id,
        config,
        addresses: new Addresses(config),
        storage: this.ctx.storage,
        transport: this.#transport(config),
        onFatal: (error) => this.#fail(error),
      });
      this.#refusal = null;
      await this.#armBackstop();
    } catch (error) {
      console.error(`[Node ${id}] ${errorLine(error)}`);
      this.#refusal = error instanceof RaftLiteError ? error : failedError(id);
    }
  }

  #transport(config: Config): PeerTransport {
    return new PeerTransport({
      addresses: new Addresses(config),
      secret: config.secret,
      stubOf: (id) => {
        const locationHint = config.nodes.find((node) => node.id === id)?.location ?? undefined;
        const retry = { maxRetries: 0 };
        return this.env.RAFT.getByName(id, locationHint === undefined ? { retry } : { retry, locationHint });
      },
    });
  }

  /** The storage failed, or a rule of Raft did not hold: the memory goes, and the next event begins from the storage. */
  #fail(error: unknown): void {
    console.error(`[Node ${this.#id}] ${errorLine(error)}`);
    this.#running = null;
    this.#refusal = failedError(this.#id);
    this.ctx.abort("the node has failed");
  }

  /** One alarm wakes an object that was evicted; while it is pending there is nothing to write. */
  async #armBackstop(): Promise<void> {
    if ((await this.ctx.storage.getAlarm()) !== null) return;
    await this.ctx.storage.setAlarm(Date.now() + BACKSTOP_MS);
  }

  /** Whatever woke the object, the constructor has started the node; the alarm has only to see to the next one. */
  override async alarm(): Promise<void> {
    if (this.#running !== null) await this.#armBackstop();
  }

  /** For the other objects. Nobody outside can call it. */
  async exchange(body: ExchangeBody): Promise<TransportReply | null> {
    if (this.#running === null) return null;
    const reply = await this.#running.node.exchange(body);
    return { status: reply.status, body: wholeBuffer(reply.body) };
  }

  /** For clients, by the Worker in front, which has taken the node's name off the path. */
  override async fetch(request: Request): Promise<Response> {
    const reply = (await this.#chaos?.(request)) ?? (await this.#answer(request));
    await drain(request);
    const leader = this.#running?.leader ?? null;
    if (leader !== null) reply.headers.set(LEADER_HEADER, leader);
    return reply;
  }

  async #answer(request: Request): Promise<Response> {
    if (this.#running !== null) return await this.#running.handle(request);
    const reply = problemReply(webHost, this.#refusal ?? failedError(this.#id));
    reply.headers.set(NOT_RUNNING_HEADER, "1");
    return reply;
  }

  // ---- chaos ----

  async #stop(): Promise<void> {
    this.ctx.storage.kv.put(STOPPED, true);
    if (this.#running !== null) console.log(`[Node ${this.#id}] Stopped`);
    this.#running?.node.halt();
    this.#running = null;
    this.#refusal = stoppedError(this.#id);
    // There is nothing to wake it for.
    await this.ctx.storage.deleteAlarm();
    await this.ctx.storage.sync();
  }

  async #start(): Promise<void> {
    this.ctx.storage.kv.delete(STOPPED);
    const config = this.#config;
    if (this.#running !== null || config === null) return;
    await this.ctx.blockConcurrencyWhile(async () => {
      if (this.#running === null) await this.#open(config);
    });
    await this.ctx.storage.sync();
  }

  async #crash(): Promise<void> {
    if (this.#running !== null) await this.ctx.storage.setAlarm(Date.now() + CRASH_RETURN_MS);
    await this.ctx.storage.sync();
    setTimeout(() => this.ctx.abort("crashed as asked for by chaos/crash"), CRASH_DELAY_MS);
  }
}

function stoppedError(id: string): RaftLiteError {
  const message = `node ${id} is stopped, until POST /${id}/chaos/start`;
  return new RaftLiteError("stopped", message, { status: 503, details: { outcome: "none" } });
}

function failedError(id: string): RaftLiteError {
  const message = `node ${id} could not be started; the log says why`;
  return new RaftLiteError("failed", message, { status: 503, details: { outcome: "none" } });
}
