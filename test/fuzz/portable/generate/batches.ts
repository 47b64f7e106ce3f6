import fc from "fast-check";
import { toBase64 } from "../bytes.ts";
import type { FuzzBody } from "../request.ts";
import { anything, key, prefix, value } from "./texts.ts";

const cas = fc.constantFrom<unknown>(0, 1, "{{modify:a}}", "{{modify:ab}}", "{{modify:b}}", "{{index}}");
const bytes = fc.uint8Array({ maxLength: 20 }).map((own) => toBase64(own));

const put = fc
  .record(
    { put: key, value, flags: fc.constantFrom(0, 7, Number.MAX_SAFE_INTEGER), cas },
    { requiredKeys: ["put", "value"] },
  )
  .map(({ cas: expected, ...rest }) => (expected === undefined ? rest : { ...rest, cas: expected }));

const good: fc.Arbitrary<unknown> = fc.oneof(
  { weight: 5, arbitrary: put },
  { weight: 2, arbitrary: fc.record({ put: key, base64: bytes }) },
  {
    weight: 3,
    arbitrary: fc.record({ delete: key, cas, recurse: fc.constant(false) }, { requiredKeys: ["delete"] }),
  },
  { weight: 1, arbitrary: fc.record({ delete: prefix, recurse: fc.constant(true) }) },
);

/** A good one with a field too many, too few or of another kind; or none at all. */
const bad: fc.Arbitrary<unknown> = fc.oneof(
  fc
    .tuple(good, fc.constantFrom("put", "delete", "value", "base64", "cas", "flags", "recurse"), anything)
    .map(([operation, name, odd]) => ({ ...(operation as object), [name]: odd })),
  fc
    .tuple(good, fc.constantFrom("put", "delete", "value", "base64"))
    .map(([operation, name]) =>
      Object.fromEntries(Object.entries(operation as object).filter(([own]) => own !== name)),
    ),
  fc.constantFrom<unknown>(
    { put: "a", value: "\ud800" },
    { put: "\udc00", value: "" },
    { put: "a", base64: "=" },
    { put: "a", base64: "QQ" },
    { put: "a", base64: "Q Q=" },
    { put: "a", base64: "Zm9v\n" },
    { put: "a", value: "1", base64: "MQ==" },
    { delete: "a", cas: 1, recurse: true },
    { delete: "", recurse: false },
    { put: "", value: "1" },
    { get: "a" },
  ),
  anything,
);

const operations: fc.Arbitrary<unknown> = fc.oneof(
  { weight: 10, arbitrary: fc.array(good, { minLength: 1, maxLength: 6 }) },
  {
    weight: 15,
    arbitrary: fc
      .tuple(fc.array(good, { maxLength: 4 }), bad, fc.array(good, { maxLength: 2 }))
      .map(([before, odd, after]) => [...before, odd, ...after]),
  },
  { weight: 1, arbitrary: anything },
);

const many = fc.constantFrom(4096, 4097).map((count) => ({
  ops: Array.from({ length: count }, (_, at) => ({ put: `many/${at % 3}`, value: "" })),
}));

export const batchBody: fc.Arbitrary<FuzzBody> = fc.oneof(
  {
    weight: 40,
    arbitrary: fc
      .record({ atomic: fc.boolean(), ops: operations, other: anything }, { requiredKeys: ["ops"] })
      .map((json) => ({ json })),
  },
  {
    weight: 15,
    arbitrary: fc.tuple(operations, anything).map(([ops, atomic]) => ({ json: { ops, atomic } })),
  },
  { weight: 1, arbitrary: many.map((json) => ({ json })) },
);
