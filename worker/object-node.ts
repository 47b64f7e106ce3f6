import { RaftLiteError } from "../shared/errors.ts";
import { webHost } from "../shared/http/host.ts";
import { problemReply } from "../shared/http/problem.ts";
import type { EmbeddedNode } from "../shared/node/embedded-node.ts";
import type { ExchangeBody, TransportReply } from "../shared/node/ports.ts";
import type { StateMachine } from "../shared/node/state-machine.ts";
import { Addresses } from "./addresses.ts";
import { chaosRoutes } from "./chaos.ts";
import { badConfiguration } from "./config.ts";
import { BACKSTOP_MS, CRASH_DELAY_MS, CRASH_RETURN_MS, HOLD_BACK_MS, WAKE_OTHERS_MS } from "./defaults.ts";
import { drain } from "./drain.ts";
import { Failures } from "./failures.ts";
import { LEADER_HEADER, NOT_RUNNING_HEADER, PATH_HEADER } from "./headers.ts";
import type { Environment } from "./load-environment.ts";
import { loadEnvironment } from "./load-environment.ts";
import { PeerTransport, wholeBuffer } from "./peer-transport.ts";
import type { ObjectState } from "./platform.ts";
import type { ProgramRoutes } from "./running-node.ts";
import { errorLine, RunningNode } from "./running-node.ts";

/** In the object's key-value storage: the node is to stay stopped, whoever calls. */
const STOPPED = "stopped";

/** Of all objects in this isolate: it outlives them, and where it does not, that takes longer than a rest. */
const failures = new Failures();

/** How the object's class was made (create-raft-object.ts). */
export interface ObjectNodeOptions<Machine extends StateMachine> {
  readonly binding: string;
  readonly createMachine: () => Machine;
  readonly fetch: ProgramRoutes<Machine> | undefined;
}

/** A node as the whole content of a Durable Object: the name by which the namespace gives the object is its id. */
export class ObjectNode<Machine extends StateMachine> {
  readonly #state: ObjectState;
  readonly #options: ObjectNodeOptions<Machine>;
  #running: RunningNode<Machine> | null = null;
  /** Why the node does not run. */
  #refusal: RaftLiteError | null = null;
  /** The node is being opened. */
  #opening: Promise<void> | null = null;
  #environment: Environment | null = null;
  #chaos: ((request: Request) => Promise<Response | null>) | null = null;

  constructor(state: ObjectState, env: object, options: ObjectNodeOptions<Machine>) {
    this.#state = state;
    this.#options = options;
    // Nothing is taken in before what the node promised is in memory again.
    void state.blockConcurrencyWhile(() => this.#restore(env));
  }

  async #restore(env: object): Promise<void> {
    const environment = missingSql(this.#state) ?? loadEnvironment(env, this.#options.binding);
    if (environment instanceof RaftLiteError) {
      this.#refusal = environment;
      return;
    }
    this.#environment = environment;
    const { config } = environment;
    if (config.chaos) {
      this.#chaos = chaosRoutes(config, {
        stop: () => this.#stop(),
        start: () => this.#start(),
        crash: () => this.#crash(),
      });
    }
    this.#askAboutThePast();
    // Whoever is awake has an alarm pending; where it is what has rung, `alarm` wakes the node.
    const quiet = (await this.#state.storage.getAlarm()) === null;
    await this.#openSoon(quiet);
  }

  #askAboutThePast(): void {
    const restMs = failures.reborn(this.#key, failedError(this.#id), Date.now());
    if (restMs === null) return;
    const message =
      "the object died without a word, over opening its node or soon after: is its storage full?";
    console.error(`[Node ${this.#id}] ${message} ${nextAttempt(restMs)}`);
  }

