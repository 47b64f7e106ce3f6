import { describe, expect, test, vi } from "vitest";
import type { ClientOptions } from "../../shared/client/client.ts";
import { Client, createClient } from "../../shared/client/client.ts";
import { ClientError } from "../../shared/client/errors.ts";
import type { Operation } from "../../shared/client/writes.ts";
import { RaftLiteError } from "../../shared/errors.ts";
import {
  A,
  absent,
  failure,
  found,
  json,
  row,
  scripted,
  settle,
  status,
  success,
  useVirtualTimeInEachTest,
  written,
} from "./support.ts";

/** What is refused before anything is sent, and how what is sent looks. */

useVirtualTimeInEachTest();

function refusalOf(options: unknown): unknown {
  try {
    createClient(options as ClientOptions);
  } catch (error) {
    return error;
  }
  throw new Error("it was accepted");
}

describe("a client", () => {
  test.each([
    [{ nodes: [] }, "bad-nodes"],
    [{}, "bad-nodes"],
    [{ nodes: "http://a.test" }, "bad-nodes"],
    [{ nodes: [7] }, "bad-nodes"],
    [{ nodes: ["127.0.0.1:8000"] }, "bad-nodes"],
    [{ nodes: ["localhost:8000"] }, "bad-nodes"],
    [{ nodes: ["http://"] }, "bad-nodes"],
    [{ nodes: ["ftp://a.test"] }, "bad-nodes"],
    [{ nodes: ["http://me:secret@a.test"] }, "bad-nodes"],
    [{ nodes: ["http://a.test?x"] }, "bad-nodes"],
    [{ nodes: ["http://a.test/#x"] }, "bad-nodes"],
    [{ nodes: [A, ""] }, "bad-nodes"],
    [{ nodes: [A], token: "" }, "bad-token"],
    [{ nodes: [A], token: "two words" }, "bad-token"],
    [{ nodes: [A], token: "line\nbreak" }, "bad-token"],
    [{ nodes: [A], timeoutMs: 0 }, "bad-timeout"],
    [{ nodes: [A], timeoutMs: -1 }, "bad-timeout"],
    [{ nodes: [A], timeoutMs: Number.NaN }, "bad-timeout"],
    [{ nodes: [A], timeoutMs: Number.POSITIVE_INFINITY }, "bad-timeout"],
    [{ nodes: [A], timeoutMs: 2 ** 31 }, "bad-timeout"],
    [{ nodes: [A], timeoutMs: "5s" }, "bad-timeout"],
    [{ nodes: [A], fetch: "fetch" }, "bad-fetch"],
  ])("%j is refused with %s", (options, code) => {
    const error = refusalOf(options);
    expect(error).toBeInstanceOf(ClientError);
    expect(error).toMatchObject({ code, status: 400, outcome: "none", attempts: [] });
  });

  test("a secret in a URL is not repeated in the message", () => {
    expect(String(refusalOf({ nodes: ["http://me:hunter2@a.test"] }))).not.toContain("hunter2");
  });

  test.each([
    ["http://a.test", "http://a.test/v1/kv/x"],
    ["http://a.test/", "http://a.test/v1/kv/x"],
    ["http://a.test:8787/A", "http://a.test:8787/A/v1/kv/x"],
    ["https://a.test/raft/A//", "https://a.test/raft/A/v1/kv/x"],
    ["http://[::1]:8000", "http://[::1]:8000/v1/kv/x"],
  ])("%s is where its nodes are", async (node, expected) => {
    const urls: string[] = [];
    const fetch = async (request: Request): Promise<Response> => {
      urls.push(request.url.replace(/\?.*/, ""));
      return absent(1);
    };
    await success(new Client({ nodes: [node, node], fetch }).get("x"));
    expect(urls).toEqual([expected]);
  });

  test("uses the runtime's own fetch, as it is at the time", async () => {
    const client = new Client({ nodes: [A] });
    vi.stubGlobal("fetch", async () => absent(1));
    try {
      expect(await success(client.get("x"))).toBeNull();
    } finally {
      vi.unstubAllGlobals();
    }
  });
});

