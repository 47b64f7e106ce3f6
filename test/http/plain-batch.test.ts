import fc from "fast-check";
import { afterEach, describe, expect, test, vi } from "vitest";
import { decodeText } from "../../shared/http/json.ts";
import { parseBatch } from "../../shared/http/kv-batch.ts";
import { encodePlainBatch } from "../../shared/http/plain-batch.ts";
import { encodeOperations } from "../../shared/store/operations.ts";
import { decodeOperations } from "../../shared/store/placed-operations.ts";
import { utf8 } from "../store/support.ts";
import { Kv } from "./kv-support.ts";
import { FACES } from "./support.ts";

/** The way every other body goes, and what all are compared with. */
const parsed = (body: Uint8Array): Uint8Array => encodeOperations(parseBatch(decodeText(body)));

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");

/** Whether `body` is of the plain form. Fails where the short way gives anything else than the other one. */
function isPlain(body: Uint8Array): boolean {
  const own = encodePlainBatch(body);
  if (own === null) return false;
  // What parseBatch refuses throws here.
  if (hex(own) !== hex(parsed(body))) throw new Error(`differs: ${Buffer.from(body).toString("latin1")}`);
  return true;
}

const op = (text: string): Uint8Array => utf8(`{"ops":[${text}]}`);

describe("the plain form", () => {
  test.each([
    ['{"ops":[{"put":"x","value":"5"},{"delete":"y"}]}'],
    ['{"atomic":true,"ops":[{"put":"x","value":""}]}'],
    ['{"ops":[{"delete":"x"}],"atomic":false}'],
    ['{"ops":[{"put":"x","value":"5","flags":7,"cas":0}]}'],
    ['{"ops":[{"cas":9007199254740991,"flags":9007199254740991,"value":"5","put":"x"}]}'],
    ['{"ops":[{"recurse":true,"delete":""}]}'],
    ['{"ops":[{"delete":"x","recurse":false,"cas":128}]}'],
    [
      '\t\n\r {\t\n\r "ops" : [ { "put" : "x" , "value" : "5" , "cas" : 1 } , { "delete" : "y" , "recurse" : true } ] } \n',
    ],
    ['{"ops":[{"put":"\u00e4/\u20ac\u{1f600}","value":"\u0416\u4e2d\u{1f600}"}]}'],
    ['{"ops":[{"put":"{[\'\u007f","value":"],:}"}]}'],
    ['{"ops":[{"put":"__proto__","value":"\ufeff"}]}'],
  ])("%s", (body) => {
    expect(isPlain(utf8(body))).toBe(true);
  });

  test.each([1, 2, 3, 4, 5, 31, 32, 33, 127, 128, 129, 1023, 1025, 16_383, 16_384])(
    "a value of %i bytes",
    (length) => {
      expect(isPlain(op(`{"put":"k","value":"${"v".repeat(length)}"}`))).toBe(true);
    },
  );

  test("a value that takes nearly all of the longest body", () => {
    expect(isPlain(op(`{"put":"k","value":"${"v".repeat(1_048_000)}"}`))).toBe(true);
  });

  test.each([1, 2, 127, 128, 129, 4096])("%i operations", (count) => {
    const body = op(Array.from({ length: count }, (_, at) => `{"put":"k${at}","value":"v"}`).join(","));
    expect(isPlain(body)).toBe(true);
    expect(decodeOperations(encodePlainBatch(body)!).operations).toHaveLength(count);
  });

  test("a key of 512 bytes", () => {
    expect(isPlain(op(`{"delete":"${"k".repeat(512)}"}`))).toBe(true);
    expect(isPlain(op(`{"delete":"${"\u00e4".repeat(256)}"}`))).toBe(true);
  });

  test("a body in the midst of other bytes", () => {
    const body = op('{"put":"k","value":"v"}');
    const around = new Uint8Array(body.length + 20).fill(0x22);
    around.set(body, 7);
    expect(isPlain(around.subarray(7, 7 + body.length))).toBe(true);
  });

  test("what has been made stays as it is, whatever comes next", () => {
    const bodies = Array.from({ length: 300 }, (_, at) => op(`{"put":"k","value":"${"v".repeat(11 * at)}"}`));
    const made = bodies.map((body) => encodePlainBatch(body)!);
    expect(made.map(hex)).toEqual(bodies.map((body) => hex(parsed(body))));
  });

  test("after a body that was given up in its midst", () => {
    const body = op('{"put":"k","value":"v"}');
    expect(encodePlainBatch(op('{"put":"other","value":"value"},{"put":"x"}'))).toBeNull();
    expect(isPlain(body)).toBe(true);
    expect(encodePlainBatch(op('{"put":"other","value":"value"},{"delete":""}'))).toBeNull();
    expect(isPlain(body)).toBe(true);
  });
});

