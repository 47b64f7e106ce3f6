import { describe, expect, test } from "vitest";
import { isRefusal } from "../../shared/refusal.ts";
import { TEXT_SCHEMA } from "../../shared/storage/entry.ts";
import { OPERATIONS_SCHEMA } from "../../shared/store/operations.ts";
import { always, bench, keys, value } from "./each-bench.ts";
import { put, utf8 } from "./support.ts";

/** What the store answers, to text commands and to reads. */

describe("text commands", () => {
  test("SET stores and answers OK", () => {
    expect(bench.command("SET x=5")).toBe("OK");
    expect(bench.command("set y = größer 😀")).toBe("OK");
    expect(bench.command("SET z=")).toBe("OK");
    always(() => {
      expect(value("x")).toBe("5");
      expect(value("y")).toBe("größer 😀");
      expect(value("z")).toBe("");
      expect(bench.store.get("w")).toBeNull();
    });
  });

  test("a SET over a value replaces it", () => {
    bench.command("SET x=5");
    bench.flush();
    bench.command("SET x=6");
    always(() => expect(value("x")).toBe("6"));
  });

  test("DEL answers how many keys went", () => {
    expect(bench.command("DEL x")).toBe(0);
    bench.command("SET x=5");
    expect(bench.command("DEL x")).toBe(1);
    expect(bench.command("DEL x")).toBe(0);
    always(() => expect(bench.store.get("x")).toBeNull());
    expect(bench.command("DEL x")).toBe(0);
  });

  test("DEL finds a key that was flushed", () => {
    bench.command("SET x=5");
    bench.flush();
    expect(bench.command("del x")).toBe(1);
    always(() => expect(bench.store.get("x")).toBeNull());
  });

  test.each(["memory", "tables"])("CAS puts only over the value it names, from %s", (where) => {
    const settle = (): void => {
      if (where === "tables") bench.flush();
    };
    expect(bench.command("CAS x 1 2")).toBe(false);
    expect(bench.store.get("x")).toBeNull();
    bench.command("SET x=1");
    settle();
    expect(bench.command("CAS x 12 2")).toBe(false);
    expect(bench.command("CAS x 2 1")).toBe(false);
    expect(value("x")).toBe("1");
    expect(bench.command("CAS x 1 größer")).toBe(true);
    settle();
    expect(bench.command("CAS x größe 3")).toBe(false);
    expect(bench.command("CAS x größer 3")).toBe(true);
    always(() => expect(value("x")).toBe("3"));
    bench.command("DEL x");
    expect(bench.command("CAS x 3 4")).toBe(false);
  });

  test("a GET in the log answers the value, base64 where it is no text, and changes nothing", () => {
    bench.command("SET x=ö");
    bench.operations([put("b", Uint8Array.of(0xff, 0, 1))]);
    for (const _ of ["memory", "tables"]) {
      expect(bench.command("GET x")).toBe("ö");
      expect(bench.command("GET b")).toEqual({ base64: "/wAB" });
      expect(bench.command("GET y")).toBeNull();
      bench.flush();
    }
    expect(bench.store.lastChange).toBe(2);
  });

  test("a byte order mark belongs to the key and to the value", () => {
    bench.operations([put("\ufeffk", "\ufeff1"), put("x", "\ufeff2")]);
    always(() => {
      expect(bench.store.list("\ufeff")).toMatchObject([{ key: "\ufeffk", value: utf8("\ufeff1") }]);
      expect(value("\ufeffk")).toBe("\ufeff1");
    });
    expect(bench.command("GET x")).toBe("\ufeff2");
  });

  test("a large value that is no text comes as base64 whole", () => {
    const bytes = Uint8Array.from({ length: 100_000 }, (_, n) => n * 7);
    bench.operations([put("b", bytes)]);
    expect(bench.command("GET b")).toEqual({ base64: Buffer.from(bytes).toString("base64") });
  });

  test("a value with line breaks, control characters and a byte order mark comes back to the byte", () => {
    const odd = "a\r\n\u0000\u001b\ufeffb";
    bench.command(`SET x=${odd}`);
    always(() => expect(value("x")).toBe(odd));
  });
});

