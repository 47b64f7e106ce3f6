import { describe, expect, test } from "vitest";
import type { StoreOperation } from "../../sim/store/operation.ts";
import { all, del, delUnder, each, local, put, read, text, watch } from "../sim/store-history.ts";
import type { HttpCall } from "./http-call.ts";
import { readReply, toHttpCall } from "./http-call.ts";

const getText: StoreOperation = { ...read("x"), form: "text" } as StoreOperation;

test.each<[string, StoreOperation, boolean, HttpCall]>([
  [
    "SET",
    text(put("x", "v1")),
    true,
    { method: "POST", path: "/command?timeout=500", body: '{"cmd":"SET x=v1"}' },
  ],
  [
    "CAS",
    text(put("x", "v2", { value: "v1" })),
    true,
    { method: "POST", path: "/command?timeout=500", body: '{"cmd":"CAS x v1 v2"}' },
  ],
  ["GET", getText, true, { method: "POST", path: "/command?timeout=500", body: '{"cmd":"GET x"}' }],
  [
    "put",
    each(put("a/1", "v1", { index: 0 })),
    true,
    { method: "PUT", path: "/v1/kv/a/1?timeout=500&cas=0", body: "v1" },
  ],
  ["delete", all(del("a/1")), true, { method: "DELETE", path: "/v1/kv/a/1?timeout=500" }],
  ["delete under", each(delUnder("a/")), true, { method: "DELETE", path: "/v1/kv/a/?recurse&timeout=500" }],
  [
    "batch",
    all(put("a/1", "v1", { index: 7 }), del("a/2"), delUnder("a/")),
    true,
    {
      method: "POST",
      path: "/v1/kv?timeout=500",
      body: '{"atomic":true,"ops":[{"put":"a/1","value":"v1","cas":7},{"delete":"a/2"},{"delete":"a/","recurse":true}]}',
    },
  ],
  [
    "batch of one",
    each(del("a/1", { index: 3 })),
    false,
    { method: "POST", path: "/v1/kv?timeout=500", body: '{"atomic":false,"ops":[{"delete":"a/1","cas":3}]}' },
  ],
  ["read", read("x"), false, { method: "GET", path: "/v1/kv/x?timeout=500" }],
  ["bytes", read("x"), true, { method: "GET", path: "/v1/kv/x?timeout=500&raw" }],
  ["list", read("a/"), true, { method: "GET", path: "/v1/kv/a/?timeout=500&recurse" }],
  ["stale", local("a/"), false, { method: "GET", path: "/v1/kv/a/?timeout=500&recurse&stale" }],
  ["watch", watch("x", 9), false, { method: "GET", path: "/v1/kv/x?timeout=500&index=9&wait=1000ms" }],
])("%s as a request", (_, operation, isShort, call) => {
  expect(toHttpCall(operation, 500, isShort)).toEqual(call);
});

const row = { Key: "a/1", Value: "djE=", Flags: 0, CreateIndex: 2, ModifyIndex: 5, LockIndex: 0 };

function heard(
  operation: StoreOperation,
  isShort: boolean,
  status: number,
  body: unknown,
  index?: string,
): unknown {
  const headers = index === undefined ? {} : { "x-consul-index": index };
  const reply = { status, headers, text: typeof body === "string" ? body : JSON.stringify(body) };
  return readReply(operation, toHttpCall(operation, 500, isShort), reply);
}

function ok(answer: unknown): unknown {
  return { type: "ok", answer };
}

