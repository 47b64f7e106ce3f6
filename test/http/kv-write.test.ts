import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { RaftLiteError } from "../../shared/errors.ts";
import type { Problem } from "./kv-support.ts";
import { Kv, SoloNode } from "./kv-support.ts";
import { FACES } from "./support.ts";

const LIMIT = 1_048_576;

describe.each(FACES)("writes to /v1/kv over %s", (_name, open) => {
  let kv: Kv;
  beforeEach(async () => {
    kv = await Kv.open(open);
  });
  afterEach(() => kv.close());

  /** Refused, and nothing has changed. */
  async function refused(
    method: string,
    path: string,
    body?: BodyInit,
  ): Promise<Problem & { status: number }> {
    const before = kv.solo.log.length;
    const reply = await kv.call<Problem>(method, path, body);
    expect(kv.solo.log).toHaveLength(before);
    expect(reply.headers.get("content-type")).toBe("application/problem+json");
    return { status: reply.status, ...reply.body };
  }

  describe("PUT", () => {
    test("stores the body and says true, with the index of the write", async () => {
      const reply = await kv.put("/x", "hello");
      expect(reply).toMatchObject({ status: 200, text: "true", index: 2 });
      expect(reply.headers.get("content-type")).toBe("application/json");
      expect(kv.contents).toEqual({ x: "hello" });
    });

    test("the log shows what it was, not what was in it", async () => {
      await kv.put("/x", new Uint8Array(256));
      await kv.put("/y?cas=99", "v");
      expect(kv.solo.log).toEqual(["PUT x (256 bytes)", "PUT y (1 bytes)"]);
    });

    test("exactly the largest value goes in, one byte more is refused", async () => {
      expect((await kv.put("/big", new Uint8Array(LIMIT))).body).toBe(true);
      const problem = await refused("PUT", "/big", new Uint8Array(LIMIT + 1));
      expect(problem).toMatchObject({ status: 413, code: "body-too-large" });
    });

    test.each([
      ["?cas=0", true],
      ["?cas=1", false],
    ])("an absent key with %s: %s", async (query, expected) => {
      expect(await kv.put(`/x${query}`)).toMatchObject({
        status: 200,
        text: String(expected),
        index: expected ? 2 : 1,
      });
    });

    test.each([
      ["?cas=0", false],
      ["?cas=2", true],
      ["?cas=3", false],
    ])("a key of index 2 with %s: %s", async (query, expected) => {
      await kv.put("/x", "old");
      await kv.put("/other");
      expect((await kv.put(`/x${query}`, "new")).body).toBe(expected);
      expect(kv.contents.x).toBe(expected ? "new" : "old");
    });

    test.each(["0", "1", "42", "9007199254740991"])("?flags=%s comes back as it was given", async (flags) => {
      await kv.put(`/x?flags=${flags}`);
      expect((await kv.get("/x")).body[0]?.Flags).toBe(Number(flags));
    });

    test("a put without flags sets them to 0", async () => {
      await kv.put("/x?flags=5");
      await kv.put("/x");
      expect((await kv.get("/x")).body[0]?.Flags).toBe(0);
    });

    test("the largest value under the longest key with the largest numbers fits an entry", async () => {
      const path = `/${"k".repeat(512)}?flags=9007199254740991&cas=0`;
      expect((await kv.put(path, new Uint8Array(LIMIT))).body).toBe(true);
    });

    test.each([
      ["cas=abc", "cas"],
      ["cas=", "cas"],
      ["cas=-1", "cas"],
      ["cas=1.0", "cas"],
      ["cas=9007199254740992", "cas"],
      ["cas=0&cas=0", "cas"],
      ["cas=&cas=0", "cas"],
      ["%63as=x", "cas"],
      ["flags=-1", "flags"],
      ["flags=", "flags"],
      ["flags=0x10", "flags"],
      ["flags=9007199254740992", "flags"],
      ["flags=18446744073709551615", "flags"],
      ["timeout=soon", "timeout"],
      ["acquire=session", "acquire"],
      ["release=session", "release"],
    ])("?%s is refused", async (query, parameter) => {
      const problem = await refused("PUT", `/x?${query}`, "v");
      expect(problem).toMatchObject({ status: 400, code: "bad-parameter", parameter });
    });

    test.each(["", "/", "?recurse", "/?cas=0"])("PUT /v1/kv%s has no key", async (path) => {
      expect(await refused("PUT", path, "v")).toMatchObject({ status: 400, code: "missing-key" });
    });

    test("raft-forward: never is for /v1/kv too", async () => {
      await kv.face.call("PUT", "/v1/kv/x", "v", { "raft-forward": "never" });
      expect(kv.solo.api.asked).toMatchObject([{ options: { forward: false } }]);
    });
  });

  describe("DELETE", () => {
    beforeEach(async () => {
      for (const key of ["a", "a/1", "a/2", "b"]) await kv.put(`/${key}`, key);
    });

    test("takes one key away", async () => {
      expect(await kv.delete("/a")).toMatchObject({ status: 200, text: "true", index: 6 });
      expect(Object.keys(kv.contents)).toEqual(["a/1", "a/2", "b"]);
      expect(kv.solo.log.at(-1)).toBe("DELETE a");
    });

    test("of nothing is true and changes nothing, as in Consul", async () => {
      expect(await kv.delete("/none")).toMatchObject({ text: "true", index: 5 });
      expect(await kv.delete("/none?cas=7")).toMatchObject({ text: "true", index: 5 });
    });

    test.each([
      ["?cas=2", true],
      ["?cas=3", false],
      ["?cas=0", false],
    ])("%s of a key of index 2: %s", async (query, expected) => {
      expect((await kv.delete(`/a${query}`)).body).toBe(expected);
      expect("a" in kv.contents).toBe(!expected);
    });

    test.each([
      ["/a?recurse", ["b"]],
      ["/a/?recurse=true", ["a", "b"]],
      ["/?recurse", []],
      ["?recurse=1", []],
      ["/none?recurse", ["a", "a/1", "a/2", "b"]],
      ["/a?recurse=false", ["a/1", "a/2", "b"]],
    ])("%s leaves %j", async (path, left) => {
      expect((await kv.delete(path)).text).toBe("true");
      expect(Object.keys(kv.contents)).toEqual(left);
    });

    test.each([
      ["/a?cas=2&recurse", "cas"],
      ["/a?recurse=yes", "recurse"],
      ["/a?recurse&recurse", "recurse"],
      ["/a?cas=x", "cas"],
    ])("%s is refused", async (path, parameter) => {
      expect(await refused("DELETE", path)).toMatchObject({ status: 400, code: "bad-parameter", parameter });
    });

    test.each(["", "/", "/?cas=0", "/?recurse=false"])("DELETE /v1/kv%s has no key", async (path) => {
      expect(await refused("DELETE", path)).toMatchObject({ status: 400, code: "missing-key" });
    });
  });

  describe("what became of a write that failed", () => {
    const failing = (error: unknown) => Kv.open(open, new SoloNode({ execute: () => Promise.reject(error) }));

    test.each([
      ["PUT", "/x"],
      ["DELETE", "/x"],
      ["POST", ""],
    ])("%s: the node's own word of it comes first", async (method, path) => {
      const error = new RaftLiteError("timeout", "late", { status: 503, details: { outcome: "none" } });
      const face = await failing(error);
      const reply = await face.call(
        "PUT" === method ? "PUT" : method,
        path,
        method === "DELETE" ? null : '{"ops":[{"delete":"x"}]}',
      );
      expect(reply).toMatchObject({ status: 503, body: { code: "timeout", outcome: "none" } });
      await face.close();
    });

    test("an unforeseen error leaves it open", async () => {
      const face = await failing(new TypeError("a bug"));
      expect(await face.put("/x")).toMatchObject({
        status: 500,
        body: { code: "internal", outcome: "unknown" },
      });
      await face.close();
    });

    test("an error before the command was handed over does not", async () => {
      const reply = await kv.call<Problem>("PUT", "/x?cas=x", "v");
      expect(reply.body.outcome).toBeUndefined();
      expect(reply.status).toBe(400);
    });

    test("at a follower that may not forward: 403 with the leader", async () => {
      const details = { leader: "B", leaderUrl: "http://b.example" };
      const face = await failing(new RaftLiteError("not-leader", "Not leader", { status: 403, details }));
      expect(await face.put("/x")).toMatchObject({
        status: 403,
        body: { ok: false, error: "Not leader", code: "not-leader", ...details },
      });
      await face.close();
    });

    test("what the state machine refused is certainly not done", async () => {
      const refusal = { refused: "bad-operation", message: "no", status: 400 };
      const execute = async () => ({ index: 2, ordinal: 0, term: 1, leader: "A", result: refusal });
      const face = await Kv.open(open, new SoloNode({ execute }));
      expect(await face.put("/x")).toMatchObject({
        status: 400,
        body: { code: "bad-operation", outcome: "none" },
      });
      await face.close();
    });
  });

  test.each([
    ["POST", "/x", "GET, HEAD, PUT, DELETE, OPTIONS"],
    ["PATCH", "/x", "GET, HEAD, PUT, DELETE, OPTIONS"],
    ["POST", "//", "GET, HEAD, PUT, DELETE, OPTIONS"],
    ["PATCH", "", "GET, HEAD, PUT, DELETE, POST, OPTIONS"],
    ["PATCH", "/", "GET, HEAD, PUT, DELETE, POST, OPTIONS"],
  ])("%s /v1/kv%s: 405 with Allow", async (method, path, allow) => {
    const reply = await kv.call(method, path);
    expect(reply).toMatchObject({ status: 405, body: { code: "method-not-allowed" } });
    expect(reply.headers.get("allow")).toBe(allow);
    expect((await kv.call("OPTIONS", path)).headers.get("allow")).toBe(allow);
  });
});

test.each(FACES)("a token guards all of /v1/kv over %s, before anything is read", async (_name, open) => {
  const kv = await Kv.open(open, new SoloNode(), { token: "t0ken" });
  for (const [method, path] of [
    ["GET", "/x"],
    ["HEAD", "/x"],
    ["GET", "/x?index=zz"],
    ["PUT", "/x?cas=zz"],
    ["DELETE", "/%zz"],
    ["POST", ""],
  ] as const) {
    const body = method === "PUT" || method === "POST" ? "{" : null;
    expect((await kv.call(method, path, body)).status, `${method} ${path}`).toBe(401);
  }
  const authorization = "Bearer t0ken";
  expect((await kv.face.call("PUT", "/v1/kv/x", "v", { authorization })).status).toBe(200);
  expect((await kv.face.call("GET", "/v1/kv/x", null, { authorization })).status).toBe(200);
  await kv.close();
});