describe("a call", () => {
  const half = "\ud800";
  const long = "k".repeat(513);
  const any = (value: unknown) => value as never;

  const refusals: readonly [string, (client: Client) => Promise<unknown>, string, number][] = [
    ["get of no key", (client) => client.get(""), "bad-key", 400],
    ["get of undefined", (client) => client.get(any(undefined)), "bad-key", 400],
    ["get of a number", (client) => client.get(any(5)), "bad-key", 400],
    ["get of half a character", (client) => client.get(half), "bad-key", 400],
    ["get of a long key", (client) => client.get(long), "key-too-large", 413],
    ["get of a key long in UTF-8 alone", (client) => client.get("ä".repeat(257)), "key-too-large", 413],
    ["get of .", (client) => client.get("."), "bad-key", 400],
    ["get of ..", (client) => client.get(".."), "bad-key", 400],
    ["list of half a character", (client) => client.list(half), "bad-key", 400],
    ["list of null", (client) => client.list(any(null)), "bad-key", 400],
    ["keys with half a separator", (client) => client.keys("", { separator: half }), "bad-key", 400],
    ["put of no key", (client) => client.put("", "5"), "bad-key", 400],
    ["put of ..", (client) => client.put("..", "5"), "bad-key", 400],
    ["put of half a character", (client) => client.put("x", half), "bad-value", 400],
    ["put of a number", (client) => client.put("x", any(5)), "bad-value", 400],
    ["put of an ArrayBuffer", (client) => client.put("x", any(new ArrayBuffer(4))), "bad-value", 400],
    ["put of nothing", (client) => client.put("x", any(undefined)), "bad-value", 400],
    ["put with cas -1", (client) => client.put("x", "5", { cas: -1 }), "bad-cas", 400],
    ["put with cas 1.5", (client) => client.put("x", "5", { cas: 1.5 }), "bad-cas", 400],
    ["put with cas null", (client) => client.put("x", "5", { cas: any(null) }), "bad-cas", 400],
    ["put with flags 2^53", (client) => client.put("x", "5", { flags: 2 ** 53 }), "bad-flags", 400],
    ["put of a large text", (client) => client.put("x", "v".repeat(1_048_577)), "body-too-large", 413],
    ["put of many bytes", (client) => client.put("x", new Uint8Array(800_000)), "body-too-large", 413],
    ["delete with cas NaN", (client) => client.delete("x", { cas: Number.NaN }), "bad-cas", 400],
    ["delete of no key", (client) => client.delete(""), "bad-key", 400],
    ["deleteAll of a long prefix", (client) => client.deleteAll(long), "key-too-large", 413],
    ["a batch of nothing", (client) => client.batch([]), "bad-batch", 400],
    ["a batch that is none", (client) => client.batch(any("x")), "bad-batch", 400],
    ["a batch of null", (client) => client.batch([any(null)]), "bad-batch", 400],
    ["an operation of neither kind", (client) => client.batch([any({ key: "x" })]), "bad-batch", 400],
    [
      "an operation of both kinds",
      (client) => client.batch([any({ put: "x", value: "5", delete: "x" })]),
      "bad-batch",
      400,
    ],
    [
      "a batch of 4097",
      (client) => client.batch(Array<Operation>(4097).fill({ delete: "x" })),
      "bad-batch",
      400,
    ],
    ["cas and recurse", (client) => client.batch([{ delete: "x", cas: 1, recurse: true }]), "bad-cas", 400],
    ["a command that is none", (client) => client.command(any(5)), "bad-command", 400],
    ["a large command", (client) => client.command(`SET x=${"v".repeat(1_048_576)}`), "body-too-large", 413],
    ["status of a foreign node", (client) => client.status({ node: "http://z.test" }), "bad-nodes", 400],
    ["status with log -1", (client) => client.status({ log: -1 }), "bad-log", 400],
    ["a call without time", (client) => client.get("x", { timeoutMs: 0 }), "bad-timeout", 400],
    ["a watch of no key", async (client) => await client.watch("").next(), "bad-key", 400],
    ["a watch of nothing", async (client) => await client.watch(any(undefined)).next(), "bad-key", 400],
    ["a watch from -1", async (client) => await client.watch("x", { from: -1 }).next(), "bad-from", 400],
    [
      "a watch that waits for ever",
      async (client) => await client.watch("x", { waitMs: 600_001 }).next(),
      "bad-timeout",
      400,
    ],
  ];
  test.each(refusals)("%s is refused, and nothing is sent", async (_name, call, code, status) => {
    const { client, network } = scripted(() => absent(1));
    const error = await failure((async () => await call(client))());
    expect(error).toBeInstanceOf(ClientError);
    expect(error).toMatchObject({ code, status, outcome: "none", attempts: [] });
    expect(network.seen).toEqual([]);
  });

  test("the largest that is accepted: keys of 512 bytes, bodies of 1 MiB", async () => {
    const { client, network } = scripted(() => written(9));
    const key = "k".repeat(512);
    const frame = JSON.stringify({ atomic: false, ops: [{ put: key, value: "" }] }).length;
    await success(client.put(key, "v".repeat(1_048_576 - frame)));
    expect(network.calls[0]!.body.length).toBe(1_048_576);
    expect(await failure(client.put(key, "v".repeat(1_048_577 - frame)))).toMatchObject({ status: 413 });
  });
});

