import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { BatchBody, KvReply, Problem } from "./kv-support.ts";
import { Kv } from "./kv-support.ts";
import { FACES } from "./support.ts";

const LIMIT = 1_048_576;

describe.each(FACES)("POST /v1/kv over %s", (_name, open) => {
  let kv: Kv;
  beforeEach(async () => {
    kv = await Kv.open(open);
  });
  afterEach(() => kv.close());

  const post = (body: string | Uint8Array<ArrayBuffer>): Promise<KvReply<Problem & BatchBody>> =>
    kv.call("POST", "", body);

  async function refused(body: string): Promise<Problem & { status: number }> {
    const reply = await post(body);
    expect(kv.solo.log).toEqual([]);
    expect(reply.headers.get("content-type")).toBe("application/problem+json");
    return { ...reply.body, status: reply.status };
  }

  describe("independent operations", () => {
    test("each by itself and in order, with a result each, as one entry", async () => {
      await kv.put("/old", "v");
      const reply = await kv.batch([
        { put: "a", value: "1" },
        { put: "b", value: "2", cas: 0, flags: 7 },
        { put: "b", value: "3", cas: 99 },
        { delete: "old", cas: 99 },
        { delete: "none" },
        { delete: "old" },
        { put: "a", value: "1b" },
      ]);
      expect(reply).toMatchObject({ status: 200, index: 3 });
      expect(reply.text).toBe(
        '{"ok":true,"results":[{"ok":true,"ModifyIndex":3},{"ok":true,"ModifyIndex":3},' +
          '{"ok":false,"ModifyIndex":3,"code":"cas-failed"},{"ok":false,"ModifyIndex":2,"code":"cas-failed"},' +
          '{"ok":true,"ModifyIndex":0},{"ok":true,"ModifyIndex":3},{"ok":true,"ModifyIndex":3}]}',
      );
      expect(kv.contents).toEqual({ a: "1b", b: "2" });
      expect(kv.solo.log).toHaveLength(2);
      expect((await kv.get("/b")).body[0]).toMatchObject({ Flags: 7, CreateIndex: 3, ModifyIndex: 3 });
    });

    test.each([[undefined], [false]])("atomic %s: one that is refused leaves the others", async (atomic) => {
      const reply = await kv.batch(
        [
          { put: "a", value: "1", cas: 5 },
          { put: "b", value: "2" },
        ],
        atomic,
      );
      expect(reply).toMatchObject({
        status: 200,
        body: { ok: true, results: [{ ok: false }, { ok: true }] },
      });
      expect(kv.contents).toEqual({ b: "2" });
    });

    test("recurse deletes what is below, also what the batch itself has put", async () => {
      await kv.put("/t/1");
      const reply = await kv.batch([
        { put: "t/2", value: "" },
        { delete: "t/", recurse: true },
        { delete: "u/", recurse: true },
        { put: "t/3", value: "3" },
      ]);
      expect(reply.body.results.map(({ ModifyIndex }) => ModifyIndex)).toEqual([3, 3, 0, 3]);
      expect(kv.contents).toEqual({ "t/3": "3" });
    });

    test("an empty prefix with recurse is everything", async () => {
      await kv.put("/a");
      await kv.batch([{ delete: "", recurse: true }]);
      expect(kv.contents).toEqual({});
    });

    test("one operation shows in the log as what it is, several as a batch", async () => {
      await kv.batch([{ put: "a", value: "12" }]);
      await kv.batch([{ put: "a", value: "12" }, { delete: "a" }]);
      expect(kv.solo.log).toEqual(["PUT a (2 bytes)", "BATCH 2 operations"]);
    });
  });

  describe("atomic", () => {
    test("all of them", async () => {
      const reply = await kv.batch(
        [
          { put: "a", value: "1", cas: 0 },
          { put: "b", value: "2", cas: 0 },
        ],
        true,
      );
      expect(reply.text).toBe(
        '{"ok":true,"results":[{"ok":true,"ModifyIndex":2},{"ok":true,"ModifyIndex":2}]}',
      );
      expect(kv.contents).toEqual({ a: "1", b: "2" });
    });

    test("or none: 409 with the results and the position of the one that was refused", async () => {
      await kv.put("/b", "old");
      const reply = await kv.batch(
        [{ put: "a", value: "1" }, { put: "b", value: "2", cas: 77 }, { delete: "b" }],
        true,
      );
      expect(reply).toMatchObject({ status: 409, index: 2 });
      expect(reply.headers.get("content-type")).toBe("application/problem+json");
      expect(reply.body).toMatchObject({
        ok: false,
        code: "cas-failed",
        operation: 1,
        results: [
          { ok: false, ModifyIndex: 0, code: "rolled-back" },
          { ok: false, ModifyIndex: 2, code: "cas-failed" },
          { ok: false, ModifyIndex: 2, code: "rolled-back" },
        ],
      });
      expect(kv.contents).toEqual({ b: "old" });
    });
  });

  describe("values", () => {
    test.each([
      ["", ""],
      ["text", "text"],
      [" spaces and\nlines\u0000 ", " spaces and\nlines\u0000 "],
      ["\u{1f600}", "\u{1f600}"],
    ])("text %j", async (value, expected) => {
      await kv.batch([{ put: "x", value }]);
      expect(kv.contents.x).toBe(expected);
    });

    test("bytes as base64", async () => {
      const value = Uint8Array.from({ length: 256 }, (_, i) => 255 - i);
      await kv.batch([{ put: "x", base64: Buffer.from(value).toString("base64") }]);
      expect(Buffer.from((await kv.get("/x")).body[0]?.Value ?? "", "base64").equals(value)).toBe(true);
    });

    test("empty base64 is an empty value", async () => {
      await kv.batch([{ put: "x", base64: "" }]);
      expect(kv.contents).toEqual({ x: "" });
    });

    test.each(["__proto__", "constructor", "toString", "a/../b", "\u0000", "."])(
      "%j is a key like any other",
      async (key) => {
        await kv.batch([{ put: key, value: "v" }]);
        expect(kv.solo.bench.store.list("").map((row) => row.key)).toEqual([key]);
      },
    );
  });

  describe("limits", () => {
    test("4096 operations, and not one more", async () => {
      const ops = Array.from({ length: 4096 }, (_, i) => ({ put: `k${i}`, value: "" }));
      expect((await kv.batch(ops)).body.results).toHaveLength(4096);
      const reply = await kv.batch([...ops, { delete: "k0" }]);
      expect(reply).toMatchObject({ status: 400, body: { code: "bad-operation" } });
      expect(reply.body.detail).toContain("4096");
      expect(kv.solo.log).toHaveLength(1);
    });

    test("a body of exactly the limit goes in, a byte more does not", async () => {
      const [head, tail] = ['{"ops":[{"put":"x","value":"', '"}]}'];
      const room = LIMIT - head.length - tail.length;
      expect((await post(head + "v".repeat(room) + tail)).status).toBe(200);
      const reply = await post(head + "v".repeat(room + 1) + tail);
      expect(reply).toMatchObject({ status: 413, body: { code: "body-too-large" } });
      expect(kv.solo.log).toHaveLength(1);
    });

    test("a key of 513 bytes is 413 and tells which", async () => {
      const problem = await refused(
        JSON.stringify({ ops: [{ delete: "a" }, { put: "k".repeat(513), value: "" }] }),
      );
      expect(problem).toMatchObject({ status: 413, code: "key-too-large", operation: 1 });
    });
  });

  describe("bodies that are not a batch", () => {
    test.each([
      ["", "bad-json"],
      ["  ", "bad-json"],
      ["{", "bad-json"],
      ["null", "bad-json"],
      ["[]", "bad-json"],
      ['"ops"', "bad-json"],
      ["{}", "bad-field"],
      ['{"ops":null}', "bad-field"],
      ['{"ops":{}}', "bad-field"],
      ['{"ops":"x"}', "bad-field"],
      ['{"ops":[]}', "bad-operation"],
      ['{"ops":[{"delete":"x"}],"atomic":1}', "bad-field"],
      ['{"ops":[{"delete":"x"}],"atomic":"true"}', "bad-field"],
      ['{"ops":[{"delete":"x"}],"atomic":null}', "bad-field"],
      ['{"__proto__":{"ops":[{"delete":"x"}]}}', "bad-field"],
    ])("%s", async (body, code) => {
      expect(await refused(body)).toMatchObject({ status: 400, code });
    });

    test("bytes that are not UTF-8", async () => {
      const reply = await post(Uint8Array.from([...Buffer.from('{"ops":[{"put":"x","value":"'), 0xff]));
      expect(reply).toMatchObject({ status: 400, body: { code: "bad-encoding" } });
    });

    test.each([
      ["[", "]"],
      ['{"a":', "}"],
    ])("nested a hundred thousand deep in %s", async (open, close) => {
      const deep = open.repeat(100_000) + (open === "[" ? "" : "0") + close.repeat(100_000);
      expect(await refused(deep)).toMatchObject({ status: 400 });
      expect(await refused(`{"ops":[${deep}]}`)).toMatchObject({ status: 400, operation: 0 });
      expect(await refused(`{"ops":[{"put":"x","value":${deep}}]}`)).toMatchObject({
        status: 400,
        operation: 0,
      });
    });
  });

  describe("bad operations are named by their position", () => {
    test.each([
      ["null", "bad-field"],
      ["1", "bad-field"],
      ['"delete"', "bad-field"],
      ["[]", "bad-field"],
      ["{}", "bad-field"],
      ['{"PUT":"x","value":"v"}', "bad-field"],
      ['{"put":"x","delete":"x","value":"v"}', "bad-field"],
      ['{"put":"x"}', "bad-field"],
      ['{"put":"x","value":"v","base64":"dg=="}', "bad-field"],
      ['{"put":1,"value":"v"}', "bad-field"],
      ['{"put":null,"value":"v"}', "bad-field"],
      ['{"put":["x"],"value":"v"}', "bad-field"],
      ['{"put":"","value":"v"}', "bad-key"],
      ['{"put":"\\ud800","value":"v"}', "bad-key"],
      ['{"put":"x","value":5}', "bad-field"],
      ['{"put":"x","value":null}', "bad-field"],
      ['{"put":"x","value":{"a":1}}', "bad-field"],
      ['{"put":"x","value":"\\udc00"}', "bad-field"],
      ['{"put":"x","base64":"%"}', "bad-field"],
      ['{"put":"x","base64":"dg="}', "bad-field"],
      ['{"put":"x","base64":"dg"}', "bad-field"],
      ['{"put":"x","base64":"d g="}', "bad-field"],
      ['{"put":"x","base64":"-_-_"}', "bad-field"],
      ['{"put":"x","base64":1}', "bad-field"],
      ['{"put":"x","value":"v","cas":"1"}', "bad-field"],
      ['{"put":"x","value":"v","cas":null}', "bad-field"],
      ['{"put":"x","value":"v","cas":-1}', "bad-operation"],
      ['{"put":"x","value":"v","cas":1.5}', "bad-operation"],
      ['{"put":"x","value":"v","cas":9007199254740992}', "bad-operation"],
      ['{"put":"x","value":"v","cas":1e999}', "bad-operation"],
      ['{"put":"x","value":"v","flags":-1}', "bad-operation"],
      ['{"put":"x","value":"v","flags":true}', "bad-field"],
      ['{"put":"x","value":"v","recurse":true}', "bad-field"],
      ['{"delete":""}', "bad-key"],
      ['{"delete":1}', "bad-field"],
      ['{"delete":"x","recurse":"true"}', "bad-field"],
      ['{"delete":"x","recurse":null}', "bad-field"],
      ['{"delete":"x","recurse":true,"cas":1}', "bad-operation"],
      ['{"delete":"x","value":"v"}', "bad-field"],
      ['{"delete":"x","flags":1}', "bad-field"],
      ['{"__proto__":{"delete":"x"}}', "bad-field"],
    ])("%s", async (op, code) => {
      const problem = await refused(`{"ops":[{"put":"good","value":"v"},${op}]}`);
      expect(problem).toMatchObject({ status: 400, code, operation: 1 });
      expect(problem.detail).toMatch(/^operation 1/);
    });

    test("unknown fields are ignored, also those that every object inherits", async () => {
      const ops = '[{"put":"x","value":"v","comment":"c","ttl":5,"__proto__":{"delete":"y"}}]';
      expect((await post(`{"ops":${ops},"dc":"dc1"}`)).status).toBe(200);
      expect(kv.contents).toEqual({ x: "v" });
    });
  });

  test("/v1/kv/ is the same route", async () => {
    const reply = await kv.call("POST", "/", '{"ops":[{"put":"x","value":"v"}]}');
    expect(reply.status).toBe(200);
  });
});
