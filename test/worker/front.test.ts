import { describe, expect, it } from "vitest";
import { readConfig } from "../../worker/config.ts";
import type { FrontOptions } from "../../worker/front.ts";
import { Front } from "../../worker/front.ts";
import { LEADER_HEADER, NOT_RUNNING_HEADER } from "../../worker/headers.ts";

/** What a node does with a request: answers as leader or follower, is stopped, or dies. */
type Behaviour = { leader: string | null } | "stopped" | "dead";

/** A front over nodes of which the test decides what they do, and what each of them was asked. */
function frontOver(behaviours: Record<string, Behaviour>, settings = {}, options?: FrontOptions) {
  const asked: string[] = [];
  const front = new Front(
    readConfig(settings),
    async ({ id }, request) => {
      const body = await request.text();
      const { pathname, search } = new URL(request.url);
      asked.push(`${id} ${request.method} ${pathname}${search}${body && ` ${body}`}`);
      const behaviour = behaviours[id]!;
      if (behaviour === "dead") throw new Error("the object died");
      if (behaviour === "stopped") {
        return new Response("stopped", { status: 503, headers: { [NOT_RUNNING_HEADER]: "1" } });
      }
      const headers: Record<string, string> =
        behaviour.leader === null ? {} : { [LEADER_HEADER]: behaviour.leader };
      return new Response(`from ${id}`, { headers });
    },
    options,
  );
  const get = async (path: string) => await front.handle(new Request(`http://h${path}`));
  const post = async (path: string, body: BodyInit = "{}", headers = {}) =>
    await front.handle(new Request(`http://h${path}`, { method: "POST", body, headers }));
  return { asked, get, post, ask: (request: Request) => front.handle(request) };
}

const FOLLOWS_B = { leader: "B" } as const;
const ALL_FOLLOW_B = { A: FOLLOWS_B, B: FOLLOWS_B, C: FOLLOWS_B };
const LENGTH_2 = { "content-length": "2" };