describe("what is sent", () => {
  async function sent(call: (client: Client) => Promise<unknown>) {
    const { client, network } = scripted(({ path }) => (path === "/v1/kv" ? written(9) : absent(9)));
    await settle(call(client));
    const [{ method, path, query, body, headers }] = network.calls as [(typeof network.calls)[0]];
    query.delete("timeout");
    return { method, path, query: query.toString(), body, type: headers.get("content-type") };
  }

  test.each([
    ["x", "/v1/kv/x"],
    ["a/b", "/v1/kv/a%2Fb"],
    ["a//b/", "/v1/kv/a%2F%2Fb%2F"],
    ["../up", "/v1/kv/..%2Fup"],
    ["a/./b", "/v1/kv/a%2F.%2Fb"],
    [" ?#%&+ä\u0000", "/v1/kv/%20%3F%23%25%26%2B%C3%A4%00"],
    ["😀", "/v1/kv/%F0%9F%98%80"],
    ["...", "/v1/kv/..."],
  ])("the key %j is one segment of the path: %s", async (key, path) => {
    expect(await sent((client) => client.get(key))).toMatchObject({ method: "GET", path, query: "" });
  });

  test("the forms of a read", async () => {
    expect(await sent((client) => client.list("p/"))).toMatchObject({
      path: "/v1/kv/p%2F",
      query: "recurse=",
    });
    expect(await sent((client) => client.list(""))).toMatchObject({ path: "/v1/kv/", query: "recurse=" });
    expect(await sent((client) => client.keys("p", { separator: "/", stale: true }))).toMatchObject({
      path: "/v1/kv/p",
      query: "keys=&separator=%2F&stale=",
    });
    expect(await sent((client) => client.get("x", { stale: true }))).toMatchObject({ query: "stale=" });
  });

  test("the forms of a write", async () => {
    const body = async (call: (client: Client) => Promise<unknown>) => {
      const { method, path, type, body } = await sent(call);
      expect({ method, path, type }).toEqual({ method: "POST", path: "/v1/kv", type: "application/json" });
      return JSON.parse(body);
    };
    expect(await body((client) => client.put("x", "5"))).toEqual({
      atomic: false,
      ops: [{ put: "x", value: "5" }],
    });
    expect(await body((client) => client.put("x", Uint8Array.of(0, 255), { cas: 0, flags: 7 }))).toEqual({
      atomic: false,
      ops: [{ put: "x", base64: "AP8=", cas: 0, flags: 7 }],
    });
    expect(await body((client) => client.delete("x", { cas: 4 }))).toEqual({
      atomic: false,
      ops: [{ delete: "x", cas: 4, recurse: false }],
    });
    expect(await body((client) => client.deleteAll(""))).toEqual({
      atomic: false,
      ops: [{ delete: "", recurse: true }],
    });
    expect(await body((client) => client.batch([{ put: "x", value: "" }], { atomic: true }))).toEqual({
      atomic: true,
      ops: [{ put: "x", value: "" }],
    });
  });

  test("no cache may answer, and no redirection is followed: a token goes where it was given to", async () => {
    const seen: Request[] = [];
    const fetch = async (request: Request): Promise<Response> => {
      seen.push(request);
      return absent(1);
    };
    await success(new Client({ nodes: [A], fetch }).get("x"));
    expect(seen[0]).toMatchObject({ cache: "no-store", redirect: "manual" });
  });
});

