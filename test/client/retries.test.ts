import { getEventListeners } from "node:events";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { Client } from "../../shared/client/client.ts";
import { ClientError, UnknownOutcomeError } from "../../shared/client/errors.ts";
import type { Script } from "./support.ts";
import {
  A,
  absent,
  B,
  breathe,
  broken,
  failure,
  found,
  inTurn,
  json,
  problem,
  refused,
  row,
  scripted,
  settle,
  silent,
  status,
  success,
  useVirtualTime,
  written,
} from "./support.ts";

/** What is sent again and what is not, and what a caller is told of what was sent. */

beforeEach(useVirtualTime);

afterEach(() => {
  // Whatever happened: no timer is left that would keep a process or a request alive.
  expect(vi.getTimerCount()).toBe(0);
  vi.useRealTimers();
});

const html: Script = () => new Response("<h1>It works!</h1>", { headers: { "content-type": "text/html" } });
const htmlAt =
  (status: number): Script =>
  () =>
    new Response("<h1>no</h1>", { status });
const moved: Script = () =>
  new Response(null, { status: 307, headers: { location: "https://elsewhere.test/" } });

const put = (client: Client) => client.put("x", "5");
const guardedPut = (client: Client) => client.put("x", "5", { cas: 7 });

/** What a first request may meet, and what is certain then. */
const nothingDone: readonly [string, Script][] = [
  ["connection refused", refused],
  ["503 with outcome none", problem(503, "no-leader", { outcome: "none" })],
  ["429", problem(429, "overloaded")],
  ["403 not-leader", problem(403, "not-leader", { leader: "B" })],
];

const unknown: readonly [string, Script][] = [
  ["a broken connection", broken],
  ["503 with outcome unknown", problem(503, "timeout", { outcome: "unknown" })],
  ["500 that says nothing of the outcome", problem(500, "internal")],
  ["503 of somebody who is no node", htmlAt(503)],
  ["502 of a proxy", htmlAt(502)],
  ["an outcome in somebody else's JSON", () => json({ outcome: "none" }, 503)],
  ["408 of a proxy", htmlAt(408)],
  ["no answer in time", silent],
];

describe("a write", () => {
  test.each(nothingDone)("%s: is sent again", async (_name, first) => {
    const { client, network } = scripted(inTurn(first, () => written(9)));
    expect(await success(put(client))).toEqual({ ok: true, modifyIndex: 9 });
    expect(network.calls).toHaveLength(2);
    expect(network.calls[1]!.body).toBe(network.calls[0]!.body);
  });

  test.each(unknown)("%s: is not sent again", async (_name, first) => {
    const { client, network } = scripted(
      inTurn(first, () => written(9)),
      { nodes: [A, B] },
    );
    network.script = onlyCalls(network.script);
    const error = await failure(put(client));
    expect(error).toBeInstanceOf(UnknownOutcomeError);
    expect(error).toMatchObject({ outcome: "unknown", details: { outcome: "unknown" } });
    expect((error as UnknownOutcomeError).message).toContain("may have been carried out, or may yet be");
    expect((error as UnknownOutcomeError).attempts).toHaveLength(1);
    expect(network.calls).toHaveLength(1);
  });

  test.each(unknown)("%s: is sent again by whoever asks for that", async (_name, first) => {
    const { client, network } = scripted(inTurn(first, () => written(9)));
    expect(await success(client.put("x", "5", { retryUnknown: true }))).toMatchObject({ ok: true });
    expect(network.calls).toHaveLength(2);
    const eager = scripted(
      inTurn(first, () => written(9)),
      { retryUnknown: true },
    );
    expect(await success(put(eager.client))).toMatchObject({ ok: true });
  });

  test.each([400, 401, 403, 404, 405, 413, 415, 422])(
    "%d: is refused for good, and changed nothing",
    async (code) => {
      for (const answer of [problem(code, "bad-thing", { operation: 3 }), htmlAt(code)]) {
        const { client, network } = scripted(answer);
        const error = await failure(put(client));
        expect(error).toBeInstanceOf(ClientError);
        expect(error).not.toBeInstanceOf(UnknownOutcomeError);
        expect(error).toMatchObject({ outcome: "none", status: code });
        expect(network.calls).toHaveLength(1);
      }
    },
  );

  test.each([
    ["a page", html],
    ["a redirection", moved],
    ["too few results", () => json({ ok: true, results: [] })],
    ["a result of another kind", () => json({ ok: true, results: [{ ok: "yes" }] })],
    ["half of JSON", () => new Response('{"ok":true,"resul')],
  ] satisfies [string, Script][])(
    "%s with 2xx or 3xx is no answer, and says nothing",
    async (_name, answer) => {
      const { client, network } = scripted(answer);
      const error = await failure(put(client));
      expect(error).toBeInstanceOf(UnknownOutcomeError);
      expect(error).toMatchObject({ code: "no-node", status: 502 });
      expect(network.calls).toHaveLength(1);
    },
  );

  test("the body that breaks off for want of a connection leaves the outcome unknown", async () => {
    // As from a gateway that fetches the reply piece by piece.
    const cause = Object.assign(new Error("connect ECONNREFUSED"), { syscall: "connect" });
    const body = new ReadableStream({
      pull: (controller) => controller.error(new TypeError("no", { cause })),
    });
    const { client, network } = scripted(() => new Response(body));
    expect(await failure(put(client))).toBeInstanceOf(UnknownOutcomeError);
    expect(network.calls).toHaveLength(1);
  });

  test("an unknown outcome stays one, whatever comes after it", async () => {
    const never = problem(503, "no-leader", { outcome: "none" });
    for (const later of [never, refused, problem(400, "bad-thing"), problem(429, "overloaded")]) {
      const { client } = scripted(inTurn(broken, later));
      expect(await failure(guardedPut(client))).toBeInstanceOf(UnknownOutcomeError);
    }
  });

  test("the body that breaks off after 200 leaves the outcome unknown", async () => {
    const body = new ReadableStream({
      pull: (controller) => controller.error(new TypeError("terminated")),
    });
    const { client } = scripted(() => new Response(body));
    expect(await failure(put(client))).toMatchObject({ outcome: "unknown", code: "unreachable" });
  });
});

