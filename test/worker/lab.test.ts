import { abortAllDurableObjects, evictDurableObject } from "cloudflare:test";
import { describe, expect, it } from "vitest";
import {
  ask,
  command,
  expectLog,
  ids,
  leaderOf,
  ORIGIN,
  statusOf,
  stubOf,
  until,
} from "./support/cluster.ts";

/** The lab's scenarios, one after the other on one cluster. */
describe("three objects", () => {
  const commands: string[] = [];
  const set = async (text: string) => {
    const reply = await command(text);
    expect(reply.json()).toMatchObject({ ok: true, index: commands.length, result: "OK" });
    commands.push(text);
  };

  it("elect a leader once one of them has been called", async () => {
    expect((await ask("/A/status")).json()).toMatchObject({ node: "A", log: [], commitIndex: -1 });
    await leaderOf();
  });

  it("replicate a command to every node", async () => {
    await set("SET x=5");
    await expectLog(commands);
  });

  it("take commands and reads at every node", async () => {
    for (const id of ids) {
      expect((await ask(`/${id}/v1/kv/k${id}`, { method: "PUT", body: id })).text).toBe("true");
      commands.push(`PUT k${id} (1 bytes)`);
      expect((await ask(`/${id}/v1/kv/kA?raw`)).text).toBe("A");
    }
    await expectLog(commands);
  });

  it("show each other under the URL by which the client came", async () => {
    const leader = await leaderOf();
    const follower = ids.find((id) => id !== leader)!;
    const host = new URL(ORIGIN).host;
    expect((await ask(`/${follower}/v1/status/leader`)).json()).toBe(`${host}/${leader}`);
    expect((await ask("/A/v1/status/peers")).json<string[]>().sort()).toEqual(
      ids.map((id) => `${host}/${id}`),
    );
    const { raft } = await statusOf("B");
    expect(raft).toMatchObject({ address: `${ORIGIN}/B`, leaderAddress: `${ORIGIN}/${leader}` });
    const refused = await ask(`/${follower}/command`, {
      method: "POST",
      headers: { "raft-forward": "never" },
      body: '{"cmd":"SET never=1"}',
    });
    expect(refused.status).toBe(403);
    expect(refused.json()).toMatchObject({ error: "Not leader", leader, leaderUrl: `${ORIGIN}/${leader}` });
  });

  it("go on when the leader is stopped, and it catches up", async () => {
    const leader = await leaderOf();
    const others = ids.filter((id) => id !== leader);
    const { term } = await statusOf(leader);
    expect((await ask(`/${leader}/chaos/stop`, { method: "POST" })).json()).toEqual({ ok: true });
    const stopped = await ask(`/${leader}/command`, { method: "POST", body: '{"cmd":"SET no=1"}' });
    expect(stopped.status).toBe(503);
    expect(stopped.json()).toMatchObject({ ok: false, code: "stopped", outcome: "none" });
    expect((await ask(`/${leader}/health`)).json()).toMatchObject({ code: "stopped" });

    const next = await leaderOf(others);
    expect((await statusOf(next)).term).toBeGreaterThan(term);
    await set("SET y=10");
    await expectLog(commands, others);

    expect((await ask(`/${leader}/chaos/start`, { method: "POST" })).json()).toEqual({ ok: true });
    await expectLog(commands);
  });

  it("stay stopped over eviction, and may be stopped and started again and again", async () => {
    for (const twice of [1, 2]) {
      expect((await ask("/C/chaos/stop", { method: "POST" })).status, `time ${twice}`).toBe(200);
    }
    await evictDurableObject(stubOf("C"));
    expect((await ask("/C/status")).status).toBe(503);
    await set("SET while=stopped");
    for (const twice of [1, 2]) {
      expect((await ask("/C/chaos/start", { method: "POST" })).status, `time ${twice}`).toBe(200);
    }
    await expectLog(commands);
  });

  it("come back by themselves from a crash, with all they had", async () => {
    const leader = await leaderOf();
    for (const id of [ids.find((one) => one !== leader)!, leader]) {
      const { raft } = await statusOf(id);
      const boot = await bootOf(id);
      expect((await ask(`/${id}/chaos/crash`, { method: "POST" })).json()).toEqual({ ok: true });
      await until(`${id} has died and come back`, async () => ((await bootOf(id)) > boot ? true : undefined));
      expect((await statusOf(id)).raft.storeId).toBe(raft.storeId);
      await leaderOf();
      await set(`SET after=${id}`);
      await expectLog(commands);
    }
  });

  it("keep everything when all of them lose their memory at once", async () => {
    const before = await Promise.all(ids.map(statusOf));
    await abortAllDurableObjects();
    await leaderOf();
    await expectLog(commands);
    for (const [position, id] of ids.entries()) {
      const after = await statusOf(id);
      expect(after.term).toBeGreaterThanOrEqual(before[position]!.term);
      expect(after.raft.storeId).toBe(before[position]!.raft.storeId);
    }
    await set("SET z=20");
    await expectLog(commands);
  });
});

/** How often the node has been started. */
async function bootOf(id: string): Promise<number> {
  const { text, status } = await ask(`/${id}/metrics`);
  expect(status).toBe(200);
  return Number(/^raft_lite_boot\S* (\d+)$/m.exec(text)?.[1]);
}
