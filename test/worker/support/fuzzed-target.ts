import { createRaftWorker } from "../../../worker/create-raft-worker.ts";
import type { Settings } from "../../../worker/settings.ts";
import type { ClusterPlan } from "../../fuzz/portable/fuzz.ts";
import type { Reply, SentRequest } from "../../fuzz/portable/request.ts";
import type { Pending, Target } from "../../fuzz/portable/target.ts";

export const SECRET = "s3cret";

const ORIGIN = "http://edge.example";
const OPEN = "open";

/** Names of the objects of one cluster: each says which cluster it is, how many nodes that has, and its token. */
function namesOf(ids: readonly string[], run: number, token: string | null): string[] {
  return ids.map((id) => [id, run, ids.join(""), token ?? OPEN].join("-"));
}

/** The settings under which the object of that name runs. */
export function settingsOf(name: string): Settings {
  const [, run = "", ids = "", token = OPEN] = name.split("-");
  const names = namesOf([...ids], Number(run), token);
  return {
    RAFT_NODES: names.map((one) => `${one}=do`).join(","),
    // Nobody is elected because a machine stood still for a second or two.
    RAFT_HEARTBEAT: "200",
    RAFT_ELECTION_TIMEOUT: "3000-3500",
    RAFT_SECRET: SECRET,
    ...(token !== OPEN && { RAFT_TOKEN: token }),
  };
}

/** A new cluster of objects, asked through the Worker in front. */
export function fuzzedTarget(namespace: object, run: number, { ids: letters, token }: ClusterPlan): Target {
  const ids = namesOf(letters, run, token);
  const worker = createRaftWorker();
  const env = { ...settingsOf(ids[0]!), RAFT: namespace };
  const ask = (request: Request) => worker.fetch(request, env);
  return {
    ids,
    secret: SECRET,
    token,
    keepsPaths: false,
    longestPassMs: 60,
    send: (node, request) => send(ask, ids[node]!, request),
    until: async (isTrue, limitMs) => {
      const end = Date.now() + limitMs;
      while (!isTrue()) {
        if (Date.now() > end) return false;
        await sleep(1);
      }
      return true;
    },
    pass: sleep,
    now: () => Date.now(),
  };
}

/** With a body only where fetch allows one. */
function send(
  ask: (request: Request) => Promise<Response>,
  id: string,
  { method, target, headers, body }: SentRequest,
): Pending {
  const leaving = new AbortController();
  const pending: { reply: Reply | null; failure: unknown; abandon: () => void } = {
    reply: null,
    failure: undefined,
    abandon: () => leaving.abort(),
  };
  const hasBody = body !== null && method !== "GET" && method !== "HEAD";
  // Dots are resolved before the node's name is put in front, or they would lead to another.
  const { pathname, search } = new URL(`${ORIGIN}${target}`);
  const request = new Request(`${ORIGIN}/${id}${pathname}${search}`, {
    method,
    headers: headers as [string, string][],
    body: hasBody ? Uint8Array.from(body) : null,
    signal: leaving.signal,
  });
  ask(request)
    .then(async (response) => {
      const bytes = new Uint8Array(await response.arrayBuffer());
      pending.reply = { status: response.status, headers: new Map(response.headers), bytes };
    })
    .catch((error: unknown) => {
      pending.failure = error ?? "rejected";
    });
  return pending;
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