describe("a write that compares with an index", () => {
  test.each(unknown)("%s: is sent again, since it cannot take place twice", async (_name, first) => {
    const { client, network } = scripted(inTurn(first, () => written(9)));
    expect(await success(guardedPut(client))).toEqual({ ok: true, modifyIndex: 9 });
    expect(network.calls).toHaveLength(2);
  });

  test("refused the first time: its condition does not hold", async () => {
    const { client } = scripted(() => written(8, false));
    expect(await success(guardedPut(client))).toEqual({ ok: false, modifyIndex: 8, code: "cas-failed" });
  });

  test("refused after an unknown outcome: perhaps by its own doing", async () => {
    const { client } = scripted(inTurn(broken, () => written(8, false)));
    const error = await failure(guardedPut(client));
    expect(error).toBeInstanceOf(UnknownOutcomeError);
    expect(error).toMatchObject({ code: "unsettled" });
  });

  test("a CAS of values that is refused after an unknown outcome: perhaps by its own doing", async () => {
    const refusal: Script = () => json({ ok: true, index: 3, term: 1, leader: "A", result: false });
    const call = (client: Client) => client.command("CAS x 4 5", { retryUnknown: true });
    const error = await failure(call(scripted(inTurn(broken, refusal)).client));
    expect(error).toBeInstanceOf(UnknownOutcomeError);
    expect(error).toMatchObject({ code: "unsettled" });
    expect(await success(call(scripted(refusal).client))).toMatchObject({ result: false });
  });

  test("an atomic batch that is refused after an unknown outcome: perhaps by its own doing", async () => {
    const results = [{ ok: false, ModifyIndex: 8, code: "cas-failed" }];
    const refusal: Script = () => json({ ok: false, code: "cas-failed", results }, 409);
    const operations = [{ put: "x", value: "5", cas: 7 }];
    const { client } = scripted(inTurn(broken, refusal));
    const error = await failure(client.batch(operations, { atomic: true }));
    expect(error).toBeInstanceOf(UnknownOutcomeError);
    expect(await success(scripted(refusal).client.batch(operations, { atomic: true }))).toMatchObject({
      ok: false,
    });
  });

  test("refused after a request that certainly did nothing: its condition does not hold", async () => {
    const { client } = scripted(inTurn(refused, () => written(8, false)));
    expect(await success(guardedPut(client))).toMatchObject({ ok: false });
  });

  const cases: readonly [string, boolean, (client: Client) => Promise<unknown>][] = [
    ["a put with cas 7", true, (client) => client.put("x", "5", { cas: 7 })],
    ["a delete with cas 7", true, (client) => client.delete("x", { cas: 7 })],
    // It may have been created, and deleted by somebody, and would be created once more.
    ["a put with cas 0", false, (client) => client.put("x", "5", { cas: 0 })],
    ["a delete with cas 0", false, (client) => client.delete("x", { cas: 0 })],
    ["a delete", false, (client) => client.delete("x")],
    ["a delete of all", false, (client) => client.deleteAll("x")],
    ["a command that compares values", false, (client) => client.command("CAS x 4 5")],
    [
      "an atomic batch with one such put",
      true,
      (client) => client.batch([{ put: "x", value: "5", cas: 7 }, { delete: "y" }], { atomic: true }),
    ],
    [
      "an atomic batch with one such delete",
      false,
      (client) =>
        client.batch(
          [
            { delete: "x", cas: 7 },
            { put: "y", value: "1" },
          ],
          { atomic: true },
        ),
    ],
    [
      "an atomic batch with cas 0",
      false,
      (client) => client.batch([{ put: "x", value: "5", cas: 0 }, { delete: "y" }], { atomic: true }),
    ],
    [
      "independent operations",
      false,
      (client) => client.batch([{ put: "x", value: "5", cas: 7 }, { delete: "y" }]),
    ],
    ["a batch of one such put", true, (client) => client.batch([{ put: "x", value: "5", cas: 7 }])],
  ];
  test.each(cases)("%s: safe to send twice: %s", async (_name, isSafe, call) => {
    const { client, network } = scripted(broken);
    expect(await failure(call(client))).toBeInstanceOf(UnknownOutcomeError);
    expect(network.calls.length > 1).toBe(isSafe);
  });
});