describe("what comes back", () => {
  test("an entry, its bytes, its text and its JSON", async () => {
    const one = { ...row("x", '{"a":[1]}', 12), Flags: 7, CreateIndex: 3 };
    const { client } = scripted(() => found(20, one));
    const entry = (await success(client.get("x")))!;
    expect(entry).toMatchObject({ key: "x", flags: 7, createIndex: 3, modifyIndex: 12 });
    expect(entry.text()).toBe('{"a":[1]}');
    expect(entry.json<{ a: number[] }>().a).toEqual([1]);
    expect(entry.value).toEqual(new TextEncoder().encode('{"a":[1]}'));
  });

  test("bytes that are no text, and text that is no JSON, say so", async () => {
    const rows = [
      { ...row("b", "", 2), Value: "gA==" },
      row("t", "\ufefftext", 3),
      { ...row("e", "", 4), Value: null },
    ];
    const { client } = scripted(() => found(20, ...rows));
    const [bytes, text, empty] = await success(client.list(""));
    expect(bytes!.value).toEqual(Uint8Array.of(0x80));
    expect(() => bytes!.text()).toThrow(RaftLiteError);
    expect(() => bytes!.text()).toThrow('the value of "b" is not UTF-8');
    expect(() => bytes!.json()).toThrow('the value of "b" is not JSON');
    expect(() => text!.json()).toThrow('the value of "t" is not JSON');
    // Nothing is taken away from what was put.
    expect(text!.text()).toBe("\ufefftext");
    expect(empty!.value).toEqual(new Uint8Array());
  });

  test("a batch: a result each; refused as a whole it is a result too", async () => {
    const results = [
      { ok: true, ModifyIndex: 9 },
      { ok: false, ModifyIndex: 4, code: "cas-failed" },
      { ok: false, ModifyIndex: 3, code: "rolled-back" },
    ];
    const operations: Operation[] = [{ put: "x", value: "5" }, { delete: "y", cas: 1 }, { delete: "z" }];
    const expected = [
      { ok: true, modifyIndex: 9 },
      { ok: false, modifyIndex: 4, code: "cas-failed" },
      { ok: false, modifyIndex: 3, code: "rolled-back" },
    ];
    const { client } = scripted(() => json({ ok: true, results }));
    expect(await success(client.batch(operations))).toEqual({ ok: true, results: expected });
    const atomic = scripted(() => json({ ok: false, code: "cas-failed", results }, 409));
    expect(await success(atomic.client.batch(operations, { atomic: true }))).toEqual({
      ok: false,
      results: expected,
    });
  });

  test("a command's result", async () => {
    for (const result of ["OK", null, 1, true, { base64: "gA==" }]) {
      const { client } = scripted(() => json({ ok: true, index: 4, term: 2, leader: "A", result }));
      expect(await success(client.command("GET x"))).toEqual({ result, index: 4, term: 2, leader: "A" });
    }
  });

  test("a refused command says why", async () => {
    const { client } = scripted(() =>
      json(
        { ok: false, error: "Unknown verb", code: "unknown-verb", status: 400, detail: 'unknown verb "FOO"' },
        400,
      ),
    );
    const error = (await failure(client.command("FOO"))) as ClientError;
    expect(error).toMatchObject({ code: "unknown-verb", status: 400, outcome: "none" });
    expect(error.message).toBe(`the write was not carried out; ${A}: 400 unknown verb "FOO"`);
    expect(error.attempts).toEqual([
      { node: A, status: 400, said: '400 unknown verb "FOO"', outcome: "none" },
    ]);
    expect(error.name).toBe("ClientError");
    expect(error).toBeInstanceOf(RaftLiteError);
  });

  test("health: well, quiet and not well", async () => {
    const health = async (body: object, code: number) =>
      await success(scripted(() => json(body, code), { timeoutMs: 100 }).client.health());
    expect(await health({ ok: true, node: "A" }, 200)).toEqual({
      healthy: true,
      node: "A",
      reason: null,
      quiet: false,
    });
    expect(await health({ ok: true, node: "A", quiet: true }, 200)).toMatchObject({
      healthy: true,
      quiet: true,
    });
    expect(await health({ ok: false, node: "A", code: "unhealthy", reason: "no leader" }, 503)).toEqual({
      healthy: false,
      node: "A",
      reason: "no leader",
      quiet: false,
    });
    await expect(health({ ok: false, code: "stopped" }, 503)).rejects.toMatchObject({ code: "stopped" });
  });

  test("leader, members and status", async () => {
    expect(await success(scripted(() => json("")).client.leader())).toBeNull();
    expect(await success(scripted(() => json("h:1/A")).client.leader())).toBe("h:1/A");
    expect(await success(scripted(() => json(["h:1", "h:2"])).client.members())).toEqual(["h:1", "h:2"]);
    const { client, network } = scripted(() => status("A", "Leader"));
    expect(await success(client.status({ log: "all" }))).toMatchObject({ node: "A", state: "Leader" });
    expect(network.seen[0]!.query.get("log")).toBe("all");
    const notUtf8 = scripted(() => new Response(Uint8Array.of(0x22, 0xff, 0x22)));
    expect(await failure(notUtf8.client.leader())).toMatchObject({ code: "no-node" });
    expect(await failure(scripted(() => json({ status: "up" })).client.status())).toMatchObject({
      code: "no-node",
    });
  });
});
