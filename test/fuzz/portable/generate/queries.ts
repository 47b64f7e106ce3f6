import fc from "fast-check";

/** Values of every parameter that the contract knows, right ones and wrong ones. */

interface Parameter {
  readonly name: string;
  readonly good: readonly string[];
  readonly bad: readonly string[];
}

const FLAGS = { good: ["", "true", "1", "false", "0"], bad: ["yes", "2", "TRUE", "%20", "null"] };
const NUMBERS = [
  "-1",
  "1.5",
  "1e3",
  "abc",
  "",
  "%20",
  "0x1",
  "9007199254740992",
  "99999999999999999",
  "٣",
  "NaN",
];

const flag = (name: string): Parameter => ({ name, ...FLAGS });

const cas: Parameter = {
  name: "cas",
  good: [
    "0",
    "1",
    "{{modify:a}}",
    "{{modify:ab}}",
    "{{modify:dir/x}}",
    "{{index}}",
    "9007199254740991",
    "007",
  ],
  bad: NUMBERS,
};
const timeout: Parameter = {
  name: "timeout",
  good: ["5s", "60s", "2000", "5000ms", "60000", "1", "3ms"],
  bad: ["0", "61s", "60001", "5m", "-1", "abc", "", "1.5s", "1000000000", "5%20s", "%zz"],
};
/** Means nothing to anybody. */
const unknown: Parameter = { name: "dc", good: ["dc1", "%22", "ö", ""], bad: ["x"] };

export const READ: readonly Parameter[] = [
  flag("raw"),
  flag("recurse"),
  flag("keys"),
  flag("stale"),
  flag("consistent"),
  { name: "separator", good: ["/", "%2F", "b", "", "ö", "%F0%9F%98%80", "//"], bad: ["%", "%ff", "%zz"] },
  timeout,
  unknown,
];
export const BLOCKING: readonly Parameter[] = [
  {
    name: "index",
    good: ["{{index}}", "{{index-1}}", "{{index+1}}", "0", "1", "2", "99999999999999999999"],
    bad: ["abc", "-1", "1.5", "", "+1", "0x10", "1e3", "999999999999999999999"],
  },
  {
    name: "wait",
    good: ["0", "0s", "5ms", "20", "300ms", "0.05s", "1s", "1m30s", "1.5h", "10m", "999h"],
    bad: ["", "abc", "-5s", "5x", "s", "1e3s", "5s5", "1s%20", "Infinity"],
  },
];
export const PUT: readonly Parameter[] = [
  cas,
  { name: "flags", good: ["0", "42", "9007199254740991"], bad: NUMBERS },
  timeout,
  unknown,
  // Reads' own: they mean nothing here.
  { name: "raw", good: ["", "yes"], bad: [] },
];
export const LOCK: readonly Parameter[] = [
  { name: "acquire", good: [], bad: ["s", ""] },
  { name: "release", good: [], bad: ["s"] },
];
export const DELETE: readonly Parameter[] = [cas, flag("recurse"), timeout, unknown];
export const COMMAND: readonly Parameter[] = [timeout, unknown];
export const STATUS: readonly Parameter[] = [
  {
    name: "log",
    good: ["0", "1", "5", "all", "100", "999999"],
    bad: ["-3", "", "ALL", "1.5", "abc", "1000000000000000000"],
  },
  unknown,
];

/** `?…`, or nothing. `often`: how many of the parameters there are on average. */
export function query(parameters: readonly Parameter[], often = 1): fc.Arbitrary<string> {
  const one = fc.constantFrom(...parameters).chain(({ name, good, bad }) => {
    const value = fc.oneof(
      {
        weight: 9 * Math.sign(good.length),
        arbitrary: fc.constantFrom(...good, ...(good.length > 0 ? [] : bad)),
      },
      {
        weight: bad.length === 0 ? 0 : 1,
        arbitrary: fc.constantFrom(...bad, ...(bad.length > 0 ? [] : good)),
      },
    );
    // Bare, as curl users write flags.
    return fc
      .tuple(value, fc.boolean())
      .map(([text, isBare]) => (text === "" && isBare ? name : `${name}=${text}`));
  });
  const list = fc.oneof(
    { weight: 2, arbitrary: fc.constant<string[]>([]) },
    {
      weight: 2 + often,
      arbitrary: fc.uniqueArray(one, { minLength: 1, maxLength: 1 + often, selector: nameOf }),
    },
    // The same one more than once.
    { weight: 1, arbitrary: fc.array(one, { minLength: 1, maxLength: 3 }) },
  );
  return list.map((parts) => (parts.length === 0 ? "" : `?${parts.join("&")}`));
}

function nameOf(part: string): string {
  return part.split("=")[0] ?? "";
}
