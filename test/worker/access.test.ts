import { runInDurableObject } from "cloudflare:test";
import { describe, expect, it, vi } from "vitest";
import { createRaftWorker } from "../../worker/create-raft-worker.ts";
import { NOT_RUNNING_HEADER } from "../../worker/headers.ts";
import { RaftObject } from "../../worker/main.ts";
import type { Settings } from "../../worker/settings.ts";
import { ask, leaderOf, post, statusOf, testEnv, until } from "./support/cluster.ts";

const RAFT_ROUTES = [
  "raft",
  "requestVote",
  "request_vote",
  "appendEntries",
  "append_entries",
  "timeoutNow",
  "timeout_now",
  "installSnapshot",
  "install_snapshot",
];

describe("the nodes' routes", () => {
  it.each(RAFT_ROUTES)("are closed to the outside: %s", async (route) => {
    await leaderOf();
    const before = await statusOf("A");
    const vote = { term: 1_000_000, candidateId: "B", clusterId: before.raft.clusterId };
    for (const body of [JSON.stringify(vote), "{broken", ""]) {
      for (const headers of [{}, { authorization: "Bearer guess" }, { "raft-lite-leader": "A" }]) {
        const reply = await post(`/A/${route}`, body, headers as Record<string, string>);
        expect(reply.status).toBe(403);
        expect(reply.json()).toMatchObject({ ok: false, code: "raft-routes-closed" });
      }
    }
    expect((await post(`/${route}`, vote)).status).toBe(403);
    const { term, log } = await statusOf("A");
    expect({ term, log }).toEqual({ term: before.term, log: before.log });
  });
});

/** A node of its own, alone in its cluster, under other settings than the tests' Worker. */
function nodeUnder<Result>(
  name: string,
  settings: Settings,
  work: (ask: (path: string, init?: RequestInit) => Promise<Response>) => Promise<Result>,
): Promise<Result> {
  return runInDurableObject(testEnv.PLAIN.getByName(name), async (_, state) => {
    const env = { RAFT: testEnv.RAFT, RAFT_NODES: `${name}=do`, ...settings };
    const object = new RaftObject(state as never, env as never);
    // Made by hand, it is asked before it has opened its storage.
    await until("it has started, or will not", async () => {
      const reply = await object.fetch(new Request("http://h/metrics"));
      await reply.text();
      return reply.status === 503 ? undefined : true;
    });
    try {
      return await work((path, init) => object.fetch(new Request(`http://h${path}`, init)));
    } finally {
      await object
        .fetch(new Request("http://h/chaos/stop", { method: "POST" }))
        .then((reply) => reply.text());
    }
  });
}

const bearer = (credential: string) => ({ authorization: `Bearer ${credential}` });

it("the addresses that a client is shown are none that he has named", async () => {
  await leaderOf();
  const before = await ask("/A/v1/status/peers");
  const headers = { "raft-lite-path": "/elsewhere" };
  for (const path of ["/A/v1/status/peers", "/v1/status/peers"]) {
    expect((await ask(path, { headers })).json<string[]>().sort()).toEqual(before.json<string[]>().sort());
  }
});

describe("a secret", () => {
  it("lets in those who know it, and nobody else", async () => {
    await nodeUnder("guarded", { RAFT_SECRET: "s3cret", RAFT_CHAOS: "1" }, async (ask) => {
      for (const route of RAFT_ROUTES) {
        for (const headers of [{}, bearer("guess")]) {
          const reply = await ask(`/${route}`, { method: "POST", body: "{broken", headers });
          expect(reply.status).toBe(401);
          expect(await reply.json()).toMatchObject({ code: "unauthorized" });
        }
      }
      const reply = await ask("/raft", { method: "POST", body: "{broken", headers: bearer("s3cret") });
      expect(reply.status).toBe(400);
      await reply.text();
    });
  });
});

describe("a token", () => {
  it("guards the clients' routes, chaos among them", async () => {
    const settings = { RAFT_TOKEN: "t0ken", RAFT_CHAOS: "1" };
    await nodeUnder("tokened", settings, async (ask) => {
      for (const [method, path] of [
        ["GET", "/status"],
        ["POST", "/command"],
        ["POST", "/chaos/stop"],
      ] as const) {
        expect((await ask(path, { method })).status, path).toBe(401);
        expect((await ask(path, { method, headers: bearer("t0ken") })).status, path).not.toBe(401);
      }
    });
  });
});

describe("a node elsewhere that sends the client on", () => {
  it.each(["/C/command", "/command"])("gets nobody's token passed on: %s", async (path) => {
    const fetching = vi.spyOn(globalThis, "fetch").mockImplementation(async () => new Response("moved"));
    const stopped = {
      fetch: async () => new Response("stopped", { headers: { [NOT_RUNNING_HEADER]: "1" } }),
    };
    const worker = createRaftWorker();
    const env = {
      RAFT_NODES: "A=do,C=https://c.example/raft",
      RAFT_SECRET: "s3cret",
      RAFT: { getByName: () => stopped },
    };
    const headers = { ...bearer("t0ken"), "content-length": "2" };
    const request = new Request(`http://h${path}`, { method: "POST", body: "{}", headers });
    const reply = await worker.fetch(request, env);
    expect(await reply.text()).toBe("moved");
    const [url, passedOn] = fetching.mock.calls[0] as [string, Request];
    expect(url).toBe("https://c.example/raft/command");
    expect(passedOn.redirect).toBe("manual");
    expect(await passedOn.text()).toBe("{}");
    fetching.mockRestore();
  });
});

describe("chaos", () => {
  it("does not exist where it was not asked for", async () => {
    await nodeUnder("calm", {}, async (ask) => {
      for (const name of ["stop", "start", "crash"]) {
        const reply = await ask(`/chaos/${name}`, { method: "POST" });
        expect(reply.status).toBe(404);
        expect(await reply.json()).toMatchObject({ code: "unknown-route" });
      }
      expect((await ask("/status")).status).toBe(200);
    });
  });

  it("is done by POST alone, and there is nothing else of it", async () => {
    await leaderOf();
    expect((await ask("/A/chaos/stop")).status).toBe(405);
    expect((await post("/A/chaos/explode", "")).status).toBe(404);
    expect((await ask("/A/status")).status).toBe(200);
  });
});

describe("a bad configuration", () => {
  const settings = { RAFT_NODES: "A=mars" };

  it("is what the Worker answers to everyone", async () => {
    const worker = createRaftWorker();
    const env = { ...settings, RAFT: testEnv.RAFT };
    for (const path of ["/", "/A/status", "/status", "/X"]) {
      const request = new Request(`http://h${path}`, { method: "POST", body: "x" });
      const reply = await worker.fetch(request, env);
      expect(reply.status).toBe(500);
      expect(reply.headers.get("content-type")).toBe("application/problem+json");
      const problem = (await reply.json()) as { code: string; detail: string };
      expect(problem).toMatchObject({ code: "bad-configuration", outcome: "none" });
      expect(problem.detail).toContain('RAFT_NODES: "A=mars" is neither "do" nor a URL');
    }
  });

  it("keeps a node from starting", async () => {
    await nodeUnder("lost", settings, async (ask) => {
      const reply = await ask("/status");
      expect(reply.status).toBe(500);
      expect(await reply.json()).toMatchObject({ code: "bad-configuration" });
    });
  });
});
