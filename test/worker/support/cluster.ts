import { env, exports } from "cloudflare:workers";
import { expect } from "vitest";
import type { NodeStatus } from "../../../shared/node/api.ts";
import type { RaftObject } from "../../../worker/main.ts";
import type { Settings } from "../../../worker/settings.ts";
import type { FaultyObject, FuzzedObject, PlainObject } from "./main.ts";

/** Bindings of the tests' own Worker (vitest.config.ts). */
export interface TestEnv extends Settings {
  readonly RAFT: DurableObjectNamespace<RaftObject>;
  readonly PLAIN: DurableObjectNamespace<PlainObject>;
  readonly FUZZED: DurableObjectNamespace<FuzzedObject>;
  readonly FAULTY: DurableObjectNamespace<FaultyObject>;
}

export const testEnv = env as unknown as TestEnv;
export const ids = ["A", "B", "C"] as const;
export type Id = (typeof ids)[number];

export const ORIGIN = "http://edge.example:8787";

export interface Reply {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** The body as JSON; throws where it is none. */
  json<Body = Record<string, unknown>>(): Body;
}

/** Asks the Worker, as a client would. The body of the reply has been read. */
export async function ask(path: string, init?: RequestInit): Promise<Reply> {
  const worker = (exports as unknown as { default: Fetcher }).default;
  const response = await worker.fetch(new Request(`${ORIGIN}${path}`, init));
  const text = await response.text();
  const { status, headers } = response;
  return { status, headers, text, json: <Body>() => JSON.parse(text) as Body };
}

export function post(path: string, body: unknown, headers: Record<string, string> = {}): Promise<Reply> {
  return ask(path, { method: "POST", headers, body: typeof body === "string" ? body : JSON.stringify(body) });
}

export function command(cmd: string, path = "/command"): Promise<Reply> {
  return post(path, { cmd });
}

export async function statusOf(id: Id): Promise<NodeStatus> {
  return (await ask(`/${id}/status?log=all`)).json<NodeStatus>();
}

export function stubOf(id: string): DurableObjectStub<RaftObject> {
  return testEnv.RAFT.getByName(id);
}

/** Resolves with the first value of `look` that is not undefined. Throws after a generous while. */
export async function until<Value>(what: string, look: () => Promise<Value | undefined>): Promise<Value> {
  const end = Date.now() + 20_000;
  for (;;) {
    const found = await look().catch(() => undefined);
    if (found !== undefined) return found;
    if (Date.now() > end) throw new Error(`it never came to be that ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** The leader, once `among` agree on one. */
export function leaderOf(among: readonly Id[] = ids): Promise<Id> {
  return until(`${among.join(", ")} agree on a leader among them`, async () => {
    const statuses = await Promise.all(among.map(statusOf));
    const leader = statuses[0]?.leader as Id | null;
    if (leader === null || !among.includes(leader)) return undefined;
    return statuses.every((one) => one.leader === leader && one.term === statuses[0]?.term)
      ? leader
      : undefined;
  });
}

/** Waits until each of `among` shows this log, all of it committed. */
export async function expectLog(commands: readonly string[], among: readonly Id[] = ids): Promise<void> {
  for (const id of among) {
    await until(`${id} has ${commands.length} commands committed`, async () =>
      (await statusOf(id)).commitIndex >= commands.length - 1 ? true : undefined,
    );
    const { log, commitIndex } = await statusOf(id);
    expect(log.map(({ cmd }) => cmd)).toEqual(commands);
    expect(commitIndex).toBe(commands.length - 1);
  }
}