describe("a read", () => {
  const reads: readonly [string, (client: Client) => Promise<unknown>, () => Response][] = [
    ["get", (client) => client.get("x"), () => found(9, row("x", "5", 9))],
    ["list", (client) => client.list("x"), () => found(9, row("x", "5", 9))],
    ["keys", (client) => client.keys("x"), () => json(["x"], 200, { "x-consul-index": "9" })],
    [
      "GET as a command",
      (client) => client.command(" get x"),
      () => json({ ok: true, index: 0, term: 1, leader: "A", result: "5" }),
    ],
    ["status", (client) => client.status(), () => status("A")],
    ["leader", (client) => client.leader(), () => json("10.0.0.1:8000")],
    ["members", (client) => client.members(), () => json(["10.0.0.1:8000"])],
    ["health", (client) => client.health(), () => json({ ok: true, node: "A" })],
  ];
  test.each(reads)("%s is sent again after anything that may pass", async (_name, call, answer) => {
    for (const [, first] of [...nothingDone, ...unknown]) {
      const { client, network } = scripted(inTurn(first, answer));
      await success(call(client));
      expect(network.seen).toHaveLength(2);
    }
  });

  test.each([400, 401, 404, 405])("%d is final, and its outcome is none", async (code) => {
    for (const answer of [problem(code, "bad-thing"), htmlAt(code)]) {
      const { client, network } = scripted(answer);
      const error = await failure(client.get("x"));
      expect(error).toMatchObject({ outcome: "none", status: code });
      expect(error).not.toBeInstanceOf(UnknownOutcomeError);
      expect(network.calls).toHaveLength(1);
    }
  });

  test("a 404 is an absent key only if it comes from the store", async () => {
    expect(await success(scripted(() => absent(4)).client.get("x"))).toBeNull();
    expect(await success(scripted(() => absent(4)).client.list("x"))).toEqual([]);
    expect(await success(scripted(() => absent(4)).client.keys("x"))).toEqual([]);
    const elsewhere = scripted(problem(404, "unknown-route"));
    expect(await failure(elsewhere.client.get("x"))).toMatchObject({ code: "unknown-route", status: 404 });
  });

  test("what is no answer of a node is an error, not an empty result", async () => {
    for (const answer of [
      html,
      moved,
      () => json([], 200),
      () => found(9, { Key: "x" }),
    ] satisfies Script[]) {
      const { client, network } = scripted(answer);
      expect(await failure(client.list("x"))).toMatchObject({ code: "no-node", outcome: "none" });
      expect(network.calls).toHaveLength(1);
    }
  });

  test("a node that stands still is left for another after two seconds and a half", async () => {
    const { client, network } = scripted(
      ({ node, path, signal }) => {
        if (path === "/status") return status(node);
        return node === network.asked[0] ? silent({ signal } as never) : found(9, row("x", "5", 9));
      },
      { nodes: [A, B] },
    );
    const startedAt = performance.now();
    expect((await success(client.get("x")))?.text()).toBe("5");
    expect(performance.now() - startedAt).toBe(2500);
  });

  test("a long reply has all the time of the call, once it has begun", async () => {
    const { client, network } = scripted(() => {
      const { body, headers } = found(9, row("x", "5", 9));
      const slow = new TransformStream<Uint8Array, Uint8Array>({
        transform: async (chunk, controller) => {
          await new Promise((resolve) => setTimeout(resolve, 8_000));
          controller.enqueue(chunk);
        },
      });
      return new Response(body!.pipeThrough(slow), { headers });
    });
    expect((await success(client.get("x")))?.text()).toBe("5");
    expect(network.calls).toHaveLength(1);
  });
});

test("whatever a node says, a message is one line", async () => {
  const { client } = scripted(
    problem(400, "bad-thing", { detail: "no\r\n\u001b[31mERROR\u2028all is lost" }),
  );
  const { message, attempts } = (await failure(put(client))) as ClientError;
  const words = "400 no\\r\\n\\u001b[31mERROR\\u2028all is lost";
  expect(message).toBe(`the write was not carried out; ${A}: ${words}`);
  expect(attempts).toMatchObject([{ said: words }]);
});

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

/** Searches for the leader find nobody; calls go to the script. */
function onlyCalls(script: Script): Script {
  return (request) => (request.path === "/status" ? status("N") : script(request));
}

function namedIn({ attempts }: ClientError): string[] {
  return [...new Set(attempts.map(({ node, said }) => `${node}: ${said}`))];
}
