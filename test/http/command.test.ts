import { afterEach, describe, expect, test } from "vitest";
import { RaftLiteError } from "../../shared/errors.ts";
import type { StoreReader } from "../../shared/http/context.ts";
import type { HandlerOptions } from "../../shared/http/handler.ts";
import type { NodeApi } from "../../shared/node/api.ts";
import type { Face } from "./support.ts";
import { FACES, fakeNode, storeWith } from "./support.ts";

describe.each(FACES)("POST /command over %s", (_name, open) => {
  let face: Face | undefined;
  afterEach(async () => {
    await face?.close();
    face = undefined;
  });

  async function post(
    body: BodyInit | null,
    { node = fakeNode(), store, options, path = "/command", headers }: Setup = {},
  ): Promise<{ status: number; headers: Headers; body: Record<string, unknown>; text: string }> {
    face = await open(node, store, options);
    const reply = await face.call("POST", path, body, headers);
    return { ...reply, body: JSON.parse(reply.text) };
  }

  test("commits the command and answers in the contract's order", async () => {
    const node = fakeNode();
    const reply = await post('{"cmd":"SET x=5"}', { node });
    expect(reply.status).toBe(200);
    expect(reply.text).toBe('{"ok":true,"index":0,"term":3,"leader":"A","result":"OK"}');
    expect(reply.headers.get("content-type")).toBe("application/json");
    expect(node.asked).toEqual([
      { what: "execute", schema: 1, cmd: "SET x=5", options: { timeoutMs: 5000, forward: true } },
    ]);
  });

  test.each(["/command", "/client", "/client_command", "/command/", "/command?unknown=1"])(
    "%s is the same route",
    async (path) => {
      expect((await post('{"cmd":"SET x=5"}', { path })).status).toBe(200);
    },
  );

  test.each([
    ["the field command", '{"command":"SET x=5"}'],
    ["unknown fields", '{"cmd":"SET x=5","more":[1],"__proto__":{"cmd":1}}'],
    ["space around the command", '{"cmd":"  SET x=5 \\t"}'],
    ["a byte order mark", '\ufeff{"cmd":"SET x=5"}'],
  ])("accepts %s", async (_what, body) => {
    const node = fakeNode();
    expect((await post(body, { node })).status).toBe(200);
    expect(node.asked).toMatchObject([{ cmd: "SET x=5" }]);
  });

  test("does not look at the content type", async () => {
    const headers = { "content-type": "application/x-www-form-urlencoded" };
    expect((await post('{"cmd":"SET x=5"}', { headers })).status).toBe(200);
  });

  test.each([
    ["500", 500],
    ["1", 1],
    ["500ms", 500],
    ["5s", 5000],
    ["60s", 60_000],
    ["60000", 60_000],
  ])("?timeout=%s is %i ms", async (text, timeoutMs) => {
    const node = fakeNode();
    await post('{"cmd":"SET x=5"}', { node, path: `/command?timeout=${text}` });
    expect(node.asked).toMatchObject([{ options: { timeoutMs } }]);
  });

  test.each(["0", "-1", "61s", "60001", "1m", "5 s", "0.5s", "1e3", "", "abc", "%zz", "5s&timeout=6s"])(
    "?timeout=%s is refused",
    async (text) => {
      const node = fakeNode();
      const reply = await post('{"cmd":"SET x=5"}', { node, path: `/command?timeout=${text}` });
      expect(reply).toMatchObject({ status: 400, body: { code: "bad-parameter", parameter: "timeout" } });
      expect(node.asked).toEqual([]);
    },
  );

  test.each([
    ["no body", null, "bad-json"],
    ["an empty body", "", "bad-json"],
    ["white space", " \n", "bad-json"],
    ["half of JSON", '{"cmd":"SET x', "bad-json"],
    ["a form", "cmd=SET x=5", "bad-json"],
    ["an array", '["SET x=5"]', "bad-json"],
    ["a string", '"SET x=5"', "bad-json"],
    ["null", "null", "bad-json"],
    ["a number", "5", "bad-json"],
    [
      "objects nested a hundred thousand deep",
      `${'{"cmd":'.repeat(100_000)}1${"}".repeat(100_000)}`,
      "bad-field",
    ],
    [
      "arrays nested a hundred thousand deep",
      `{"cmd":${"[".repeat(100_000)}${"]".repeat(100_000)}}`,
      "bad-field",
    ],
    ["brackets that never close", "[".repeat(100_000), "bad-json"],
    ["no field", "{}", "bad-field"],
    ["an inherited field", '{"__proto__":{"cmd":"SET x=5"}}', "bad-field"],
    ["both names", '{"cmd":"SET x=5","command":"SET x=5"}', "bad-field"],
    ["both names, one of them null", '{"cmd":"SET x=5","command":null}', "bad-field"],
    ["a number for a command", '{"cmd":5}', "bad-field"],
    ["null for a command", '{"cmd":null}', "bad-field"],
    ["an object for a command", '{"cmd":{"SET":"x"}}', "bad-field"],
    ["an empty command", '{"cmd":""}', "bad-command"],
    ["a command of spaces", '{"cmd":"   "}', "bad-command"],
    ["a newline in a command", '{"cmd":"SET x=5\\nSET y=6"}', "bad-command"],
    ["half a surrogate pair", '{"cmd":"SET x=\\ud800"}', "bad-command"],
    ["an unknown verb", '{"cmd":"FLY x"}', "unknown-verb"],
    ["bytes that are not UTF-8", new Uint8Array([0x7b, 0x22, 0xff, 0x22, 0x7d]), "bad-encoding"],
    ["three bytes of a four-byte character", cutCharacter(), "bad-encoding"],
    ["an overlong slash", overlong(), "bad-encoding"],
  ] as const)("refuses %s", async (_what, body, code) => {
    const node = fakeNode();
    const reply = await post(body, { node });
    expect(reply).toMatchObject({ status: 400, body: { ok: false, code, status: 400 } });
    expect(reply.headers.get("content-type")).toBe("application/problem+json");
    expect(reply.body.error).toBe(reply.body.title);
    expect(node.asked).toEqual([]);
  });

  test("shows what was expected to whoever sent nothing", async () => {
    expect((await post("")).body.detail).toBe('the request body is empty; send e.g. {"cmd":"SET x=5"}');
  });

  test("names the field of a wrong type", async () => {
    expect((await post('{"command":[1]}')).body.detail).toContain('"command" must be a string, not an array');
  });

  test("a key of 600 bytes is too large", async () => {
    const node = fakeNode();
    const reply = await post(JSON.stringify({ cmd: `SET ${"k".repeat(600)}=1` }), { node });
    expect(reply).toMatchObject({ status: 413, body: { ok: false, code: "key-too-large" } });
    expect(node.asked).toEqual([]);
  });

  test("control characters in a reply are escaped and keep their meaning", async () => {
    const result = "\u001b[2J\u009b\u202e";
    const reply = await post('{"cmd":"SET x=5"}', {
      node: fakeNode({ execute: async () => ({ index: 1, ordinal: 0, term: 1, leader: "A", result }) }),
    });
    expect(reply.text).not.toMatch(/[\p{Cc}\u202e]/u);
    expect(reply.body.result).toBe(result);
  });

  describe("GET", () => {
    const text = new TextEncoder();

    test("waits for a read point and appends nothing", async () => {
      const node = fakeNode();
      const store = storeWith((key) => (key === "k" ? text.encode("v \u00e4 = \u{1f600}") : null));
      const reply = await post('{"cmd":"get k"}', { node, store, path: "/command?timeout=2s" });
      expect(reply.text).toBe('{"ok":true,"index":4,"term":3,"leader":"A","result":"v \u00e4 = \u{1f600}"}');
      expect(node.asked).toEqual([{ what: "read", options: { timeoutMs: 2000, forward: true } }]);
    });

    test("reads the value after the read point, not before it", async () => {
      let value = "old";
      const node = fakeNode({
        read: async () => {
          value = "new";
          return { ordinal: 0, term: 1, leader: "A" };
        },
      });
      const reply = await post('{"cmd":"GET k"}', {
        node,
        store: storeWith(() => text.encode(value)),
      });
      expect(reply.body.result).toBe("new");
    });

    test("an absent key is null", async () => {
      expect((await post('{"cmd":"GET k"}')).body.result).toBeNull();
    });

    test("an empty value is an empty string", async () => {
      const store = storeWith(() => new Uint8Array());
      expect((await post('{"cmd":"GET k"}', { store })).body.result).toBe("");
    });

    test("a byte order mark in a value is part of it", async () => {
      const store = storeWith(() => new Uint8Array([0xef, 0xbb, 0xbf, 0x78]));
      expect((await post('{"cmd":"GET k"}', { store })).body.result).toBe("\ufeffx");
    });

    test("a value that is not UTF-8 comes as base64, a large one too", async () => {
      const value = new Uint8Array(1_000_000).map((_, i) => 0x80 + (i % 0x40));
      const reply = await post('{"cmd":"GET k"}', { store: storeWith(() => value) });
      const { base64 } = reply.body.result as { base64: string };
      expect(Buffer.from(base64, "base64").equals(value)).toBe(true);
    });
  });

  describe("raft-forward", () => {
    const never = { "raft-forward": "never" };
    const notLeader = new RaftLiteError("not-leader", "the leader is B", {
      status: 403,
      details: { leader: "B", leaderUrl: "http://10.0.0.2:8001" },
    });

    test.each(["SET x=5", "GET x"])("never: a follower refuses %s in the lab's words", async (cmd) => {
      const asked: boolean[] = [];
      const refuse = async (options: { forward: boolean }): Promise<never> => {
        asked.push(options.forward);
        throw notLeader;
      };
      const node = fakeNode({ execute: (_schema, _bytes, options) => refuse(options), read: refuse });
      const reply = await post(JSON.stringify({ cmd }), { node, headers: never });
      expect(reply.status).toBe(403);
      expect(reply.text).toMatch(
        /^\{"ok":false,"error":"Not leader","leader":"B","leaderUrl":"http:\/\/10.0.0.2:8001",/,
      );
      expect(reply.body).toMatchObject({ code: "not-leader", title: "Not leader", status: 403 });
      expect(reply.body).not.toHaveProperty("outcome");
      expect(asked).toEqual([false]);
    });

    test("any other value is refused, not guessed", async () => {
      const node = fakeNode();
      const reply = await post('{"cmd":"SET x=5"}', { node, headers: { "raft-forward": "nver" } });
      expect(reply).toMatchObject({ status: 400, body: { ok: false, code: "bad-header" } });
      expect(node.asked).toEqual([]);
    });
  });

  describe("what may have become of a command that failed", () => {
    const failing = (error: unknown): NodeApi =>
      fakeNode({
        execute: async () => {
          throw error;
        },
        read: async () => {
          throw error;
        },
      });

    test.each(["none", "unknown"])("the node's own word goes first: %s", async (outcome) => {
      const error = new RaftLiteError("timeout", "no quorum within 500 ms", {
        status: 503,
        details: { outcome },
      });
      const reply = await post('{"cmd":"SET x=5"}', { node: failing(error) });
      expect(reply).toMatchObject({
        status: 503,
        body: { ok: false, error: "Timeout", code: "timeout", outcome },
      });
    });

    test("is unknown where the node does not say", async () => {
      const error = new RaftLiteError("stopping", "the node is stopping", { status: 503 });
      const reply = await post('{"cmd":"SET x=5"}', { node: failing(error) });
      expect(reply).toMatchObject({ status: 503, body: { code: "stopping", outcome: "unknown" } });
    });

    test("is unknown after an unexpected error, which only the node's log sees", async () => {
      const heard: unknown[] = [];
      const error = new TypeError("secret inner workings");
      const reply = await post('{"cmd":"SET x=5"}', {
        node: failing(error),
        options: { onError: (unforeseen) => heard.push(unforeseen) },
      });
      expect(reply).toMatchObject({ status: 500, body: { ok: false, code: "internal", outcome: "unknown" } });
      expect(reply.text).not.toContain("secret");
      expect(reply.text).not.toContain("command-route");
      expect(heard).toEqual([error]);
    });

    test("a failed read was never in a log", async () => {
      const reply = await post('{"cmd":"GET x"}', { node: failing(new Error("no")) });
      expect(reply).toMatchObject({ status: 500, body: { code: "internal", outcome: "none" } });
    });

    test("back-pressure asks to come again", async () => {
      const error = new RaftLiteError("overloaded", "too many commands are waiting", { status: 429 });
      const reply = await post('{"cmd":"SET x=5"}', { node: failing(error) });
      expect(reply).toMatchObject({ status: 429, body: { ok: false, code: "overloaded" } });
      expect(reply.headers.get("retry-after")).toBe("1");
      expect(reply.body).not.toHaveProperty("outcome");
    });

    test("details cannot take the place of the reply's own fields", async () => {
      const details = { ok: true, error: "x", code: "x", status: 200, detail: "x", leader: "B" };
      const error = new RaftLiteError("timeout", "late", { status: 503, details });
      const reply = await post('{"cmd":"SET x=5"}', { node: failing(error) });
      expect(reply.body).toMatchObject({
        ok: false,
        error: "Timeout",
        code: "timeout",
        status: 503,
        leader: "B",
      });
      expect(reply.body.detail).toBe("late");
    });
  });
});

interface Setup {
  readonly node?: NodeApi;
  readonly store?: StoreReader;
  readonly options?: HandlerOptions;
  readonly path?: string;
  readonly headers?: Record<string, string>;
}

/** A replacement character for these has as many bytes as they have: no count of bytes gives them away. */
function cutCharacter(): Uint8Array<ArrayBuffer> {
  return between('{"cmd":"SET x=', [0xf0, 0x9f, 0x98], '"}');
}

function overlong(): Uint8Array<ArrayBuffer> {
  return between('{"cmd":"SET x=', [0xc0, 0xaf], '"}');
}

function between(before: string, bytes: number[], after: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from([...Buffer.from(before), ...bytes, ...Buffer.from(after)]);
}
