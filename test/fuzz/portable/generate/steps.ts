import fc from "fast-check";
import type { FuzzBody, FuzzRequest, Step } from "../request.ts";
import { batchBody } from "./batches.ts";
import { commandBody } from "./commands.ts";
import { nodesCall } from "./messages.ts";
import { keyPath, oddPath } from "./paths.ts";
import * as parameters from "./queries.ts";
import { query } from "./queries.ts";
import { anything, key, plainKey, prefix, value } from "./texts.ts";

/** Everything that can be asked of a node, in the shares in which it is worth asking. */

export interface StepOptions {
  readonly secret: string | null;
  readonly token: string | null;
  /** What a socket takes and fetch does not make: methods, lengths that lie. */
  readonly raw: boolean;
}

type Sketch = Pick<FuzzRequest, "method" | "target" | "body">;

const method = fc.constantFrom("GET", "HEAD", "PUT", "DELETE", "POST", "PATCH", "OPTIONS");

const valueBody: fc.Arbitrary<FuzzBody> = fc.oneof(
  { weight: 4, arbitrary: value.map((text) => ({ text: text.toWellFormed() })) },
  { weight: 3, arbitrary: fc.uint8Array({ maxLength: 40 }).map((bytes) => ({ bytes })) },
  { weight: 2, arbitrary: fc.constant(null) },
);

/** Bodies that are no JSON object, of any kind. */
const oddBody: fc.Arbitrary<FuzzBody> = fc.oneof(
  fc.constantFrom<FuzzBody>(
    null,
    { text: "" },
    { text: "  \n" },
    { text: "{" },
    { text: '{"cmd":"SET a=1"' },
    { text: "[".repeat(5000) },
    { text: `${'{"a":'.repeat(2000)}1${"}".repeat(2000)}` },
    { text: '{"cmd":"SET a=1","cmd":5}' },
    { text: '\ufeff{"cmd":"GET a"}' },
    { text: "NaN" },
    { bytes: Uint8Array.of(0xff, 0xfe) },
    { bytes: Uint8Array.of(0x7b, 0x22, 0xc3, 0x22, 0x7d) },
  ),
  anything.map((json) => ({ json })),
  fc.uint8Array({ maxLength: 30 }).map((bytes) => ({ bytes })),
);

const large: fc.Arbitrary<Sketch> = fc
  .tuple(
    fc.constantFrom("/v1/kv/large", "/command", "/v1/kv", "/raft"),
    fc.constantFrom(1_048_576, 1_048_577, 1_500_000),
  )
  .map(([target, length]) => ({
    method: target.endsWith("large") ? "PUT" : "POST",
    target,
    body: { length },
  }));

function sketch(
  name: fc.Arbitrary<string>,
  target: fc.Arbitrary<readonly [path: string, query: string]>,
  body: fc.Arbitrary<FuzzBody> = fc.constant(null),
): fc.Arbitrary<Sketch> {
  return fc
    .tuple(name, target, body)
    .map(([own, [path, text], what]) => ({ method: own, target: `${path}${text}`, body: what }));
}

const one = fc.constant;
const looking = fc.constantFrom("GET", "GET", "GET", "HEAD");

const sketches: fc.Arbitrary<Sketch> = fc.oneof(
  { weight: 16, arbitrary: sketch(one("PUT"), fc.tuple(keyPath(key), query(parameters.PUT)), valueBody) },
  {
    weight: 4,
    arbitrary: sketch(one("PUT"), fc.tuple(keyPath(plainKey), query([parameters.PUT[0]!], 1)), valueBody),
  },
  { weight: 1, arbitrary: sketch(one("PUT"), fc.tuple(keyPath(key), query(parameters.LOCK)), valueBody) },
  { weight: 8, arbitrary: sketch(one("DELETE"), fc.tuple(keyPath(key), query(parameters.DELETE))) },
  { weight: 1, arbitrary: sketch(one("DELETE"), fc.tuple(keyPath(prefix), one("?recurse"))) },
  {
    weight: 12,
    arbitrary: sketch(looking, fc.tuple(keyPath(fc.oneof(key, prefix)), query(parameters.READ, 2))),
  },
  {
    weight: 8,
    arbitrary: sketch(
      looking,
      fc.tuple(keyPath(fc.oneof(plainKey, prefix)), query([...parameters.BLOCKING, ...parameters.READ], 3)),
    ),
  },
  // Readers that will have to wait, for something that is written often.
  {
    weight: 8,
    arbitrary: sketch(
      looking,
      fc.tuple(
        keyPath(fc.oneof(plainKey, fc.constantFrom("a", "dir/"))),
        fc
          .tuple(
            fc.constantFrom("{{index}}", "{{index}}", "{{index-1}}", "1"),
            fc.constantFrom("", "", "&recurse", "&keys", "&raw", "&stale"),
            fc.constantFrom("", "", "&wait=300ms", "&wait=3s"),
          )
          .map(([index, form, wait]) => `?index=${index}${form}${wait}`),
      ),
    ),
  },
  {
    weight: 12,
    arbitrary: sketch(
      one("POST"),
      fc.tuple(fc.constantFrom("/v1/kv", "/v1/kv/"), query(parameters.COMMAND)),
      batchBody,
    ),
  },
  {
    weight: 12,
    arbitrary: sketch(
      one("POST"),
      fc.tuple(fc.constantFrom("/command", "/client", "/client_command"), query(parameters.COMMAND)),
      commandBody,
    ),
  },
  {
    weight: 3,
    arbitrary: sketch(
      one("POST"),
      fc.tuple(fc.constantFrom("/command", "/v1/kv", "/raft", "/requestVote"), one("")),
      oddBody,
    ),
  },
  { weight: 3, arbitrary: sketch(looking, fc.tuple(one("/status"), query(parameters.STATUS))) },
  {
    weight: 2,
    arbitrary: sketch(
      looking,
      fc.tuple(
        fc.constantFrom("/health", "/metrics", "/v1/status/leader", "/v1/status/peers"),
        query(parameters.COMMAND),
      ),
    ),
  },
  { weight: 14, arbitrary: nodesCall.map(([target, body]) => ({ method: "POST", target, body })) },
  {
    weight: 4,
    arbitrary: sketch(method, fc.tuple(oddPath, fc.oneof(one(""), query(parameters.READ))), valueBody),
  },
  {
    weight: 3,
    arbitrary: sketch(
      method,
      fc.tuple(
        fc.constantFrom("/status", "/command", "/v1/kv/a", "/v1/kv", "/raft", "/requestVote", "/health"),
        one(""),
      ),
      valueBody,
    ),
  },
);

