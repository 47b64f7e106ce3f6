import { describe, expect, test } from "vitest";
import type { Client } from "../../shared/client/client.ts";
import { ClientError, UnknownOutcomeError } from "../../shared/client/errors.ts";
import type { Script } from "./support.ts";
import {
  A,
  absent,
  B,
  broken,
  failure,
  found,
  inTurn,
  json,
  problem,
  refused,
  row,
  scripted,
  silent,
  status,
  success,
  useVirtualTimeInEachTest,
  written,
} from "./support.ts";

/** What is sent again and what is not, and what a caller is told of what was sent. */

useVirtualTimeInEachTest();

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

/** Searches for the leader find nobody; calls go to the script. */
function onlyCalls(script: Script): Script {
  return (request) => (request.path === "/status" ? status("N") : script(request));
}