describe("a reply", () => {
  const written = (...results: unknown[]) => ok({ type: "write", index: null, results });

  test("of a command", () => {
    expect(heard(text(put("x", "v1")), false, 200, { ok: true, index: 4, result: "OK" })).toEqual(
      written({ ok: true, changed: true, index: null }),
    );
    expect(heard(text(del("x")), false, 200, { ok: true, result: 0 })).toEqual(
      written({ ok: true, changed: false, index: null }),
    );
    expect(heard(text(put("x", "b", { value: "a" })), false, 200, { ok: true, result: false })).toEqual(
      written({ ok: false, changed: false, index: null }),
    );
    expect(heard(getText, false, 200, { ok: true, result: null })).toEqual(
      ok({ type: "read", index: null, items: [] }),
    );
    expect(heard(getText, false, 200, { ok: true, result: "v1" })).toEqual(
      ok({ type: "read", index: null, items: [{ key: "x", value: "v1", modifyIndex: null }] }),
    );
  });

  test("of a single put or delete", () => {
    const one = each(put("x", "v1", { index: 3 }));
    expect(heard(one, true, 200, "true")).toEqual(written({ ok: true, changed: true, index: null }));
    expect(heard(one, true, 200, "false")).toEqual(written({ ok: false, changed: false, index: null }));
    // Whether there was anything to delete it does not tell.
    expect(heard(each(del("x")), true, 200, "true")).toEqual(
      written({ ok: true, changed: null, index: null }),
    );
  });

  test("of a batch, done or refused", () => {
    const batch = all(put("x", "v1"), del("y", { index: 4 }));
    const done = {
      ok: true,
      results: [
        { ok: true, ModifyIndex: 9 },
        { ok: true, ModifyIndex: 0 },
      ],
    };
    expect(heard(batch, false, 200, done)).toEqual(
      written({ ok: true, changed: true, index: 9 }, { ok: true, changed: false, index: 0 }),
    );
    const refused = {
      code: "cas-failed",
      results: [
        { ok: false, ModifyIndex: 0 },
        { ok: false, ModifyIndex: 6 },
      ],
    };
    expect(heard(batch, false, 409, refused)).toEqual(
      written({ ok: false, changed: false, index: 0 }, { ok: false, changed: false, index: 6 }),
    );
  });

  test("of a read, with the index of its header", () => {
    const items = [{ key: "a/1", value: "v1", modifyIndex: 5 }];
    expect(heard(read("a/1"), false, 200, [row], "7")).toEqual(ok({ type: "read", index: 7, items }));
    expect(heard(read("a/"), false, 200, [row], "7")).toEqual(ok({ type: "read", index: 7, items }));
    expect(heard(read("a/"), false, 404, { code: "key-not-found" }, "7")).toEqual(
      ok({ type: "read", index: 7, items: [] }),
    );
    expect(heard(read("a/1"), true, 200, "v1", "7")).toEqual(
      ok({ type: "read", index: 7, items: [{ key: "a/1", value: "v1", modifyIndex: null }] }),
    );
  });

  test("that is none: certain when it says so, else not", () => {
    const one = each(put("x", "v1"));
    expect(heard(one, false, 503, { code: "timeout", outcome: "none" })).toEqual({ type: "none" });
    expect(heard(one, false, 429, { code: "overloaded" })).toEqual({ type: "none" });
    expect(heard(one, false, 503, { code: "timeout", outcome: "unknown" })).toEqual({ type: "unknown" });
    expect(heard(one, false, 500, "<html>")).toEqual({ type: "unknown" });
  });

  test.each<[string, StoreOperation, boolean, number, unknown, string?]>([
    ["a refusal of what is right", each(put("x", "v1")), false, 400, { code: "bad-field" }],
    [
      "a conflict of what is not atomic",
      each(put("x", "v1")),
      false,
      409,
      { results: [{ ok: false, ModifyIndex: 1 }] },
    ],
    ["a batch without results", all(put("x", "v1")), false, 200, { ok: true }],
    ["a result without an index", all(put("x", "v1")), false, 200, { ok: true, results: [{ ok: true }] }],
    ["a put that is answered with a word", each(put("x", "v1")), true, 200, '"true"'],
    [
      "a command that is answered with something else",
      text(put("x", "v1")),
      false,
      200,
      { ok: true, result: 7 },
    ],
    ["a read without an index", read("x"), false, 200, [row]],
    ["a read with index 0", read("x"), false, 200, [row], "0"],
    ["no rows and no 404", read("a/"), false, 200, [], "7"],
    ["a row that was changed before it was made", read("a/1"), false, 200, [{ ...row, CreateIndex: 6 }], "7"],
    ["a row with somebody's flags", read("a/1"), false, 200, [{ ...row, Flags: 1 }], "7"],
  ])("that must not be is an error: %s", (_, operation, isShort, status, body, index) => {
    expect(() => heard(operation, isShort, status, body, index)).toThrow(/ was answered with /);
  });
});
