import { vi } from "vitest";
import type { Send } from "../../shared/client/exchange.ts";
import { createHandler } from "../../shared/http/handler.ts";
import type { Machine } from "../node/support/machine.ts";
import { Waiting } from "../node/support/waiting.ts";
import type { World } from "../node/support/world.ts";
import { cluster } from "../node/support/world.ts";
import { broken, refused } from "./support.ts";

/** Real nodes with their real handlers, and a client's time that is theirs. */
export interface RealCluster {
  readonly world: World;
  /** Reaches the machine at `place` of the list by its port: 8000 and on. */
  readonly send: Send;
  readonly nodes: readonly string[];
  /** Requests in the order in which they came, as `A POST /v1/kv`. */
  readonly asked: string[];
  /** Waits for the client while the nodes' time goes on. */
  get<Value>(promise: Promise<Value>): Promise<Value>;
}

/** Takes over the global timers; `vi.unstubAllGlobals` and `vi.restoreAllMocks` give them back. */
export async function realCluster(ids: readonly string[] = ["A", "B", "C"]): Promise<RealCluster> {
  const world = await cluster(ids);
  shareTime(world);
  const asked: string[] = [];
  const send: Send = async (request) => {
    const { pathname, port } = new URL(request.url);
    const machine = world.machines[Number(port) - 8000]!;
    if (!machine.isUp) return refused(request as never);
    asked.push(`${machine.id} ${request.method} ${pathname}`);
    const reply = createHandler(machine.node, machine.store)(request);
    return await Promise.race([reply, crash(machine, reply)]);
  };
  return {
    world,
    send,
    asked,
    nodes: ids.map((_id, place) => `http://127.0.0.1:${8000 + place}`),
    get: (promise) => world.answer(new Waiting(promise)),
  };
}

/** A process that dies answers nothing any more: its connections break. */
async function crash(machine: Machine, reply: Promise<Response>): Promise<Response> {
  const { node } = machine;
  let isOver = false;
  const over = (): void => {
    isOver = true;
  };
  reply.then(over, over);
  while (!isOver && machine.isUp && machine.node === node) {
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
  return isOver ? await reply : await broken(null as never);
}

function shareTime({ scheduler }: World): void {
  const timers = new Map<number, () => void>();
  let newest = 0;
  vi.spyOn(performance, "now").mockImplementation(() => scheduler.now);
  vi.stubGlobal("setTimeout", (run: () => void, ms: number) => {
    const id = ++newest;
    timers.set(id, run);
    scheduler.after(ms, () => {
      timers.get(id)?.();
      timers.delete(id);
    });
    return id;
  });
  vi.stubGlobal("clearTimeout", (id: number) => timers.delete(id));
}
