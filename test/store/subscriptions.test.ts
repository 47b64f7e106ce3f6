import fc from "fast-check";
import { beforeEach, describe, expect, test } from "vitest";
import { Subscriptions } from "../../shared/store/subscriptions.ts";
import { Bench, del, put } from "./support.ts";

describe("subscriptions", () => {
  let subscriptions: Subscriptions;
  let woken: string[];
  beforeEach(() => {
    subscriptions = new Subscriptions();
    woken = [];
  });
  const onKey = (key: string) => subscriptions.toKey(key, () => woken.push(`=${key}`));
  const onPrefix = (prefix: string) => subscriptions.toPrefix(prefix, () => woken.push(`${prefix}*`));

  test("a change wakes who waits for its key or a prefix of it, and nobody else", () => {
    for (const key of ["a", "a/b", "a/bc", ""]) onKey(key);
    for (const prefix of ["", "a", "a/", "a/b", "a/bc", "b"]) onPrefix(prefix);
    subscriptions.notify("a/b");
    expect(woken.sort()).toEqual(["*", "=a/b", "a*", "a/*", "a/b*"]);
  });

  test("half a surrogate pair is no prefix of a key", () => {
    onPrefix("x");
    onPrefix("\u{1f601}");
    subscriptions.notify("\u{1f600}");
    expect(woken).toEqual([]);
  });

  test("the same function may wait twice, and goes one by one", () => {
    const wake = () => woken.push("!");
    const cancel = [subscriptions.toKey("k", wake), subscriptions.toKey("k", wake)];
    subscriptions.notify("k");
    cancel[0]?.();
    subscriptions.notify("k");
    expect(woken).toHaveLength(3);
  });

  test("who is woken may go, or come again for the next change", () => {
    const cancel = subscriptions.toKey("k", () => {
      woken.push("first");
      cancel();
      onKey("k");
    });
    onKey("k");
    subscriptions.notify("k");
    expect(woken).toEqual(["first", "=k"]);
    subscriptions.notify("k");
    expect(woken).toEqual(["first", "=k", "=k", "=k"]);
  });

  test("what was taken back is never woken, in any order of coming and going", () => {
    const name = fc.constantFrom("", "a", "ab", "abc", "b", "ba");
    const step = fc.oneof(
      fc.record({ do: fc.constantFrom("key" as const, "prefix" as const), name }),
      fc.record({ do: fc.constant("cancel" as const), which: fc.nat() }),
      fc.record({ do: fc.constant("change" as const), name }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const all = new Subscriptions();
        const live = new Map<number, { matches: (key: string) => boolean; cancel: () => void }>();
        let next = 0;
        for (const now of steps) {
          if (now.do === "cancel") {
            const [id, found] = [...live][now.which % Math.max(1, live.size)] ?? [];
            found?.cancel();
            if (id !== undefined) live.delete(id);
          } else if (now.do === "change") {
            heard.length = 0;
            all.notify(now.name);
            const expected = [...live].filter(([, { matches }]) => matches(now.name)).map(([id]) => id);
            expect([...heard].sort()).toEqual(expected.sort());
          } else {
            const id = next++;
            const wake = () => heard.push(id);
            const own = now.name;
            live.set(
              id,
              now.do === "key"
                ? { matches: (key) => key === own, cancel: all.toKey(own, wake) }
                : { matches: (key) => key.startsWith(own), cancel: all.toPrefix(own, wake) },
            );
          }
        }
      }),
    );
  });

  const heard: number[] = [];
});

describe("a store wakes", () => {
  let bench: Bench;
  let woken: string[];
  beforeEach(() => {
    bench = new Bench();
    woken = [];
    bench.command("SET x=1");
    bench.store.onChange("x", () => woken.push("x"));
    bench.store.onChange("y", () => woken.push("y"));
    bench.store.onChangeUnder("", () => woken.push("*"));
  });

  test.each([
    ["a new value", () => bench.operations([put("x", "2")]), ["x", "*"]],
    ["the same value again", () => bench.operations([put("x", "1")]), ["x", "*"]],
    ["a deletion", () => bench.operations([del("x")]), ["x", "*"]],
    ["a deletion of all below", () => bench.operations([del("", { recurse: true })]), ["x", "*"]],
    ["a new key", () => bench.operations([put("y", "1")]), ["y", "*"]],
    ["SET", () => bench.command("SET x=1"), ["x", "*"]],
    ["DEL", () => bench.command("DEL x"), ["x", "*"]],
    ["CAS", () => bench.command("CAS x 1 2"), ["x", "*"]],
    [
      "a key that is changed twice in one entry",
      () => bench.operations([put("x", "2"), put("x", "3")]),
      ["x", "*"],
    ],
    ["two keys of one entry", () => bench.operations([put("y", "2"), put("x", "3")]), ["y", "*", "x", "*"]],
  ])("at %s", (_what, change, expected) => {
    change();
    expect(woken).toEqual(expected);
  });

  test.each([
    ["a deletion of nothing", () => bench.operations([del("none")])],
    ["a cas that does not hold", () => bench.operations([put("x", "2", { cas: 99 })])],
    [
      "an atomic batch that is rolled back",
      () => bench.operations([put("x", "2"), put("y", "1", { cas: 99 })], true),
    ],
    ["CAS in vain", () => bench.command("CAS x 2 3")],
    ["DEL of nothing", () => bench.command("DEL none")],
    ["a command that cannot be read", () => bench.command("JUMP x")],
    ["a flush", () => bench.flush()],
  ])("not at %s", (_what, change) => {
    change();
    expect(woken).toEqual([]);
  });

  test("when all of the entry is there", () => {
    const seen: (string | null)[] = [];
    const value = (key: string) => Buffer.from(bench.store.get(key)?.value ?? []).toString();
    bench.store.onChange("x", () => seen.push(value("x"), value("y"), String(bench.store.lastChange)));
    bench.operations([put("x", "2"), put("y", "3")]);
    expect(seen).toEqual(["2", "3", "2"]);
  });

  test.each(["", "\ud800", "k".repeat(513)])("nobody for the key %j", (key) => {
    expect(() => bench.store.onChange(key, () => undefined)).toThrow();
    if (key !== "") expect(() => bench.store.onChangeUnder(key, () => undefined)).toThrow();
  });
});

test("a change among 5,000 who wait looks at nobody but those who wait for it", () => {
  const bench = new Bench();
  let woken = 0;
  for (let i = 0; i < 2500; i++) {
    bench.store.onChange(`key/${i}`, () => woken++);
    bench.store.onChangeUnder(`dir/${i}/`, () => woken++);
  }
  for (let i = 0; i < 2500; i += 5) {
    bench.operations([put(`key/${i}`, "v")]);
    bench.operations([put(`dir/${i}/x`, "v"), put(`elsewhere/${i}`, "v")]);
  }
  expect(woken).toBe(1000);
});
