import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { RaftLiteError } from "../../shared/errors.ts";
import type { Problem } from "./kv-support.ts";
import { Kv, SoloNode } from "./kv-support.ts";
import { FACES } from "./support.ts";

describe.each(FACES)("GET /v1/kv over %s", (_name, open) => {
  let kv: Kv;
  beforeEach(async () => {
    kv = await Kv.open(open);
  });
  afterEach(() => kv.close());

  const problem = async (path: string): Promise<Problem & { readonly status: number }> => {
    const { status, body, headers } = await kv.call<Problem>("GET", path);
    expect(headers.get("content-type")).toBe("application/problem+json");
    return { status, ...body };
  };

  describe("one key", () => {
    test("a row of Consul's, in the order of the reference", async () => {
      await kv.put("/x?flags=42", "hello");
      await kv.put("/y", "other");
      await kv.put("/x?flags=42", "hello");
      const reply = await kv.get("/x");
      expect(reply.status).toBe(200);
      expect(reply.headers.get("content-type")).toBe("application/json");
      expect(reply.text).toBe(
        '[{"Key":"x","Value":"aGVsbG8=","Flags":42,"CreateIndex":2,"ModifyIndex":4,"LockIndex":0}]',
      );
      expect(reply.index).toBe(4);
    });

    test("an empty value is an empty string, as base64 has it", async () => {
      await kv.put("/x", "");
      expect((await kv.get("/x")).body[0]?.Value).toBe("");
    });

    test("what the text commands wrote is there", async () => {
      kv.solo.bench.command("SET x=5");
      expect((await kv.get("/x")).body).toMatchObject([{ Value: "NQ==", Flags: 0, ModifyIndex: 2 }]);
    });

    test("an absent key is 404 and tells how far the store is", async () => {
      await kv.put("/other");
      const reply = await kv.call<Problem>("GET", "/x");
      expect(reply).toMatchObject({ status: 404, index: 2, body: { code: "key-not-found" } });
      expect(reply.headers.get("content-type")).toBe("application/problem+json");
    });

    test("a deleted key is 404 with the index of its deletion", async () => {
      await kv.put("/x");
      await kv.delete("/x");
      expect(await kv.get("/x")).toMatchObject({ status: 404, index: 3 });
    });

    test("a key is not a prefix", async () => {
      await kv.put("/xy");
      expect((await kv.get("/x")).status).toBe(404);
    });

    test("an empty store has index 1: to a Consul client 0 would mean not to wait", async () => {
      expect((await kv.get("/x")).index).toBe(1);
    });

    test("nobody keeps a copy of what may change", async () => {
      await kv.put("/x");
      expect((await kv.get("/x")).headers.get("cache-control")).toBe("no-store");
      expect((await kv.get("/none")).headers.get("cache-control")).toBe("no-store");
    });

    test("HEAD is GET without the body", async () => {
      await kv.put("/x");
      expect(await kv.call("HEAD", "/x")).toMatchObject({ status: 200, index: 2 });
      expect(await kv.call("HEAD", "/none")).toMatchObject({ status: 404, index: 2 });
    });
  });

  describe("?raw", () => {
    test("the bytes, whatever they are", async () => {
      const value = Uint8Array.from({ length: 256 }, (_, i) => i);
      await kv.put("/x", value);
      const reply = await kv.face.call("GET", "/v1/kv/x?raw");
      expect(reply.status).toBe(200);
      expect(Buffer.from(reply.bytes).equals(value)).toBe(true);
      expect(reply.headers.get("x-consul-index")).toBe("2");
    });

    test("a megabyte, bytes exact", async () => {
      const value = Uint8Array.from({ length: 1_048_576 }, (_, i) => (i * 7919) >> 3);
      await kv.put("/x", value);
      const reply = await kv.face.call("GET", "/v1/kv/x?raw");
      expect(Buffer.from(reply.bytes).equals(value)).toBe(true);
      const [row] = (await kv.get("/x")).body;
      expect(Buffer.from(row?.Value ?? "", "base64").equals(value)).toBe(true);
    });

    test("an empty value is an empty body", async () => {
      await kv.put("/x", "");
      expect(await kv.get("/x?raw")).toMatchObject({ status: 200, text: "", index: 2 });
    });

    test("a browser neither guesses what it is nor runs it", async () => {
      await kv.put("/x", "<script>alert(1)</script>");
      const { headers } = await kv.get("/x?raw");
      expect(headers.get("content-type")).toBe("application/octet-stream");
      expect(headers.get("x-content-type-options")).toBe("nosniff");
      expect(headers.get("content-security-policy")).toBe("sandbox");
    });

    test("an absent key is the same 404", async () => {
      expect(await problem("/x?raw")).toMatchObject({ status: 404, code: "key-not-found" });
    });
  });

  describe("?recurse", () => {
    test("all rows below, in the order of their bytes", async () => {
      for (const key of ["b", "a/2", "a/10", "a", "ab", "a/\u{ff5e}", "a/\u{1f600}"]) {
        await kv.put(`/${encodeURIComponent(key)}`, key);
      }
      const { body, status } = await kv.get("/a?recurse");
      expect(status).toBe(200);
      expect(body.map(({ Key }) => Key)).toEqual(["a", "a/10", "a/2", "a/\u{ff5e}", "a/\u{1f600}", "ab"]);
      expect(body.map(({ Value }) => Buffer.from(Value, "base64").toString())).toEqual(
        body.map(({ Key }) => Key),
      );
    });

    test.each(["?recurse", "/?recurse"])("%s is everything", async (path) => {
      await kv.put("/a");
      await kv.put("/b");
      expect((await kv.get(path)).body.map(({ Key }) => Key)).toEqual(["a", "b"]);
    });

    test.each(["/c?recurse", "/?recurse"])("%s is 404 when there is nothing", async (path) => {
      await kv.put("/a");
      await kv.delete("/a");
      expect(await kv.get(path)).toMatchObject({ status: 404, index: 3, body: { code: "key-not-found" } });
    });

    test("a list is made anew after every change, and for every prefix and form", async () => {
      const texts = async () => {
        const paths = ["/a?recurse", "/a?keys", "/?keys&separator=/", "/?keys", "/a?recurse"];
        const replies = [];
        for (const path of paths) replies.push((await kv.get(path)).text);
        return replies;
      };
      await kv.put("/a/1", "x");
      const row = (ModifyIndex: number, Value: string) =>
        `[{"Key":"a/1","Value":"${Value}","Flags":0,"CreateIndex":2,"ModifyIndex":${ModifyIndex},"LockIndex":0}]`;
      expect(await texts()).toEqual([row(2, "eA=="), '["a/1"]', '["a/"]', '["a/1"]', row(2, "eA==")]);
      await kv.put("/a/1", "y");
      expect(await texts()).toEqual([row(3, "eQ=="), '["a/1"]', '["a/"]', '["a/1"]', row(3, "eQ==")]);
      await kv.put("/b", "y");
      expect(await texts()).toEqual([row(3, "eQ=="), '["a/1"]', '["a/","b"]', '["a/1","b"]', row(3, "eQ==")]);
      await kv.delete("/a/1");
      expect((await kv.get("/a?recurse")).status).toBe(404);
    });

    test("many rows come in pieces and whole, as they were when they were asked for", async () => {
      const { bench } = kv.solo;
      const expected: string[] = [];
      for (let i = 0; i < 1500; i++) {
        const key = `k${String(i).padStart(4, "0")}`;
        bench.command(`SET ${key}=${"v".repeat(300)}`);
        expected.push(key);
        if (i % 500 === 0) bench.flush();
      }
      const before = bench.last;
      const reply = await kv.get("/k?recurse");
      expect(reply.body.map(({ Key }) => Key)).toEqual(expected);
      expect(reply.index).toBe(before);
    });
  });

  describe("?keys", () => {
    beforeEach(async () => {
      for (const key of ["a", "a/b", "a/c/1", "a/c/2", "a/d/", "b/x", "z"]) await kv.put(`/${key}`);
    });

    test.each([
      ["?keys", ["a", "a/b", "a/c/1", "a/c/2", "a/d/", "b/x", "z"]],
      ["/a/?keys", ["a/b", "a/c/1", "a/c/2", "a/d/"]],
      ["/a?keys", ["a", "a/b", "a/c/1", "a/c/2", "a/d/"]],
      ["/?keys&separator=/", ["a", "a/", "b/", "z"]],
      ["/a/?keys&separator=/", ["a/b", "a/c/", "a/d/"]],
      ["/a?keys&separator=/", ["a", "a/"]],
      ["/a/c/?keys&separator=%2F", ["a/c/1", "a/c/2"]],
      ["/a/?keys&separator=c/", ["a/b", "a/c/", "a/d/"]],
      ["/a/?keys&separator=", ["a/b", "a/c/1", "a/c/2", "a/d/"]],
      ["/a/?keys&separator=none", ["a/b", "a/c/1", "a/c/2", "a/d/"]],
      ["/a/?keys&recurse", ["a/b", "a/c/1", "a/c/2", "a/d/"]],
    ])("%s", async (path, expected) => {
      const reply = await kv.call<string[]>("GET", path);
      expect(reply).toMatchObject({ status: 200, index: 8 });
      expect(reply.body).toEqual(expected);
    });

    test("404 when there is nothing below", async () => {
      expect(await problem("/c?keys")).toMatchObject({ status: 404, code: "key-not-found" });
    });

    test("the empty prefix is always there, as in Consul", async () => {
      await kv.delete("/?recurse");
      expect(await kv.get("/?keys")).toMatchObject({ status: 200, text: "[]" });
    });

    test("control characters in keys are escaped", async () => {
      await kv.put("/%1b%5b%c2%9b%e2%80%ae");
      const reply = await kv.call<string[]>("GET", "/%1b?keys");
      expect(reply.text).toBe('["\\u001b[\\u009b\\u202e"]');
      const rows = await kv.get("/%1b?recurse");
      expect(rows.text).toContain('"Key":"\\u001b[\\u009b\\u202e"');
      expect(rows.body[0]?.Key).toBe("\u001b[\u009b\u202e");
    });
  });

  describe("how a read is asked for", () => {
    test("linearizable unless it says otherwise, through any node", async () => {
      await kv.get("/x");
      await kv.get("/?recurse&timeout=2s");
      expect(kv.solo.api.asked).toEqual([
        { what: "read", options: { timeoutMs: 5000, forward: true } },
        { what: "read", options: { timeoutMs: 2000, forward: true } },
      ]);
    });

    test("raft-forward: never is for /v1/kv too", async () => {
      await kv.face.call("GET", "/v1/kv/x", null, { "raft-forward": "never" });
      expect(kv.solo.api.asked).toEqual([{ what: "read", options: { timeoutMs: 5000, forward: false } }]);
    });

    test("what the store holds after the read point counts, not before it", async () => {
      kv.solo.beforeRead = () => void kv.solo.bench.command("SET x=new");
      expect((await kv.get("/x")).body).toMatchObject([{ Value: btoa("new"), ModifyIndex: 2 }]);
    });

    test.each(["?stale", "?stale=1", "?stale=true"])("%s asks nobody", async (query) => {
      await kv.put("/x");
      kv.solo.api.asked.length = 0;
      expect((await kv.get(`/x${query}`)).status).toBe(200);
      expect(kv.solo.api.asked).toEqual([]);
    });

    test.each(["?stale=false", "?stale=0", "?consistent"])("%s is a linearizable read", async (query) => {
      await kv.get(`/x${query}`);
      expect(kv.solo.api.asked).toHaveLength(1);
    });
  });

  test("a read that no leader confirms is an error with an outcome", async () => {
    const read = () =>
      Promise.reject(
        new RaftLiteError("no-leader", "no leader", { status: 503, details: { outcome: "none" } }),
      );
    const lonely = await Kv.open(open, new SoloNode({ read }));
    try {
      const reply = await lonely.call<Problem>("GET", "/x");
      expect(reply).toMatchObject({ status: 503, body: { code: "no-leader", outcome: "none" } });
      expect((await lonely.call("GET", "/x?stale")).status).toBe(404);
    } finally {
      await lonely.close();
    }
  });

  describe("bad parameters", () => {
    test.each([
      ["raw=yes", "raw"],
      ["recurse=no", "recurse"],
      ["keys=2", "keys"],
      ["stale=TRUE", "stale"],
      ["raw&raw", "raw"],
      ["keys&separator=a&separator=b", "separator"],
      ["raw&recurse", "raw"],
      ["raw&keys", "raw"],
      ["stale&consistent", "stale"],
      ["index=", "index"],
      ["index=x", "index"],
      ["index=-1", "index"],
      ["index=1.5", "index"],
      ["index=1e3", "index"],
      ["index=123456789012345678901", "index"],
      ["index=1&index=2", "index"],
      ["index=1&wait=banana", "wait"],
      ["index=1&wait=", "wait"],
      ["index=1&wait=-1s", "wait"],
      ["index=1&wait=5x", "wait"],
      ["index=1&wait=5s10", "wait"],
      ["index=1&wait=1s&wait=2s", "wait"],
      ["wait=banana", "wait"],
      ["timeout=0", "timeout"],
      ["timeout=61s", "timeout"],
    ])("?%s", async (query, parameter) => {
      expect(await problem(`/x?${query}`)).toMatchObject({ status: 400, code: "bad-parameter", parameter });
      expect(kv.solo.api.asked).toEqual([]);
    });

    test.each(["separator=%", "separator=%zz", "separator=%ff", "index=1%"])(
      "?%s: malformed encoding",
      async (query) => {
        const { status, code } = await problem(`/x?keys&${query}`);
        expect([status, code]).toEqual([400, "bad-query"]);
      },
    );

    test.each(["", "/"])("GET /v1/kv%s has no key", async (path) => {
      expect(await problem(path)).toMatchObject({ status: 400, code: "missing-key" });
      expect(await problem(`${path}?raw`)).toMatchObject({ status: 400, code: "missing-key" });
    });

    test("unknown parameters are ignored", async () => {
      await kv.put("/x");
      expect((await kv.get("/x?dc=dc1&pretty&cas=abc&__proto__=1")).status).toBe(200);
    });

    test("a misspelt header is refused", async () => {
      const reply = await kv.face.call("GET", "/v1/kv/x", null, { "raft-forward": "nevr" });
      expect(reply.status).toBe(400);
    });
  });
});