describe("left to the other way", () => {
  test.each([
    ["nothing", ""],
    ["white space", " \n"],
    ["an array", "[]"],
    ["an empty object", "{}"],
    ["no operations", '{"ops":[]}'],
    ["operations that are no array", '{"ops":{}}'],
    ["operations within another array", '{"ops":[[{"delete":"x"}]]}'],
    ["atomic alone", '{"atomic":true}'],
    ["an unknown field", '{"ops":[{"delete":"x"}],"dc":"dc1"}'],
    ["a field that begins like a known one", '{"ops":[{"delete":"x"}],"atomics":true}'],
    ["the operations twice", '{"ops":[{"delete":"x"}],"ops":[{"delete":"y"}]}'],
    ["atomic twice", '{"atomic":true,"ops":[{"delete":"x"}],"atomic":false}'],
    ["atomic as a number", '{"ops":[{"delete":"x"}],"atomic":1}'],
    ["atomic as nothing", '{"ops":[{"delete":"x"}],"atomic":}'],
    ["a byte order mark", '\ufeff{"ops":[{"delete":"x"}]}'],
    ["something behind the object", '{"ops":[{"delete":"x"}]}}'],
    ["a comma too many", '{"ops":[{"delete":"x"},]}'],
    ["another white space", '{"ops":\u00a0[{"delete":"x"}]}'],
    ["a vertical tab", '{"ops":\v[{"delete":"x"}]}'],
  ])("%s", (_what, body) => {
    expect(isPlain(utf8(body))).toBe(false);
  });

  test.each([
    ["an empty object", "{}"],
    ["a number", "1"],
    ["a value alone", '{"value":"v"}'],
    ["a put without a value", '{"put":"x"}'],
    ["a put and a delete", '{"put":"x","delete":"x","value":"v"}'],
    ["a put with recurse", '{"put":"x","value":"v","recurse":false}'],
    ["a delete with a value", '{"delete":"x","value":""}'],
    ["a delete with flags", '{"delete":"x","flags":0}'],
    ["recurse with cas", '{"delete":"x","recurse":true,"cas":1}'],
    ["an empty key", '{"put":"","value":"v"}'],
    ["an empty key of a delete", '{"delete":"","recurse":false}'],
    ["a key of 513 bytes", `{"delete":"${"k".repeat(513)}"}`],
    ["a key of 257 characters", `{"delete":"${"\u00e4".repeat(257)}"}`],
    ["a put twice", '{"put":"x","put":"y","value":"v"}'],
    ["a value twice", '{"put":"x","value":"v","value":"w"}'],
    ["an empty value twice", '{"put":"x","value":"","value":"w"}'],
    ["flags twice", '{"put":"x","value":"v","flags":0,"flags":1}'],
    ["cas twice", '{"put":"x","value":"v","cas":0,"cas":1}'],
    ["recurse twice", '{"delete":"x","recurse":false,"recurse":true}'],
    ["an unknown field", '{"put":"x","value":"v","comment":"c"}'],
    ["base64", '{"put":"x","base64":"dg=="}'],
    ["an escape in a key", '{"put":"a\\u0062","value":"v"}'],
    ["an escape in a value", '{"put":"x","value":"a\\n"}'],
    ["an escape in a name", '{"p\\u0075t":"x","value":"v"}'],
    ["a quote that is escaped", '{"put":"x","value":"a\\""}'],
    ["a number as a key", '{"put":1,"value":"v"}'],
    ["null", '{"put":"x","value":null}'],
    ["recurse as nothing", '{"delete":"x","recurse":}'],
    ["recurse as a string", '{"delete":"x","recurse":"true"}'],
    ...[
      "9007199254740992",
      "9007199254740993",
      "18446744073709551616",
      "-0",
      "-1",
      "1e3",
      "1.0",
      "01",
      "00",
      "+1",
      '"1"',
      "",
      ".5",
      "0x1",
    ].map((number) => [`the number ${number}`, `{"put":"x","value":"v","cas":${number}}`]),
  ])("%s", (_what, text) => {
    expect(isPlain(op(text as string))).toBe(false);
  });

  test("4097 operations", () => {
    expect(isPlain(op(new Array(4097).fill('{"delete":"x"}').join(",")))).toBe(false);
  });
});

