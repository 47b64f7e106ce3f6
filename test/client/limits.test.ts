import { getEventListeners } from "node:events";
import { describe, expect, test, vi } from "vitest";
import type { Client } from "../../shared/client/client.ts";
import type { ClientError } from "../../shared/client/errors.ts";
import { UnknownOutcomeError } from "../../shared/client/errors.ts";
import type { Script } from "./support.ts";
import {
  A,
  B,
  breathe,
  broken,
  failure,
  inTurn,
  problem,
  refused,
  scripted,
  settle,
  silent,
  success,
  useVirtualTimeInEachTest,
  written,
} from "./support.ts";

/** How long a call takes at most, how it is ended from outside, and what it leaves behind. */

useVirtualTimeInEachTest();

const put = (client: Client) => client.put("x", "5");

describe("time", () => {
  test("a call ends when its time is up, and says what everybody said", async () => {
    const { client } = scripted(
      ({ node, path, ...rest }) =>
        (node === A ? refused : problem(503, "no-leader", { outcome: "none" }))({ node, path, ...rest }),
      { nodes: [A, B], timeoutMs: 1000 },
    );
    const startedAt = performance.now();
    const error = (await failure(put(client))) as ClientError;
    expect(performance.now() - startedAt).toBe(1000);
    expect(error).toMatchObject({ outcome: "none", status: 503 });
    expect(error.message).toBe(
      `the write was not carried out: no answer within 1000 ms; ${namedIn(error).join("; ")}`,
    );
    expect(namedIn(error).sort()).toEqual([`${A}: connection refused`, `${B}: 503 it is no-leader`]);
    expect(error.attempts.length).toBeGreaterThan(4);
    expect(error.attempts.length).toBeLessThanOrEqual(20);
  });

  test("a call's own time goes before the client's", async () => {
    for (const [timeoutMs, own, expected] of [
      [undefined, undefined, 10_000],
      [700, undefined, 700],
      [700, 300, 300],
    ] as const) {
      const { client } = scripted(silent, { timeoutMs });
      const startedAt = performance.now();
      expect(await failure(client.get("x", { timeoutMs: own }))).toMatchObject({
        code: "timeout",
        status: 503,
      });
      expect(performance.now() - startedAt).toBe(expected);
    }
  });

  test("a write leaves its node half of the time, and half a second for the answer to come", async () => {
    const { client, network } = scripted(silent, { timeoutMs: 8_000 });
    const startedAt = performance.now();
    await failure(put(client));
    expect(performance.now() - startedAt).toBe(4_500);
    expect(network.calls[0]!.query.get("timeout")).toBe("4000");
  });

  test("a node that asks for a pause gets it; one that asks for too long ends the call", async () => {
    const { client, network } = scripted(inTurn(problem(429, "overloaded"), () => written(9)));
    const startedAt = performance.now();
    await success(put(client));
    expect(performance.now() - startedAt).toBeGreaterThanOrEqual(1000);
    expect(network.calls).toHaveLength(2);

    const hasty = scripted(problem(429, "overloaded"), { timeoutMs: 900 });
    const before = performance.now();
    expect(await failure(put(hasty.client))).toMatchObject({
      code: "overloaded",
      status: 429,
      outcome: "none",
      retryAfterMs: 1000,
    });
    expect(performance.now() - before).toBe(0);
  });

  test("pauses grow, up to a second, and are not the same twice", async () => {
    const times: number[] = [];
    const { client } = scripted(
      (request) => {
        times.push(performance.now());
        return refused(request);
      },
      { timeoutMs: 60_000 },
    );
    const { attempts } = (await failure(put(client))) as ClientError;
    // The newest are kept, for whoever reads the error.
    expect(attempts).toHaveLength(20);
    const pauses = times.slice(1).map((time, at) => time - times[at]!);
    expect(pauses[0]).toBeLessThanOrEqual(25);
    expect(Math.max(...pauses)).toBeLessThanOrEqual(1000);
    expect(pauses.at(-1)).toBeGreaterThanOrEqual(500);
    expect(new Set(pauses.slice(10)).size).toBeGreaterThan(10);
    expect(times.length).toBeLessThan(150);
  });

  test("a fetch that knows nothing of signals does not hold a call", async () => {
    const { client } = scripted(() => new Promise<Response>(() => {}), { timeoutMs: 300 });
    expect(await failure(put(client))).toMatchObject({ code: "timeout", outcome: "unknown" });
  });

  test("a body that does not come to its end is let go of with the call, whatever fetch knows of signals", async () => {
    let cancelled = false;
    const body = new ReadableStream({
      start: (controller) => controller.enqueue(new Uint8Array(10)),
      cancel: () => {
        cancelled = true;
      },
    });
    const { client } = scripted(() => new Response(body), { timeoutMs: 300 });
    expect(await failure(client.get("x"))).toMatchObject({ code: "timeout" });
    await breathe();
    expect(cancelled).toBe(true);
  });

  test("an answer that comes when nobody waits for it any more is thrown away, body and all", async () => {
    let cancelled = false;
    const body = new ReadableStream({
      cancel: () => {
        cancelled = true;
      },
    });
    const { promise, resolve } = Promise.withResolvers<Response>();
    const { client } = scripted(() => promise, { timeoutMs: 300 });
    await failure(client.get("x"));
    resolve(new Response(body));
    await breathe();
    expect(cancelled).toBe(true);
  });
});