describe("the Worker in front", () => {
  it.each([
    ["/A/status?log=3", "A GET /status?log=3"],
    ["/B/v1/kv/a%2Fb/../c", "B GET /v1/kv/c"],
    ["/C/v1/kv/A/status", "C GET /v1/kv/A/status"],
    ["/A", "A GET /"],
    ["/A/", "A GET /"],
    ["/A?log=3", "A GET /?log=3"],
    ["/A//status", "A GET //status"],
  ])("takes the name off %s", async (path, expected) => {
    const { asked, get } = frontOver(ALL_FOLLOW_B);
    expect(await (await get(path)).text()).toBe(`from ${expected[0]}`);
    expect(asked).toEqual([expected]);
  });

  it.each([
    ["/raft/B/status?log=3", "B GET /status?log=3"],
    ["/raft/B/v1/kv/a%2Fb%3f", "B GET /v1/kv/a%2Fb%3f"],
    ["/raft/B", "B GET /"],
    ["/raft/B?log=3", "B GET /?log=3"],
    ["/raft/status", "A GET /status"],
    ["/raft?x", "A GET /?x"],
    ["/raft/", "A GET /"],
    ["/raft/raft", "A GET /raft"],
    ["/raft/tally/all", "A GET /tally/all"],
  ])("takes the path that it is served under off %s", async (path, expected) => {
    const { asked, get } = frontOver(ALL_FOLLOW_B, {}, { path: "/raft", routes: ["tally"] });
    expect((await get(path)).status).toBe(200);
    expect(asked).toEqual([expected]);
  });

  it.each(["/", "/status", "/A/status", "/rafting/A/status", "/tally", "/A/raft/status"])(
    "refuses %s, which is not under its path",
    async (path) => {
      const { asked, get } = frontOver(ALL_FOLLOW_B, {}, { path: "/raft", routes: ["tally"] });
      const reply = await get(path);
      expect(reply.status).toBe(404);
      const problem = await reply.json<{ code: string; detail: string }>();
      expect(problem).toMatchObject({
        code: "unknown-route",
        detail: expect.stringContaining("/raft/status"),
      });
      expect(asked).toEqual([]);
    },
  );

  it("keeps what the nodes tell it alone to itself", async () => {
    const { get } = frontOver({ ...ALL_FOLLOW_B, C: "stopped" });
    for (const path of ["/A/status", "/C/status"]) {
      const { headers } = await get(path);
      expect([...headers.keys()].filter((name) => name.startsWith("raft-lite"))).toEqual([]);
    }
  });

  it.each(["/X/status", "/a/status", "/%41/status", "/nope", "/AA"])(
    "refuses %s with the names",
    async (path) => {
      const { asked, get } = frontOver(ALL_FOLLOW_B);
      const reply = await get(path);
      expect(reply.status).toBe(404);
      expect(reply.headers.get("content-type")).toBe("application/problem+json");
      expect(await reply.json()).toMatchObject({ code: "unknown-node", nodes: ["A", "B", "C"] });
      expect(asked).toEqual([]);
    },
  );

  it("does chaos to no node that was not named", async () => {
    const { asked, post } = frontOver(ALL_FOLLOW_B, { RAFT_CHAOS: "1" });
    const reply = await post("/chaos/stop");
    expect(reply.status).toBe(404);
    expect(await reply.json()).toMatchObject({ code: "unknown-node", nodes: ["A", "B", "C"] });
    expect(asked).toEqual([]);
  });

  it("speaks of no chaos where there is none", async () => {
    const { asked, post } = frontOver(ALL_FOLLOW_B);
    await post("/chaos/stop");
    expect(asked).toEqual(["A POST /chaos/stop {}"]);
  });

  it("asks the leader, once it has heard of one", async () => {
    const { asked, get, post } = frontOver(ALL_FOLLOW_B);
    await get("/A/health");
    await get("/status");
    await post("/command");
    await get("/v1/kv/x");
    expect(asked.slice(1).map((line) => line[0])).toEqual(["B", "B", "B"]);
  });

  it("asks one after the other while it knows no leader", async () => {
    const none = { leader: null };
    const { asked, get } = frontOver({ A: none, B: none, C: none });
    for (let n = 0; n < 6; n++) await get("/status");
    expect(asked.map((line) => line[0])).toEqual(["A", "B", "C", "A", "B", "C"]);
  });

  it("asks another one when the leader is stopped, also for a write: it certainly did nothing", async () => {
    const behaviours: Record<string, Behaviour> = { ...ALL_FOLLOW_B };
    const { asked, get, post } = frontOver(behaviours);
    await get("/A/health");
    behaviours.B = "stopped";
    behaviours.A = behaviours.C = { leader: "C" };
    const reply = await post("/command", "hi", LENGTH_2);
    expect(reply.status).toBe(200);
    expect(asked.slice(1)).toHaveLength(2);
    expect(asked[1]).toBe("B POST /command hi");
    expect(asked[2]).toMatch(/^[AC] POST \/command hi$/);
    await post("/command");
    expect(asked[3]?.[0]).toBe("C");
  });

  it("says that all are stopped when they are", async () => {
    const { asked, post } = frontOver({ A: "stopped", B: "stopped", C: "stopped" });
    expect((await post("/command", "hi", LENGTH_2)).status).toBe(503);
    expect(asked.map((line) => line[0]).sort()).toEqual(["A", "B", "C"]);
  });

  it("asks another one when a node dies under a read, never under a write", async () => {
    const { asked, get, post } = frontOver({ A: "dead", B: "dead", C: { leader: "C" } });
    expect(await (await get("/v1/kv/x")).text()).toBe("from C");
    const before = asked.length;
    const { get: _, ...fresh } = frontOver({ A: "dead", B: "dead", C: "dead" });
    const reply = await fresh.post("/command", "hi", LENGTH_2);
    expect(reply.status).toBe(503);
    expect(await reply.json()).toMatchObject({ ok: false, code: "node-unreachable", outcome: "unknown" });
    expect(fresh.asked).toEqual(["A POST /command hi"]);
    // What is asked of one node is asked of nobody else.
    expect((await post("/A/command")).status).toBe(503);
    expect(asked.slice(before)).toEqual(["A POST /command {}"]);
  });

  it("drops what comes with a read", async () => {
    const { asked, ask } = frontOver({ A: "stopped", B: FOLLOWS_B, C: FOLLOWS_B });
    const sent = new Request("http://h/v1/kv/x", { method: "POST", body: "{}", headers: LENGTH_2 });
    // As it comes from a socket; fetch makes no such request.
    const request = new Proxy(sent, {
      get: (target, name) => (name === "method" ? "GET" : Reflect.get(target, name, target)),
    });
    expect((await ask(request)).status).toBe(200);
    expect(asked).toEqual(["A GET /v1/kv/x", "B GET /v1/kv/x"]);
  });

  it("passes on a body of unknown length once", async () => {
    const { asked, post } = frontOver({ A: "stopped", B: FOLLOWS_B, C: FOLLOWS_B });
    const body = new ReadableStream({
      start(controller) {
        controller.enqueue(new TextEncoder().encode("hi"));
        controller.close();
      },
    });
    expect((await post("/command", body)).status).toBe(503);
    expect(asked).toEqual(["A POST /command hi"]);
  });

  it("asks nodes elsewhere last", async () => {
    const settings = { RAFT_NODES: "C=http://c.example:1,A=do,B=do", RAFT_SECRET: "s3cret" };
    const none = { leader: null };
    const { asked, get } = frontOver({ A: none, B: none, C: none }, settings);
    for (let n = 0; n < 3; n++) await get("/status");
    expect(asked.map((line) => line[0])).not.toContain("C");
    expect((await get("/C/status")).status).toBe(200);
  });
});