describe("what cannot be read", () => {
  test.each([
    ["FOO x", "unknown-verb", 400],
    ["", "bad-command", 400],
    ["SET x", "bad-command", 400],
    [" SET x=5", "bad-command", 400],
    ["SET x=5\n", "bad-command", 400],
    // A decoder that swallows the mark would leave every offset three bytes short.
    ["\ufeffSET x=5", "bad-command", 400],
    [`SET ${"k".repeat(513)}=5`, "key-too-large", 413],
  ])("%j is refused as a result, and nothing changes", (command, refused, status) => {
    bench.command("SET x=1");
    const result = bench.command(command);
    expect(result).toMatchObject({ refused, status, message: expect.any(String) });
    expect(isRefusal(result)).toBe(true);
    expect(JSON.parse(JSON.stringify(result))).toEqual(result);
    always(() => {
      expect(keys()).toEqual(["x"]);
      expect(value("x")).toBe("1");
      expect(bench.store.lastChange).toBe(1);
    });
  });

  test("bytes that are no UTF-8, no operations, or of an unknown schema are refused as a result", () => {
    const invalid = Uint8Array.of(...utf8("SET x="), 0xff);
    expect(bench.store.apply(bench.append(TEXT_SCHEMA, invalid))).toMatchObject({ refused: "bad-command" });
    const garbage = Uint8Array.of(1, 2, 3);
    expect(bench.store.apply(bench.append(OPERATIONS_SCHEMA, garbage))).toMatchObject({
      refused: "bad-operation",
    });
    expect(bench.store.apply(bench.append(99, utf8("SET x=5")))).toMatchObject({
      refused: "unknown-schema",
    });
    always(() => expect(keys()).toEqual([]));
  });

  test("no result of a command is taken for a refusal", () => {
    const results = [
      bench.command("SET x=5"),
      bench.command("GET x"),
      bench.command("GET y"),
      bench.command("DEL x"),
      bench.command("CAS x 1 2"),
      bench.operations([put("b", Uint8Array.of(0xff))]),
      bench.command("GET b"),
    ];
    expect(results.map(isRefusal)).toEqual(results.map(() => false));
  });
});

describe("lists", () => {
  // In UTF-16, as JavaScript compares, the emoji stands before U+FFEE; in UTF-8 behind it.
  const ordered = ["", "\u0001", "/1", "/2", "A", "a", "aa", "b", "\u007f", "é", "\uffee", "😀", "😀a"].map(
    (rest) => `k${rest}`,
  );

  test("are in the order of UTF-8 bytes, wherever the keys are", () => {
    const shuffled = [5, 11, 0, 8, 2, 12, 10, 1, 9, 3, 7, 4, 6].map((at) => ordered[at]!);
    shuffled.forEach((key, at) => {
      bench.operations([put(key, "old")]);
      if (at === 6) bench.flush();
      if (at % 3 === 0) bench.operations([put(key, "new")]);
    });
    always(() => {
      expect(keys()).toEqual(ordered);
      expect(keys("k")).toEqual(ordered);
      expect(keys("k/")).toEqual(["k/1", "k/2"]);
      expect(keys("ka")).toEqual(["ka", "kaa"]);
      expect(keys("k😀")).toEqual(["k😀", "k😀a"]);
      expect(keys("k\uffee")).toEqual(["k\uffee"]);
      expect(keys("x")).toEqual([]);
    });
  });

  test("carry values and leave out what was deleted", () => {
    bench.operations([put("a", "1"), put("b", "2", { flags: 7 }), put("c", "3")]);
    bench.flush();
    bench.command("DEL a");
    bench.command("SET c=4");
    always(() => {
      expect(bench.store.list("")).toEqual([
        { key: "b", value: utf8("2"), flags: 7, createRevision: 1, modifyRevision: 1, version: 1 },
        { key: "c", value: utf8("4"), flags: 0, createRevision: 1, modifyRevision: 3, version: 2 },
      ]);
      expect([...bench.store.dump()]).toEqual(bench.store.list(""));
    });
  });

  test("may begin with the last character there is", () => {
    const last = "\u{10ffff}";
    bench.operations([put(last, "1"), put(`${last}a`, "2"), put("a", "3")]);
    always(() => {
      expect(keys(last)).toEqual([last, `${last}a`]);
      expect(keys()).toEqual(["a", last, `${last}a`]);
    });
  });
});

describe("keys given to reads", () => {
  test.each([
    ["", "bad-key", 400],
    ["\ud800", "bad-key", 400],
    ["k".repeat(513), "key-too-large", 413],
  ])("%j is refused", (key, code, status) => {
    expect(() => bench.store.get(key)).toThrow(expect.objectContaining({ code, status }));
    if (key !== "") expect(() => bench.store.list(key)).toThrow(expect.objectContaining({ code, status }));
  });
});
