import { abortAllDurableObjects, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { describe, expect, it } from "vitest";
import { RaftLiteError } from "../../shared/errors.ts";
import {
  FIRST_REST_MS,
  FORGET_FAILURES_MS,
  LONGEST_REST_MS,
  STABLE_AFTER_MS,
} from "../../worker/defaults.ts";
import { Failures } from "../../worker/failures.ts";
import { ORIGIN, testEnv, until } from "./support/cluster.ts";
import { faultsOf } from "./support/faulty-object.ts";

const why = new RaftLiteError("failed", "it failed", { status: 503 });

describe("a node that has failed", () => {
  it("rests twice as long each time, up to a limit", () => {
    const failures = new Failures();
    let now = 1_000_000;
    for (let rest = FIRST_REST_MS; rest < LONGEST_REST_MS; rest *= 2) {
      expect(failures.record("A", why, now)).toBe(rest);
      expect(failures.refusal("A", now + rest - 1)).toBe(why);
      expect(failures.refusal("A", now + rest)).toBeNull();
      now += rest;
    }
    for (let time = 0; time < 3; time++) expect(failures.record("A", why, now)).toBe(LONGEST_REST_MS);
    expect(failures.refusal("B", now)).toBeNull();
  });

  it("begins with the first rest again when it has run well for long, or was told to start", () => {
    const failures = new Failures();
    failures.record("A", why, 0);
    expect(failures.record("A", why, FORGET_FAILURES_MS - 1)).toBe(2 * FIRST_REST_MS);
    expect(failures.record("A", why, 2 * FORGET_FAILURES_MS)).toBe(FIRST_REST_MS);
    failures.forget("A");
    expect(failures.refusal("A", 2 * FORGET_FAILURES_MS)).toBeNull();
    expect(failures.record("A", why, 2 * FORGET_FAILURES_MS)).toBe(FIRST_REST_MS);
  });

  it("does not rest for an hour because the clock was set back by one", () => {
    const failures = new Failures();
    failures.record("A", why, 3_600_000);
    expect(failures.refusal("A", 0)).toBeNull();
  });

  it.each(["opening", "running"] as const)("and died without a word while %s is forgiven once", (state) => {
    const failures = new Failures();
    let now = 1_000_000;
    expect(failures.reborn("A", why, now)).toBeNull();
    failures[state]("A", now);
    expect(failures.reborn("A", why, now)).toBeNull();
    expect(failures.refusal("A", now)).toBeNull();
    for (const rest of [2 * FIRST_REST_MS, 4 * FIRST_REST_MS]) {
      failures[state]("A", now);
      expect(failures.reborn("A", why, ++now)).toBe(rest);
      // Made anew once more while it rests: that is no other failure.
      expect(failures.reborn("A", why, now)).toBeNull();
      expect(failures.refusal("A", now + rest - 1)).toBe(why);
      now += rest;
      expect(failures.refusal("A", now)).toBeNull();
    }
  });

  it("may lose its memory when it has run for a while", () => {
    const failures = new Failures();
    for (let now = 0, time = 0; time < 5; time++) {
      failures.running("A", now);
      now += STABLE_AFTER_MS;
      expect(failures.reborn("A", why, now)).toBeNull();
      expect(failures.refusal("A", now)).toBeNull();
    }
  });
});

interface Answer {
  readonly status: number;
  readonly code: unknown;
  readonly outcome: unknown;
}

async function ask(name: string, path: string, init?: RequestInit): Promise<Answer> {
  const reply = await testEnv.FAULTY.getByName(name).fetch(`${ORIGIN}${path}`, init);
  const text = await reply.text();
  const { code, outcome } = reply.status < 400 ? ({} as Record<string, unknown>) : JSON.parse(text);
  return { status: reply.status, code, outcome };
}

const put = (name: string) => ask(name, "/v1/kv/x", { method: "PUT", body: "1" });
const chaos = (name: string, what: string) => ask(name, `/chaos/${what}`, { method: "POST" });
const answers = (name: string) =>
  until(`${name} takes writes`, async () => ((await put(name)).status === 200 ? true : undefined));

/** As peers and clients do that know nothing of it. */
async function hammer(name: string, ms: number): Promise<number> {
  let calls = 0;
  for (const end = Date.now() + ms; Date.now() < end; calls++) await put(name).catch(() => undefined);
  return calls;
}

describe("an object", () => {
  it("that could not be opened is opened again after a while, by whoever calls it then", async () => {
    const faults = faultsOf("unreadable");
    faults.failing = /SELECT.*FROM hard_state|CREATE TABLE/s;
    expect(await put("unreadable")).toEqual({ status: 503, code: "failed", outcome: "none" });
    const calls = await hammer("unreadable", 2.5 * FIRST_REST_MS);
    expect(calls).toBeGreaterThan(10);
    // At once, after one rest, and after another of twice the length if that is over.
    expect(faults.openings).toBeGreaterThanOrEqual(2);
    expect(faults.openings).toBeLessThanOrEqual(3);
    faults.failing = null;
    await answers("unreadable");
  });

  it("that could not be opened is opened again by its alarm", async () => {
    const faults = faultsOf("alone");
    faults.failing = /CREATE TABLE/;
    expect((await put("alone")).code).toBe("failed");
    faults.failing = null;
    const stub = testEnv.FAULTY.getByName("alone");
    await until("the alarm has opened it", async () => {
      expect(await runDurableObjectAlarm(stub)).toBe(true);
      return faults.openings === 2 ? true : undefined;
    });
    expect(await runInDurableObject(stub, (_, { storage }) => storage.getAlarm())).not.toBeNull();
    expect((await ask("alone", "/status")).status).toBe(200);
  });

  it("that cannot write dies, and is not opened and killed again and again", async () => {
    const faults = faultsOf("full");
    await answers("full");
    expect(faults.openings).toBe(1);
    faults.failing = /INSERT INTO entries/;
    const calls = await hammer("full", 2.5 * FIRST_REST_MS);
    expect(calls).toBeGreaterThan(10);
    expect(faults.openings).toBeLessThanOrEqual(3);
    expect(await until("it is refused", () => put("full"))).toMatchObject({
      code: "failed",
      outcome: "none",
    });
    faults.failing = null;
    await answers("full");
  });

  it("that is killed over its opening, without a word, is not opened again and again", async () => {
    const faults = faultsOf("killed");
    faults.isKilledBySync = true;
    const calls = await hammer("killed", 2.5 * FIRST_REST_MS);
    expect(calls).toBeGreaterThan(10);
    // The first time, once more because that may happen to anybody, and after a rest of twice the shortest.
    expect(faults.openings).toBeGreaterThanOrEqual(2);
    expect(faults.openings).toBeLessThanOrEqual(3);
    expect(await put("killed")).toMatchObject({ code: "failed", outcome: "none" });
    faults.isKilledBySync = false;
    await answers("killed");
  });

  it("whose rest somebody does not want to wait for is started at once", async () => {
    const faults = faultsOf("urgent");
    faults.failing = /CREATE TABLE/;
    expect((await put("urgent")).code).toBe("failed");
    expect((await put("urgent")).code).toBe("failed");
    expect(faults.openings).toBe(1);
    faults.failing = null;
    expect((await chaos("urgent", "start")).status).toBe(200);
    expect((await ask("urgent", "/status")).status).toBe(200);
  });

  it("that takes long to open says so, and may be stopped meanwhile", async () => {
    const faults = faultsOf("slow");
    const syncing = Promise.withResolvers<void>();
    faults.syncing = syncing.promise;
    expect(await put("slow")).toEqual({ status: 503, code: "opening", outcome: "none" });
    const stub = testEnv.FAULTY.getByName("slow");
    expect(await runInDurableObject(stub, (object) => object.exchange("{}"))).toBeNull();
    // Its answer waits for a sync of its own.
    const stopping = chaos("slow", "stop");
    await until("it is stopped", async () => ((await put("slow")).code === "stopped" ? true : undefined));
    syncing.resolve();
    expect((await stopping).status).toBe(200);
    for (let turn = 0; turn < 20; turn++) {
      expect((await put("slow")).code).toBe("stopped");
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    expect((await chaos("slow", "start")).status).toBe(200);
    await answers("slow");
  });

  it("that was awake is so again, also where its alarm has rung while it took long to open", async () => {
    const stub = () => testEnv.FAULTY.getByName("rung");
    // What binds it to its cluster is stored with the second.
    await answers("rung");
    await answers("rung");
    await runInDurableObject(stub(), (_, { storage }) => storage.setAlarm(Date.now() + 300));
    const faults = faultsOf("rung");
    const syncing = Promise.withResolvers<void>();
    const { openings } = faults;
    await abortAllDurableObjects();
    faults.syncing = syncing.promise;
    await until("its alarm opens it", async () => (faults.openings > openings ? true : undefined));
    // Events are held back no longer: the alarm has come in, and found it not open yet.
    await until("it says so", async () => ((await put("rung")).code === "opening" ? true : undefined));
    faults.syncing = null;
    syncing.resolve();
    await until("it leads", async () => {
      const reply = await stub().fetch(`${ORIGIN}/status`);
      return (JSON.parse(await reply.text()) as { state?: string }).state === "Leader" ? true : undefined;
    });
  });
});
