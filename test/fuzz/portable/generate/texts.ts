import fc from "fast-check";

/** Any code point that UTF-8 can carry, of every length there. (The library's own unit takes a table of them all.) */
export const character: fc.Arbitrary<string> = fc
  .oneof(
    fc.integer({ min: 0, max: 0x7f }),
    fc.integer({ min: 0x80, max: 0xffff }),
    fc.integer({ min: 0x10000, max: 0x10ffff }),
  )
  .map((point) => String.fromCodePoint(point).toWellFormed());

/** Keys: few, so that they meet, some of them prefixes of others, and all that is odd about a key. */
export const plainKey = fc.constantFrom("a", "ab", "a/b", "a/b/c", "dir/", "dir/x", "dir/y/z", "b", "ö");

const oddKeys = [
  "/",
  "//",
  "a//",
  " ",
  "a b",
  "x=y",
  "100%",
  "%2F",
  "a+b",
  "?",
  "#",
  "\\",
  ".",
  "..",
  "./a",
  "a/../b",
  "a/./b",
  "\u0000",
  "line\nbreak",
  "\u007f",
  "\u009b31m",
  "\u202eright",
  "\u2028",
  "\ufeff",
  "日本",
  "\uffee",
  "😀",
  "😀a",
  "__proto__",
  "constructor",
];

/** As long as a key may be, and a byte more. */
const longKeys = [
  "k".repeat(512),
  "é".repeat(256),
  "😀".repeat(128),
  "k".repeat(513),
  "😀".repeat(129),
  "k".repeat(5000),
];

export const key: fc.Arbitrary<string> = fc.oneof(
  { weight: 12, arbitrary: plainKey },
  { weight: 4, arbitrary: fc.constantFrom(...oddKeys) },
  { weight: 1, arbitrary: fc.constantFrom(...longKeys) },
  { weight: 2, arbitrary: fc.string({ unit: character, maxLength: 8 }) },
);

export const prefix: fc.Arbitrary<string> = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom("", "a", "a/", "dir/", "d", "😀", "zzz/") },
  { weight: 1, arbitrary: key },
);

/** Text of every kind: what is in a value is nobody's business. */
export const value: fc.Arbitrary<string> = fc.oneof(
  fc.constantFrom("", "1", "2", "x=5", "größer 😀", "two\nlines", "\u0000\u001b[31m", "\u2028\u202e", '"\\'),
  fc.string({ unit: character, maxLength: 30 }),
);

/** What is not what was asked for. */
export const anything: fc.Arbitrary<unknown> = fc.oneof(
  fc.constantFrom<unknown>(
    null,
    true,
    false,
    0,
    -1,
    1.5,
    -0,
    1e300,
    2 ** 53,
    "",
    "x",
    "0",
    [],
    {},
    [[]],
    { a: 1 },
    [null],
  ),
  fc.jsonValue({ maxDepth: 2 }),
);