describe("a signal", () => {
  const reason = new Error("enough");

  test("that has fired before: nothing is sent", async () => {
    const { client, network } = scripted(() => written(9));
    await expect(client.put("x", "5", { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    expect(network.seen).toEqual([]);
  });

  test("during a read: its reason", async () => {
    const { client, network } = scripted(silent);
    const controller = new AbortController();
    const reading = settle(client.get("x", { signal: controller.signal }));
    await breathe();
    controller.abort(reason);
    expect(await reading).toEqual({ error: reason });
    expect(network.calls[0]!.signal.aborted).toBe(true);
  });

  test("without a reason of its own: AbortError, as everywhere", async () => {
    const { client } = scripted(silent);
    const controller = new AbortController();
    const reading = settle(client.get("x", { signal: controller.signal }));
    await breathe();
    controller.abort();
    expect(await reading).toMatchObject({ error: { name: "AbortError" } });
  });

  test("during a write: it may have been carried out", async () => {
    const { client } = scripted(silent);
    const controller = new AbortController();
    const writing = settle(client.put("x", "5", { signal: controller.signal }));
    await breathe();
    controller.abort(reason);
    expect(await writing).toMatchObject({ error: { code: "aborted", outcome: "unknown", cause: reason } });
    const { error } = (await writing) as { error: unknown };
    expect(error).toBeInstanceOf(UnknownOutcomeError);
  });

  test("between two requests of which none can have done anything: its reason", async () => {
    const { client, network } = scripted(problem(429, "overloaded"));
    const controller = new AbortController();
    const writing = settle(client.put("x", "5", { signal: controller.signal }));
    await breathe();
    expect(network.calls).toHaveLength(1);
    controller.abort(reason);
    expect(await writing).toEqual({ error: reason });
  });

  test("is let go of when the call has ended, however it ended", async () => {
    const { signal } = new AbortController();
    for (const script of [
      () => written(9),
      problem(400, "bad"),
      silent,
      broken,
      refused,
    ] satisfies Script[]) {
      await settle(scripted(script, { timeoutMs: 100 }).client.put("x", "5", { signal }));
      expect(getEventListeners(signal, "abort")).toEqual([]);
    }
  });
});

test("nothing that goes wrong late is an unhandled rejection", async () => {
  const unhandled: unknown[] = [];
  const listen = (error: unknown) => unhandled.push(error);
  process.on("unhandledRejection", listen);
  const { client } = scripted(
    ({ signal }) =>
      new Promise((_resolve, reject) =>
        signal.addEventListener("abort", () => setTimeout(() => reject(new Error("much later")), 1)),
      ),
    { timeoutMs: 100 },
  );
  await failure(put(client));
  await vi.advanceTimersByTimeAsync(10);
  await breathe();
  process.off("unhandledRejection", listen);
  expect(unhandled).toEqual([]);
});

function namedIn({ attempts }: ClientError): string[] {
  return [...new Set(attempts.map(({ node, said }) => `${node}: ${said}`))];
}