/** All that the plain form has, in 200 bytes. */
const EVERYTHING = utf8(
  ' {"atomic":true , "ops":[{"put":"key-1","value":"a value \u00e4\u{1f600}.","cas":10,"flags":207},' +
    '{"value":"","put":"k2"},{"delete":"a","cas":0},{"recurse":true,"delete":""},{"delete":"b","recurse":false}]}\n',
);

describe("never anything else than the other way", () => {
  test("wherever a byte is another one", () => {
    let plain = 0;
    const body = EVERYTHING.slice();
    for (let at = 0; at < body.length; at++) {
      for (let byte = 0; byte <= 0xff; byte++) {
        body[at] = byte;
        if (isPlain(body)) plain++;
      }
      body[at] = EVERYTHING[at]!;
    }
    // Letters of keys and values, digits and white space may be others.
    expect(plain).toBeGreaterThan(2000);
  });

  test("wherever a byte is missing or comes twice, and wherever the body ends", () => {
    expect(isPlain(EVERYTHING)).toBe(true);
    for (let at = 0; at < EVERYTHING.length; at++) {
      const [before, rest] = [EVERYTHING.subarray(0, at), EVERYTHING.subarray(at + 1)];
      const byte = EVERYTHING.subarray(at, at + 1);
      isPlain(Buffer.concat([before, rest]));
      isPlain(Buffer.concat([before, byte, byte, rest]));
      isPlain(before);
    }
  });

  test("whichever byte stands wherever in a string", () => {
    for (let length = 1; length <= 13; length++) {
      const body = op(`{"put":"k","value":"${"v".repeat(length)}"}`);
      const start = body.length - 4 - length;
      for (let at = start; at < start + length; at++) {
        for (let byte = 0; byte <= 0xff; byte++) {
          body[at] = byte;
          expect(isPlain(body), `${byte} at ${at}`).toBe(
            byte >= 0x20 && byte < 0x80 && byte !== 0x22 && byte !== 0x5c,
          );
        }
        body[at] = 0x76;
      }
    }
  });

  /** `unusual` now and then, seldom enough that most bodies have none or one. */
  const mostly = <T>(usual: fc.Arbitrary<T>, unusual: fc.Arbitrary<T>) =>
    fc.oneof({ arbitrary: usual, weight: 60 }, unusual);
  const space = mostly(fc.constantFrom("", "", " ", "\n\t", "\r\n "), fc.constantFrom("\u00a0", "\v"));
  const string = mostly(
    fc.oneof(
      fc.stringMatching(/^[ -~]{1,40}$/).map((text) => `"${text.replaceAll(/["\\]/g, "_")}"`),
      fc.string({ unit: "grapheme", minLength: 1, maxLength: 20 }).map((text) => JSON.stringify(text)),
    ),
    fc.string({ unit: "binary", maxLength: 40 }).map((text) => JSON.stringify(text)),
  );
  const number = mostly(
    fc.oneof(fc.maxSafeNat(), fc.nat({ max: 300 })).map(String),
    fc.constantFrom("9007199254740991", "9007199254740992", "-0", "-1", "1e3", "1.5", "007"),
  );
  const truth = fc.constantFrom("true", "false");
  const other = fc.constantFrom("null", "{}", "[]", "1", '"x"', "true", "[[1]]", '{"put":"x"}');

  type Field = readonly [name: string, value: string];
  const field = (name: string, value: fc.Arbitrary<string>): fc.Arbitrary<Field> =>
    fc.tuple(fc.constant(name), mostly(value, other));
  const times = (fewest: number, usual: number, most: number) => (one: fc.Arbitrary<Field>) =>
    mostly(fc.array(one, { minLength: fewest, maxLength: usual }), fc.array(one, { maxLength: most }));
  const once = times(1, 1, 2);
  const maybe = times(0, 1, 2);
  const seldom = times(0, 0, 1);

  /** An object with these fields, in any order. */
  const object = (...fields: fc.Arbitrary<Field[]>[]): fc.Arbitrary<string> =>
    fc
      .tuple(...fields)
      .chain((chosen) => fc.shuffledSubarray(chosen.flat(), { minLength: chosen.flat().length }))
      .chain((pairs) => fc.tuple(...pairs.map(([name, value]) => spaced(`"${name}"`, ":", value))))
      .map((texts) => `{${texts.join(",")}}`);
  const spaced = (...parts: string[]): fc.Arbitrary<string> =>
    fc.tuple(...parts.map((part) => space.map((before) => before + part))).map((texts) => texts.join(""));

  const unknown = field("note", other);
  const base64 = field("base64", fc.constantFrom('"dg=="', '"dg"'));
  const cas = field("cas", number);
  const flags = field("flags", number);
  const put = object(
    once(field("put", string)),
    mostly(once(field("value", string)), once(base64)),
    maybe(flags),
    maybe(cas),
    seldom(unknown),
  );
  const del = object(
    once(field("delete", string)),
    maybe(cas),
    seldom(field("recurse", truth)),
    seldom(unknown),
  );
  const recursive = object(
    once(field("delete", string)),
    once(field("recurse", truth)),
    seldom(cas),
    seldom(flags),
  );
  const ops = fc
    .array(mostly(fc.oneof(put, del, recursive), other), { minLength: 1, maxLength: 4 })
    .map((items) => `[${items.join(",")}]`);
  const batch = object(once(field("ops", ops)), maybe(field("atomic", truth)), seldom(unknown));
  const damage = fc.oneof(
    { arbitrary: fc.constant((body: Uint8Array) => body), weight: 12 },
    fc.nat().map((at) => (body: Uint8Array) => body.subarray(0, at % (body.length + 1))),
    fc.tuple(fc.nat(), fc.nat({ max: 0xff })).map(([at, byte]) => (body: Uint8Array) => {
      const damaged = body.slice();
      damaged[at % body.length] = byte;
      return damaged;
    }),
    fc.uint8Array({ maxLength: 3 }).map((more) => (body: Uint8Array) => Buffer.concat([body, more])),
  );

  test("whatever comes", () => {
    const tally = { plain: 0, parsed: 0, refused: 0 };
    fc.assert(
      fc.property(batch, damage, (text, harm) => {
        const body = harm(utf8(text));
        if (isPlain(body)) tally.plain++;
        else {
          try {
            parsed(body);
            tally.parsed++;
          } catch {
            tally.refused++;
          }
        }
      }),
      { numRuns: 3000 },
    );
    // All three kinds, or the test would show little.
    for (const count of Object.values(tally)) expect(count).toBeGreaterThan(30);
  });
});

describe.each(FACES)("POST /v1/kv over %s", (_name, open) => {
  afterEach(() => {
    vi.restoreAllMocks();
  });

  test("a plain body is never made an object", async () => {
    const kv = await Kv.open(open);
    const parse = vi.spyOn(JSON, "parse");
    const bodies = () => parse.mock.calls.filter(([text]) => text.includes('"ops"')).length;
    await kv.call("POST", "", '{"ops":[{"put":"x","value":"5"}]}');
    expect(kv.contents).toEqual({ x: "5" });
    expect(bodies()).toBe(0);
    await kv.call("POST", "", '{"ops":[{"put":"x","value":"\\u0036"}]}');
    expect(kv.contents).toEqual({ x: "6" });
    expect(bodies()).toBe(1);
    await kv.close();
  });
});
