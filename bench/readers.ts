import type { ChildProcess } from "node:child_process";
import { fork } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { FromReaders, ToReaders } from "./reader-child.ts";

/** How many wait for what. */
export type Shape = "connections that do not wait" | "one key each" | "one key" | "one prefix each";

/** Path of what reader `number` asks for. */
export function targetOf(shape: Shape, number: number): string {
  const name = String(number).padStart(5, "0");
  if (shape === "one key") return "/v1/kv/readers/one";
  if (shape === "one prefix each") return `/v1/kv/readers/${name}/?recurse`;
  return `/v1/kv/readers/${name}`;
}

/** Blocking readers in a process of their own, so that they cost neither the nodes nor the harness anything. */
export class ReaderProcess {
  readonly #child: ChildProcess;

  constructor() {
    this.#child = fork(join(import.meta.dirname, "reader-child.ts"));
    this.#child.setMaxListeners(0);
  }

  /** Resolves when as many wait at the node as have been opened, and as waited there before. */
  async open(port: number, shape: Shape, count: number, others = 0): Promise<void> {
    const isIdle = shape === "connections that do not wait";
    const targets = Array.from({ length: count }, (_, number) => targetOf(shape, number));
    const index = await indexAt(port);
    this.#send({ type: "open", port, targets, index, isIdle });
    await this.#next("opened");
    while (!isIdle && (await waitingAt(port)) < count + others) await sleep(50);
  }

  /** Gives the times of the next `count` answers, by `monotonicMs`. To be called before they are brought about. */
  expect(count: number): Promise<readonly number[]> {
    this.#send({ type: "expect", count });
    return this.#next("woken").then(({ atMs }) => atMs);
  }

  async closeReaders(port: number): Promise<void> {
    this.#send({ type: "close" });
    await this.#next("closed");
    while ((await waitingAt(port)) > 0) await sleep(50);
  }

  end(): void {
    this.#child.kill("SIGKILL");
  }

  #send(message: ToReaders): void {
    this.#child.send(message);
  }

  async #next<Type extends FromReaders["type"]>(type: Type): Promise<Extract<FromReaders, { type: Type }>> {
    for (;;) {
      const [message] = (await once(this.#child, "message")) as [FromReaders];
      if (message.type === "failed") throw new Error(`a reader failed: ${message.message}`);
      if (message.type === type) return message as Extract<FromReaders, { type: Type }>;
    }
  }
}

async function indexAt(port: number): Promise<number> {
  const reply = await fetch(`http://127.0.0.1:${port}/v1/kv/?keys`);
  await reply.arrayBuffer();
  return Number(reply.headers.get("x-consul-index"));
}

/** How many wait for a change at a node. */
export async function waitingAt(port: number): Promise<number> {
  const text = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
  return Number(/^raft_lite_waiting_for_change (\d+)$/m.exec(text)?.[1]);
}
