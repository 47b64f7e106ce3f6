import { runInDurableObject } from "cloudflare:test";
import { DurableObject } from "cloudflare:workers";
import { describe, expect, it, vi } from "vitest";
import { createRaftObject } from "../../worker/create-raft-object.ts";
import type { RaftWorkerOptions } from "../../worker/create-raft-worker.ts";
import { createRaftWorker } from "../../worker/create-raft-worker.ts";
import { leaderOf, stubOf, testEnv } from "./support/cluster.ts";

const wrongUsage = (message: RegExp) =>
  expect.objectContaining({ code: "wrong-usage", message: expect.stringMatching(message) });

describe("options that cannot be are refused in one line", () => {
  it.each<[RaftWorkerOptions, RegExp]>([
    [{ path: "raft" }, /path: "raft" is no path/],
    [{ path: "/" }, /path: "\/" is no path/],
    [{ path: "/raft/" }, /is no path/],
    [{ path: "//raft" }, /is no path/],
    [{ path: "/a?b" }, /is no path/],
    [{ path: "/a/../b" }, /is no path/],
    [{ path: 5 as never }, /path: 5 is no path/],
    [{ routes: ["/tally"] }, /routes: "\/tally" is not the first segment/],
    [{ routes: [""] }, /routes: "" is not the first segment/],
    [{ routes: ["status"] }, /routes: "status" is a route of every node already/],
    [{ routes: "tally" as never }, /routes must be a list/],
    [{ binding: "" }, /binding must be the name/],
  ])("of the Worker: %o", (options, message) => {
    expect(() => createRaftWorker(options)).toThrow(wrongUsage(message));
  });

  it.each<[object, RegExp]>([
    [{ binding: 5 }, /binding must be the name/],
    [{ stateMachine: {} }, /stateMachine must be a function/],
    [{ fetch: "tally" }, /fetch must be a function/],
  ])("of the object: %o", (options, message) => {
    expect(() => createRaftObject(DurableObject, options)).toThrow(wrongUsage(message));
  });

  it("an object without its base", () => {
    expect(() => createRaftObject(undefined as never)).toThrow(wrongUsage(/takes DurableObject/));
  });
});

it("a path of several steps, and the routes of nodes' own names, are well", () => {
  for (const path of ["", "/raft", "/a/b-c/d.e~f"]) createRaftWorker({ path, routes: ["tally", "x.json"] });
});

it("a node that is called as a route is a bad configuration", async () => {
  const said = vi.spyOn(console, "error").mockImplementation(() => undefined);
  const worker = createRaftWorker({ routes: ["B"] });
  const reply = await worker.fetch(new Request("http://h/A/status"), { RAFT: testEnv.RAFT });
  expect(reply.status).toBe(500);
  const { code, detail } = await reply.json<{ code: string; detail: string }>();
  expect([code, detail]).toEqual(["bad-configuration", expect.stringContaining('"B" is a route')]);
  expect(said).toHaveBeenCalledOnce();
  said.mockRestore();
});

it("a binding may be called RAFT_SOMETHING, a text may not", async () => {
  const worker = createRaftWorker({ binding: "RAFT_OBJECTS" });
  await leaderOf();
  const ask = async (env: object) => {
    const reply = await worker.fetch(new Request("http://h/A/metrics"), env);
    await reply.text();
    return reply.status;
  };
  expect(await ask({ RAFT_OBJECTS: testEnv.RAFT })).toBe(200);
  const said = vi.spyOn(console, "error").mockImplementation(() => undefined);
  expect(await ask({ RAFT_OBJECTS: testEnv.RAFT, RAFT_TOKENS: "t0ken" })).toBe(500);
  expect(await ask({ RAFT_OBJECTS: "A" })).toBe(500);
  said.mockRestore();
});

describe("the node of an object", () => {
  it("executes and reads, for the object's own methods", async () => {
    await leaderOf();
    const own = await runInDurableObject(stubOf("A"), async ({ node }) => {
      await node.execute("SET own=1");
      return await node.read((store) => new TextDecoder().decode(store.get("own")?.value));
    });
    expect(own).toBe("1");
  });

  it("says why it does not run", async () => {
    const said = vi.spyOn(console, "error").mockImplementation(() => undefined);
    const why = await runInDurableObject(stubOf("nobody"), (object) => {
      try {
        return object.node.id;
      } catch (error) {
        return error;
      }
    });
    expect(why).toMatchObject({ code: "unknown-node", status: 404 });
    said.mockRestore();
  });
});