/** Methods that fetch does not send. */
const rawSketch = sketch(
  fc.constantFrom("TRACE", "PROPFIND", "BREW", "get", "Put"),
  fc.tuple(fc.constantFrom("/status", "/v1/kv/a", "/command", "/none", "/v1/kv/%zz"), one("")),
  valueBody,
);

export function steps(options: StepOptions): fc.Arbitrary<Step> {
  const requests = (from: fc.Arbitrary<Sketch>) =>
    fc
      .tuple(fc.nat(2), from, headers(options))
      .map(([node, own, list]): Step => ({ type: "request", node, ...own, headers: list }));
  return fc.oneof(
    { weight: 400, arbitrary: requests(sketches) },
    { weight: 1, arbitrary: requests(large) },
    { weight: options.raw ? 10 : 0, arbitrary: requests(rawSketch) },
    {
      weight: 12,
      arbitrary: fc.constantFrom(1, 30, 400, 2_000).map((ms): Step => ({ type: "pass", ms })),
    },
    { weight: 1, arbitrary: fc.constant<Step>({ type: "hand-over" }) },
  );
}

type Headers = FuzzRequest["headers"];

function headers({ secret, token, raw }: StepOptions): fc.Arbitrary<Headers> {
  const forward: fc.Arbitrary<Headers> = fc.oneof(
    { weight: 20, arbitrary: one<Headers>([]) },
    {
      weight: 1,
      arbitrary: fc
        .constantFrom("never", "Never", "NEVER ", "always", "")
        .map((text): Headers => [["raft-forward", text]]),
    },
  );
  const framing = fc.constantFrom<Headers>(
    [["content-length", "0"]],
    [["content-length", "3"]],
    [["content-length", "100"]],
    [["content-length", "99999999"]],
    [["content-length", "-5"]],
    [["content-length", "5x"]],
    [
      ["content-length", "3"],
      ["content-length", "4"],
    ],
    [
      ["content-length", "3"],
      ["transfer-encoding", "chunked"],
    ],
    [["expect", "100-continue"]],
    [["expect", "nonsense"]],
    [["connection", "close"]],
    [["connection", "keep-alive"]],
    [["x-empty", ""]],
    [["x-long", "y".repeat(5000)]],
    [["x-too-long", "y".repeat(20_000)]],
    [["content-type", "\u00ff;charset"]],
  );
  const lies: fc.Arbitrary<Headers> = fc.oneof(
    { weight: 15, arbitrary: one<Headers>([]) },
    { weight: raw ? 1 : 0, arbitrary: framing },
  );
  const type = fc.constantFrom<Headers>(
    [],
    [],
    [["content-type", "application/json"]],
    [["content-type", "text/plain"]],
  );
  return fc
    .tuple(forward, lies, type, authorization([secret, token].filter((own) => own !== null)))
    .map((lists) => lists.flat());
}

/** Mostly a credential that is good for something, which is not yet for this route. */
function authorization(credentials: readonly string[]): fc.Arbitrary<Headers> {
  const bearer = (text: string): Headers => [["authorization", text]];
  const wrong = fc.constantFrom<Headers>(
    [],
    [],
    ...["Bearer nobody", "Bearer", "Basic eDp5", "Bearer  "].map(bearer),
  );
  if (credentials.length === 0)
    return fc.oneof({ weight: 9, arbitrary: one<Headers>([]) }, { weight: 1, arbitrary: wrong });
  const shown = credentials.flatMap((own) => [
    bearer(`Bearer ${own}`),
    bearer(`Bearer ${own}`),
    bearer(`bEARER   ${own}`),
  ]);
  const nearly = credentials.map((own) => bearer(`Bearer ${own}x`));
  return fc.oneof(
    { weight: 20, arbitrary: fc.constantFrom(...shown) },
    { weight: 1, arbitrary: fc.oneof(wrong, fc.constantFrom(...nearly)) },
  );
}