  get #id(): string {
    return this.#state.id.name ?? "";
  }

  /** By which its failures are remembered: names are unique within a namespace alone. */
  get #key(): string {
    return this.#state.id.toString();
  }

  /** Why the node must not run now, whatever becomes of it later; null when it may. */
  #obstacle(): RaftLiteError | null {
    // What is wrong with the configuration is not mended as long as this object lives.
    if (this.#environment === null) return this.#refusal;
    const { config } = this.#environment;
    const id = this.#id;
    if (!config.nodes.some((node) => node.id === id && node.url === null)) {
      const message = `RAFT_NODES has no object of the name "${id}"`;
      return new RaftLiteError("unknown-node", message, { status: 404 });
    }
    if (config.chaos && this.#state.storage.kv.get(STOPPED) === true) return stoppedError(id);
    return failures.refusal(this.#key, Date.now());
  }

  /**
   * Opens the node unless something is in the way. To be called with events held back: it resolves when the node runs,
   * or is known not to, or it has taken so long that the callers must be told. `quiet`: it had fallen silent.
   */
  async #openSoon(quiet = false): Promise<void> {
    if (this.#running !== null || this.#opening !== null || this.#environment === null) return;
    this.#refusal = this.#obstacle();
    if (this.#refusal !== null) return;
    this.#refusal = openingError(this.#id);
    failures.opening(this.#key, Date.now());
    this.#opening = this.#open(this.#environment, quiet).finally(() => {
      this.#opening = null;
    });
    await within(HOLD_BACK_MS, this.#opening);
  }

  /** A node that has failed is opened again, at the first event after its rest. */
  async #wake(): Promise<void> {
    if (this.#opening !== null || this.#obstacle() !== null) return;
    await this.#state.blockConcurrencyWhile(() => this.#openSoon());
  }

  /** The node as the program around it has it. Throws why it does not run. */
  get embedded(): EmbeddedNode<Machine> {
    if (this.#running === null) throw this.#reason();
    return this.#running.embedded;
  }

  #reason(): RaftLiteError {
    return this.#refusal ?? failedError(this.#id);
  }

  /** Never rejects. */
  async #open(environment: Environment, quiet: boolean): Promise<void> {
    const { config } = environment;
    const { createMachine, fetch } = this.#options;
    try {
      const running = await RunningNode.open({
        id: this.#id,
        config,
        addresses: new Addresses(config),
        storage: this.#state.storage,
        transport: this.#transport(environment),
        stateMachine: createMachine(),
        fetch,
        quiet,
        onSilence: (isQuiet) => void this.#onSilence(isQuiet),
        onFatal: (error) => this.#fail(error),
      });
      // It may have been stopped in the meantime.
      this.#refusal = this.#obstacle();
      if (this.#refusal !== null) return;
      this.#running = running;
      this.#noteLife();
      running.start();
    } catch (error) {
      this.#refusal = this.#recordFailure(error);
    }
    try {
      await this.#armBackstop();
    } catch (error) {
      if (this.#running !== null) this.#fail(error);
    }
  }

  #recordFailure(error: unknown): RaftLiteError {
    const refusal = error instanceof RaftLiteError ? error : failedError(this.#id);
    const restMs = failures.record(this.#key, refusal, Date.now());
    console.error(`[Node ${this.#id}] ${errorLine(error)} ${nextAttempt(restMs)}`);
    return refusal;
  }

  #transport({ config, objects }: Environment): PeerTransport {
    return new PeerTransport({
      addresses: new Addresses(config),
      secret: config.secret,
      stubOf: (id) => {
        const locationHint = config.nodes.find((node) => node.id === id)?.location ?? undefined;
        const retry = { maxRetries: 0 };
        return objects.getByName(id, locationHint === undefined ? { retry } : { retry, locationHint });
      },
    });
  }

  /** The storage failed, or a rule of Raft did not hold: the memory goes, and after a rest all begins from the storage. */
  #fail(error: unknown): void {
    this.#running = null;
    this.#refusal = this.#recordFailure(error);
    this.#state.abort("the node has failed");
  }

  /** A quiet node may be taken from memory at any time, and has not failed by that. */
  #noteLife(): void {
    if (this.#running?.node.isQuiet) failures.idle(this.#key);
    else failures.running(this.#key, Date.now());
  }

  /** Nothing is left behind that would wake a quiet node, and nothing may be missing that wakes any other. */
  async #onSilence(isQuiet: boolean): Promise<void> {
    try {
      if (this.#running === null) return;
      this.#noteLife();
      if (isQuiet) await this.#state.storage.deleteAlarm();
      else await this.#armBackstop();
    } catch (error) {
      if (this.#running !== null) this.#fail(error);
    }
  }

  /** One alarm wakes an object that was evicted; while it is pending there is nothing to write. */
  async #armBackstop(): Promise<void> {
    if (this.#running?.node.isQuiet) return;
    if ((await this.#state.storage.getAlarm()) !== null) return;
    if (this.#running?.node.isQuiet) return;
    await this.#state.storage.setAlarm(Date.now() + BACKSTOP_MS);
  }

  /** Whatever woke the object, the constructor has started the node; the alarm has only to see to the next one. */
  async alarm(): Promise<void> {
    await this.#wake();
    // A quiet node has none: this one was set before it lost its memory, which it has then lost awake.
    this.#running?.node.wake();
    void this.#opening?.then(() => this.#running?.node.wake());
    const rest = failures.refusal(this.#key, Date.now());
    const isResting = rest !== null && this.#obstacle() === rest;
    if (this.#running !== null || this.#opening !== null || isResting) await this.#armBackstop();
  }

  /** For the other objects. Nobody outside can call it. */
  async exchange(body: ExchangeBody): Promise<TransportReply | null> {
    if (this.#running === null) await this.#wake();
    if (this.#running === null) return null;
    const reply = await this.#running.node.exchange(body);
    return { status: reply.status, body: wholeBuffer(reply.body) };
  }

  /** For clients, by the Worker in front, which has taken the node's name off the path. */
  async fetch(request: Request): Promise<Response> {
    const reply = (await this.#chaos?.(request)) ?? (await this.#answer(request));
    await drain(request);
    const leader = this.#running?.leader ?? null;
    if (leader !== null) reply.headers.set(LEADER_HEADER, leader);
    return reply;
  }

  async #answer(request: Request): Promise<Response> {
    if (this.#running === null) await this.#wake();
    if (this.#running !== null) {
      return await this.#running.handle(request, request.headers.get(PATH_HEADER) ?? "");
    }
    const reply = problemReply(webHost, this.#reason());
    reply.headers.set(NOT_RUNNING_HEADER, "1");
    return reply;
  }

  // ---- chaos ----

  /** Whoever takes a node out wants to see what the others make of it: of a quiet cluster, nothing would be seen. */
  async #wakeOthers(): Promise<void> {
    if (!this.#running?.node.isQuiet) return;
    this.#running.node.wake();
    await new Promise((resolve) => setTimeout(resolve, WAKE_OTHERS_MS));
  }

  async #stop(): Promise<void> {
    await this.#wakeOthers();
    this.#state.storage.kv.put(STOPPED, true);
    if (this.#running !== null) console.log(`[Node ${this.#id}] Stopped`);
    this.#running?.node.halt();
    this.#running = null;
    this.#refusal = stoppedError(this.#id);
    failures.forget(this.#key);
    // There is nothing to wake it for.
    await this.#state.storage.deleteAlarm();
    await this.#state.storage.sync();
  }

  async #start(): Promise<void> {
    this.#state.storage.kv.delete(STOPPED);
    // Whoever asks for it does not want to wait until it has rested.
    failures.forget(this.#key);
    await this.#state.blockConcurrencyWhile(() => this.#openSoon());
    this.#running?.node.wake();
    await this.#state.storage.sync();
  }

  async #crash(): Promise<void> {
    await this.#wakeOthers();
    if (this.#running !== null) await this.#state.storage.setAlarm(Date.now() + CRASH_RETURN_MS);
    await this.#state.storage.sync();
    failures.forget(this.#key);
    setTimeout(() => this.#state.abort("crashed as asked for by chaos/crash"), CRASH_DELAY_MS);
  }
}

/** What is wrong where the class has no SQL: there, too, its objects have a storage, with methods that throw. */
function missingSql({ storage }: ObjectState): RaftLiteError | null {
  try {
    storage.sql.exec("SELECT 1").toArray();
    return null;
  } catch (error) {
    // Whatever else it is, opening the log will meet it.
    if (!/SQL is not enabled/.test(String(error))) return null;
    const problem = badConfiguration(
      "the class of the objects has no SQL: name it in new_sqlite_classes under [[migrations]] in wrangler.toml, not in " +
        "new_classes; one that was deployed without must be deployed under another name",
    );
    console.error(`raft-lite: ${problem.message}`);
    return problem;
  }
}

function stoppedError(id: string): RaftLiteError {
  const message = `node ${id} is stopped, until POST /${id}/chaos/start`;
  return new RaftLiteError("stopped", message, { status: 503, details: { outcome: "none" } });
}

function openingError(id: string): RaftLiteError {
  const message = `node ${id} is reading its log; ask again in some seconds`;
  return new RaftLiteError("opening", message, { status: 503, details: { outcome: "none" } });
}

function failedError(id: string): RaftLiteError {
  const message = `node ${id} has failed, and tries again by itself; the log says why`;
  return new RaftLiteError("failed", message, { status: 503, details: { outcome: "none" } });
}

function nextAttempt(restMs: number): string {
  return `(next attempt in ${restMs / 1000} s)`;
}

/** Resolves when `work` has ended, or after so many milliseconds. */
async function within(limitMs: number, work: Promise<void>): Promise<void> {
  const { promise: limit, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, limitMs);
  await Promise.race([work, limit]);
  clearTimeout(timer);
}
