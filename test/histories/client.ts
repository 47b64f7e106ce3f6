import { setTimeout as sleep } from "node:timers/promises";
import type { Random } from "../../sim/random.ts";
import type { StoreLoad } from "../../sim/store/load.ts";
import type { StoreOperation } from "../../sim/store/operation.ts";
import { call } from "../process/support/http.ts";
import type { TestNode } from "../process/support/test-node.ts";
import type { CallOutcome } from "./http-call.ts";
import { readReply, toHttpCall } from "./http-call.ts";
import type { Recorder } from "./recorder.ts";
import type { Runs } from "./runs.ts";

/** Milliseconds; longer after a failure. */
const longestThinkMs = 40;
const longestPauseMs = 150;
/** A client waits this much longer than the node said it would, then gives up. */
const patienceMs = 400;

/** What all clients of a history share. */
export interface ClientGround {
  readonly nodes: readonly TestNode[];
  readonly load: StoreLoad;
  readonly recorder: Recorder;
  readonly runs: Runs;
}

/**
 * A client in a closed loop: it asks a node, waits for the answer, thinks, asks again. It stays with a node that
 * answers. What may have been carried out it never repeats.
 */
export class HttpClient {
  readonly #number: number;
  readonly #ground: ClientGround;
  readonly #random: Random;
  #node: TestNode;
  #stopping = false;

  constructor(number: number, ground: ClientGround, random: Random) {
    this.#number = number;
    this.#ground = ground;
    this.#random = random;
    this.#node = random.pick(ground.nodes);
  }

  /** Resolves when the client has stopped. Rejects at an answer that is none. */
  async run(): Promise<void> {
    while (!this.#stopping) {
      const random = this.#random;
      const timeoutMs = Math.ceil(random.chance(0.2) ? random.between(20, 200) : random.between(500, 2000));
      const operation = this.#ground.load.next(this.#number, random);
      const { type } = await this.ask(this.#node, operation, timeoutMs);
      if (type !== "ok" || random.chance(0.05)) {
        if (random.chance(0.7)) this.#node = random.pick(this.#ground.nodes);
      }
      await sleep(random.between(0, type === "ok" ? longestThinkMs : longestPauseMs));
    }
  }

  /** Asks nothing more; what is under way is waited for. */
  stop(): void {
    this.#stopping = true;
  }

  async ask(node: TestNode, operation: StoreOperation, timeoutMs: number): Promise<CallOutcome> {
    const { recorder, load, runs } = this.#ground;
    const run = runs.of(node);
    const invocation = recorder.invoke(this.#number, node.id, run, operation);
    const outcome = await this.#call(node, operation, timeoutMs);
    recorder.end(runs.of(node) === run ? invocation : { ...invocation, run: runs.alone() }, outcome);
    if (outcome.type === "ok") load.heard(this.#number, operation, outcome.answer);
    return outcome;
  }

  async #call(node: TestNode, operation: StoreOperation, timeoutMs: number): Promise<CallOutcome> {
    const asked = toHttpCall(operation, timeoutMs, this.#random.chance(0.4));
    const { method, path, body } = asked;
    const heldMs =
      operation.type === "read" && operation.mode.type === "blocking" ? operation.mode.waitMs : 0;
    const options = {
      method,
      timeoutMs: timeoutMs + heldMs + patienceMs,
      ...(body !== undefined && { body }),
    };
    const reply = await call(`${node.url}${path}`, options).catch((error: NodeJS.ErrnoException) => error);
    if (!(reply instanceof Error)) return readReply(operation, asked, reply);
    // Nobody listened: each call has a connection of its own, and nothing of this one was ever sent.
    return { type: reply.code === "ECONNREFUSED" ? "none" : "unknown" };
  }
}
