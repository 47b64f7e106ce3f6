import { abortAllDurableObjects, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { describe, expect, it, vi } from "vitest";
import { BACKSTOP_MS } from "../../worker/defaults.ts";
import { ask, command, ids, leaderOf, ORIGIN, stubOf, testEnv, until } from "./support/cluster.ts";
import { faultsOf } from "./support/faulty-object.ts";

const alarmOf = (id: string) => runInDurableObject(stubOf(id), (_, { storage }) => storage.getAlarm());

/** Rows that the object has written since it was made. */
const changesOf = (id: string) =>
  runInDurableObject(
    stubOf(id),
    (_, { storage }) => storage.sql.exec<{ n: number }>("SELECT total_changes() AS n").one().n,
  );

async function metricOf(id: string, name: string): Promise<number> {
  const { text } = await ask(`/${id}/metrics`);
  return Number(new RegExp(`^raft_lite_${name}\\S* (\\d+)$`, "m").exec(text)?.[1]);
}

describe("an object's storage", () => {
  it("is not written to by heartbeats, and its alarm stays as it is", async () => {
    await leaderOf();
    expect((await command("SET x=1")).status).toBe(200);
    // The followers hear of the commit, and say what they have to.
    const messages = await Promise.all(ids.map((id) => metricOf(id, "messages_total")));
    const beaten = (by: number) =>
      until(`${by} messages have come in everywhere`, async () => {
        const now = await Promise.all(ids.map((id) => metricOf(id, "messages_total")));
        return now.every((count, at) => count >= messages[at]! + by) ? true : undefined;
      });
    await beaten(5);
    const before = await Promise.all(ids.map(changesOf));
    const alarms = await Promise.all(ids.map(alarmOf));
    await beaten(30);
    expect(await Promise.all(ids.map(changesOf))).toEqual(before);
    expect(await Promise.all(ids.map(alarmOf))).toEqual(alarms);
    // The figures do move when something is written.
    expect((await command("SET x=2")).status).toBe(200);
    expect(await changesOf(await leaderOf())).toBeGreaterThan(Math.min(...before));
  });

  it("has one alarm, well ahead", async () => {
    for (const id of ids) {
      const at = (await alarmOf(id))!;
      expect(at).toBeGreaterThan(Date.now());
      expect(at).toBeLessThanOrEqual(Date.now() + BACKSTOP_MS);
    }
  });
});

describe("the alarm", () => {
  it("is not set again as long as one is pending, however often the object loses its memory", async () => {
    const stub = () => testEnv.FAULTY.getByName("pending");
    const ended = async () => (await stub().fetch(`${ORIGIN}/status`)).text();
    await ended();
    const at = await runInDurableObject(stub(), (_, { storage }) => storage.getAlarm());
    for (const times of [2, 3]) {
      await abortAllDurableObjects();
      await until("it is open again", async () => {
        await ended();
        return faultsOf("pending").openings === times ? true : undefined;
      });
    }
    expect(faultsOf("pending").alarmsSet).toBe(1);
    expect(await runInDurableObject(stub(), (_, { storage }) => storage.getAlarm())).toBe(at);
  });

  it("is set anew when it has rung", async () => {
    expect(await runDurableObjectAlarm(stubOf("A"))).toBe(true);
    expect(await alarmOf("A")).toBeGreaterThan(Date.now() + BACKSTOP_MS / 2);
  });

  it("wakes a node that has lost its memory, which calls the others", async () => {
    const boots = await Promise.all(ids.map((id) => metricOf(id, "boot")));
    await abortAllDurableObjects();
    expect(await runDurableObjectAlarm(stubOf("B"))).toBe(true);
    await leaderOf();
    for (const [at, id] of ids.entries()) expect(await metricOf(id, "boot")).toBeGreaterThan(boots[at]!);
    expect((await ask("/A/v1/kv/x?raw")).text).toBe("2");
  });

  it("does not wake a node that is stopped", async () => {
    expect((await ask("/C/chaos/stop", { method: "POST" })).status).toBe(200);
    expect(await alarmOf("C")).toBeNull();
    expect((await ask("/C/chaos/start", { method: "POST" })).status).toBe(200);
    expect(await alarmOf("C")).not.toBeNull();
  });

  it("brings a crashed node back with nobody calling", async () => {
    // Its peers call it as long as they run.
    for (const id of ["B", "C"]) await ask(`/${id}/chaos/stop`, { method: "POST" });
    const log = vi.spyOn(console, "log");
    expect((await ask("/A/chaos/crash", { method: "POST" })).status).toBe(200);
    await until("A says that it has started", async () =>
      log.mock.calls.some(([line]) => line === "[Node A] Started") ? true : undefined,
    );
    log.mockRestore();
    for (const id of ["B", "C"]) await ask(`/${id}/chaos/start`, { method: "POST" });
    await leaderOf();
  });
});
