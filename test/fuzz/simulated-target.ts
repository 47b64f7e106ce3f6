import fc from "fast-check";
import { createHandler } from "../../shared/http/handler.ts";
import type { SqlValue } from "../../shared/storage/port.ts";
import type { Machine } from "../node/support/machine.ts";
import { settled } from "../node/support/waiting.ts";
import type { World } from "../node/support/world.ts";
import { cluster } from "../node/support/world.ts";
import type { ClusterPlan } from "./portable/fuzz.ts";
import type { Reply, SentRequest } from "./portable/request.ts";
import type { Pending, Target } from "./portable/target.ts";

/** Clusters to choose from: of three nodes and of one, open and guarded. */
export const clusters: fc.Arbitrary<ClusterPlan> = fc.record({
  ids: fc.constantFrom(["A", "B", "C"], ["A", "B", "C"], ["A"]),
  seed: fc.nat(1_000_000),
  secret: fc.constantFrom(null, null, "s3cret"),
  token: fc.constantFrom(null, null, "t0ken"),
});

/** Whole nodes in virtual time, asked by fetch's own objects. */
export async function simulatedTarget({ ids, seed, secret, token }: ClusterPlan): Promise<Target> {
  const world = await cluster(ids, { seed });
  const faults: unknown[] = [];
  const options = {
    secret: secret ?? undefined,
    token: token ?? undefined,
    onError: (error: unknown) => faults.push(error),
  };
  const handlers = world.machines.map(({ node, store }) => createHandler(node, store, options));
  return {
    ids,
    secret,
    token,
    keepsPaths: false,
    longestPassMs: 5_000,
    send: (node, request) => send(handlers[node]!, request),
    until: (isTrue, limitMs) => until(world, isTrue, limitMs),
    pass: (ms) => world.run(ms),
    now: () => world.now,
    inside: {
      votes: () => world.machines.map(voteOf),
      dump: (node) => [...world.machines[node]!.store.dump()],
      faults: () => [
        ...faults,
        ...world.machines.map(({ fatal }) => fatal).filter((fatal) => fatal !== null),
      ],
    },
  };
}

/** With a body only where fetch allows one. */
function send(
  handler: (request: Request) => Promise<Response>,
  { method, target, headers, body }: SentRequest,
): Pending {
  const leaving = new AbortController();
  const pending: { reply: Reply | null; failure: unknown; abandon: () => void } = {
    reply: null,
    failure: undefined,
    abandon: () => leaving.abort(),
  };
  const hasBody = body !== null && method !== "GET" && method !== "HEAD";
  const request = new Request(`http://node.test${target}`, {
    method,
    headers: headers as [string, string][],
    body: hasBody ? Uint8Array.from(body) : null,
    signal: leaving.signal,
  });
  handler(request)
    .then(async (response) => {
      const bytes = new Uint8Array(await response.arrayBuffer());
      pending.reply = { status: response.status, headers: new Map(response.headers), bytes };
    })
    .catch((error: unknown) => {
      pending.failure = error ?? "rejected";
    });
  return pending;
}

async function until(world: World, isTrue: () => boolean, limitMs: number): Promise<boolean> {
  const end = world.now + limitMs;
  await settled();
  while (!isTrue()) {
    if (world.now > end || !(await world.scheduler.step())) return false;
  }
  return true;
}

function voteOf({ storage }: Machine): string {
  const rows = storage.sql.exec<Record<string, SqlValue>>("SELECT term, voted_for FROM hard_state").toArray();
  return JSON.stringify(rows);
}
