import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { RaftLiteError } from "../../shared/errors.ts";
import type { ExchangeRequest } from "../../shared/node/wire.ts";
import { decodeRequest, decodeResponse, encodeExchange, parseObject } from "../../shared/node/wire.ts";
import { anyExchange } from "./support/arbitrary-messages.ts";

type Json = Record<string, unknown>;

const head: Json = { version: 1, clusterId: "c", id: "A", storeId: "s", to: "http://n", messages: [] };
const decode = (messages: readonly unknown[], rest: Json = {}) =>
  decodeRequest(JSON.stringify({ ...head, messages, ...rest }), "N");

/** The one refusal there is. */
function refusal(attempt: () => unknown): string {
  try {
    attempt();
  } catch (error) {
    expect(error).toMatchObject({ name: "RaftLiteError", code: "bad-message", status: 400 });
    return (error as RaftLiteError).message;
  }
  throw new Error("not refused");
}

test("what is sent arrives as it was", () => {
  fc.assert(
    fc.property(anyExchange, (exchange) => {
      const text = encodeExchange(exchange);
      expect(decodeRequest(text, "N")).toEqual(exchange);
      const { to: _to, toStoreId: _toStoreId, ...response } = exchange;
      expect(decodeResponse(encodeExchange(response), "N")).toEqual(response);
    }),
    { numRuns: 300 },
  );
});

test("unknown fields are ignored wherever they stand", () => {
  const withMore = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(withMore);
    if (typeof value !== "object" || value === null) return value;
    const known = Object.entries(value).map(([name, one]) => [
      name,
      name === "origin" && Array.isArray(one) ? [...one, "more"] : withMore(one),
    ]);
    return { ...Object.fromEntries(known), more: { of: "it" } };
  };
  fc.assert(
    fc.property(anyExchange, (exchange) => {
      const text = JSON.stringify(withMore(JSON.parse(encodeExchange(exchange))));
      const { more: _more, ...decoded } = decodeRequest(text, "N") as ExchangeRequest & { more?: unknown };
      expect(decoded).toEqual(exchange);
    }),
    { numRuns: 100 },
  );
});

test.each(["InstallSnapshot", "constructor", "toString", "__proto__", ""])(
  "messages of a kind that is not known (%j) are ignored, the others are not",
  (type) => {
    const known = { type: "TimeoutNow", term: 3 };
    const { messages } = decode([{ type, term: "no matter" }, known, { type }]);
    expect(messages).toEqual([{ ...known, from: "A", to: "N" }]);
  },
);

test("a text command can be read in an exchange", () => {
  const bytes = new TextEncoder().encode('SET x="größer"');
  const commands = [{ sequence: 1, floor: 1, schema: 1, bytes }];
  const messages = [{ type: "Forward", from: "A", to: "N", boot: 1, call: 1, commands } as const];
  const text = encodeExchange({ version: 1, clusterId: null, id: "A", storeId: "s", messages });
  expect(JSON.parse(text)).toMatchObject({ messages: [{ commands: [{ cmd: 'SET x="größer"' }] }] });
});

// ---- whatever is wrong is named ----

const vote: Json = { type: "RequestVote", term: 2, candidateId: "A", lastLogIndex: 3, lastLogTerm: 1 };
const append: Json = {
  type: "AppendEntries",
  term: 2,
  leaderId: "A",
  prevLogIndex: 3,
  prevLogTerm: 1,
  leaderCommit: 1,
};
const command: Json = { term: 2, kind: "command", time: 1, cmd: "SET x=1" };
const bytes: Json = { term: 2, kind: "command", time: 1, schema: 7, data: "AAEC" };
const slot: Json = { id: "A", storeId: "s", address: "http://a" };
const configuration: Json = { clusterId: "c", slots: [slot] };
const founding: Json = { term: 2, kind: "configuration", time: 1, configuration };
const forwarded: Json = { sequence: 1, floor: 1, cmd: "SET x=1" };
const inAppend = (entry: Json): Json => ({ ...append, entries: [entry] });
const inFounding = (one: Json): Json => inAppend({ ...founding, configuration: one });
const itself = (message: Json): Json => message;

/** A good one, what carries it, which of its fields may not be missing, and which may. */
const shapes: readonly [string, Json, (shape: Json) => Json, readonly string[], readonly string[]][] = [
  [
    "RequestVote",
    vote,
    itself,
    ["term", "candidateId", "lastLogIndex", "lastLogTerm"],
    ["preVote", "leadershipTransfer"],
  ],
  [
    "RequestVoteResponse",
    { type: "RequestVoteResponse", term: 2, voteGranted: true },
    itself,
    ["term", "voteGranted"],
    ["preVote", "requestTerm"],
  ],
  [
    "AppendEntries",
    append,
    itself,
    ["term", "leaderId", "prevLogIndex", "prevLogTerm", "leaderCommit"],
    ["entries", "heartbeatMs", "round", "logClusterId"],
  ],
  [
    "AppendEntriesResponse",
    {
      type: "AppendEntriesResponse",
      term: 2,
      success: true,
      matchIndex: 1,
      conflictIndex: 0,
      conflictTerm: 0,
      prevLogIndex: 1,
      round: 1,
    },
    itself,
    ["term", "success", "matchIndex", "conflictIndex", "conflictTerm", "prevLogIndex", "round"],
    [],
  ],
  ["TimeoutNow", { type: "TimeoutNow", term: 2 }, itself, ["term"], []],
  ["ReadIndex", { type: "ReadIndex", term: 2, readId: 1 }, itself, ["term", "readId"], []],
  [
    "ReadIndexResponse",
    { type: "ReadIndexResponse", term: 2, readId: 1, readIndex: 1 },
    itself,
    ["term", "readId", "readIndex"],
    [],
  ],
  ["Forward", { type: "Forward", boot: 1, call: 1, commands: [] }, itself, ["boot", "call", "commands"], []],
  [
    "ForwardResponse",
    { type: "ForwardResponse", boot: 1, call: 1, results: [] },
    itself,
    ["boot", "call", "results"],
    [],
  ],
  ["a text command", command, inAppend, ["term", "kind", "time", "cmd"], ["origin", "data"]],
  ["a command in bytes", bytes, inAppend, ["term", "kind", "time", "schema"], []],
  ["a no-op", { term: 2, kind: "noop", time: 1 }, inAppend, ["term", "kind", "time"], []],
  ["a configuration entry", founding, inAppend, ["term", "kind", "time", "configuration"], []],
  ["a configuration", configuration, inFounding, ["clusterId", "slots"], []],
  [
    "a slot",
    slot,
    (one) => inFounding({ ...configuration, slots: [slot, { ...one, ...(one.id === "A" && { id: "B" }) }] }),
    ["id", "storeId", "address"],
    [],
  ],
  [
    "a forwarded command",
    forwarded,
    (one) => ({ type: "Forward", boot: 1, call: 1, commands: [one] }),
    ["sequence", "floor", "cmd"],
    ["data"],
  ],
  [
    "a result",
    { sequence: 1, outcome: "appended", index: 1, term: 1 },
    (one) => ({ type: "ForwardResponse", boot: 1, call: 1, results: [one] }),
    ["sequence", "outcome", "index", "term"],
    [],
  ],
];

describe.each(shapes)("%s", (_name, good, carry, required, optional) => {
  test("is taken as it is", () => {
    expect(decode([carry(good)]).messages).toHaveLength(1);
  });

  test.each(required)("without %s is refused, and told so", (field) => {
    const { [field]: _gone, ...rest } = good;
    expect(refusal(() => decode([carry(rest)]))).toMatch(new RegExp(`"${field}" of .* is missing`));
  });

  test.each([...required, ...optional])("with a wrong %s is refused, and told so", (field) => {
    // Of these no field takes more than two.
    const wrong = [-1, 1.5, 2 ** 53, "x", true, {}, null].filter((value) => {
      try {
        decode([carry({ ...good, [field]: value })]);
        return false;
      } catch {
        return true;
      }
    });
    expect(wrong.length).toBeGreaterThanOrEqual(5);
    for (const value of wrong) {
      expect(refusal(() => decode([carry({ ...good, [field]: value })]))).toContain(field);
    }
  });
});

test("a result with an outcome that is not known is no word on its command; the others count", () => {
  const results = [
    { sequence: 1, outcome: "postponed", reason: "not-leader" },
    { sequence: 2, outcome: "refused", reason: "overloaded" },
    { sequence: 3, outcome: "applied" },
  ];
  const [message] = decode([{ type: "ForwardResponse", boot: 1, call: 1, results }]).messages;
  expect(message).toMatchObject({ results: [results[1], results[2]] });
});

describe("what fits no rule of the log", () => {
  test.each<[string, RegExp, Json]>([
    ["terms that fall", /terms of entries rise/, { entries: [command, { ...command, term: 1 }] }],
    [
      "a term below the one before",
      /terms of entries rise/,
      { prevLogTerm: 2, entries: [{ ...command, term: 1 }] },
    ],
    [
      "a term of 0",
      /terms of entries rise/,
      { prevLogIndex: 0, prevLogTerm: 0, entries: [{ ...command, term: 0 }] },
    ],
    ["a term above the message's", /above the message's/, { entries: [{ ...command, term: 3 }] }],
    ["a term before index 1", /only index 0/, { prevLogIndex: 0, prevLogTerm: 1 }],
    ["no term before a later one", /only index 0/, { prevLogIndex: 3, prevLogTerm: 0 }],
    ["a heartbeat a minute apart", /"heartbeatMs" is above 60000/, { heartbeatMs: 60_001 }],
    ["a term that nobody reaches", /"term" is above/, { term: 2 ** 48 + 1 }],
    ["another's name", /"leaderId" names Z, but the message comes from A/, { leaderId: "Z" }],
    [
      "a member named twice",
      /names each member once/,
      { entries: [{ ...founding, configuration: { clusterId: "c", slots: [slot, slot] } }] },
    ],
    [
      "a configuration of nobody",
      /names each member once/,
      { entries: [{ ...founding, configuration: { clusterId: "c", slots: [] } }] },
    ],
    [
      "an origin too short",
      /"floor" of origin of entry 0 is missing/,
      { entries: [{ ...command, origin: ["A", 1, 1] }] },
    ],
    ["bytes that are none", /"data" of entry 0 must be base64/, { entries: [{ ...bytes, data: "?" }] }],
    [
      "a kind of entry that is not known",
      /"kind" of entry 0/,
      { entries: [{ ...command, kind: "snapshot" }] },
    ],
  ])("%s", (_what, message, rest) => {
    expect(refusal(() => decode([{ ...append, ...rest }]))).toMatch(message);
  });
});

describe("an exchange", () => {
  test.each(["clusterId", "id", "storeId", "messages"])("without %s is refused, and told so", (field) => {
    const { [field]: _gone, ...rest } = head;
    expect(refusal(() => decodeRequest(JSON.stringify(rest), "N"))).toContain(`"${field}"`);
    expect(refusal(() => decodeResponse(JSON.stringify(rest), "N"))).toContain(`"${field}"`);
  });

  test.each<[string, unknown]>([
    ["version", "1"],
    ["clusterId", 5],
    ["id", null],
    ["storeId", null],
    ["to", 5],
    ["toStoreId", null],
    ["size", -1],
    ["messages", {}],
  ])("with a wrong %s is refused, and told so", (field, value) => {
    expect(refusal(() => decode([], { [field]: value }))).toContain(`"${field}"`);
  });

  test.each(["", "no", "[]", "null", "5", '"text"'])("that is %j is refused", (text) => {
    expect(refusal(() => decodeRequest(text, "N"))).toMatch(/body/);
    expect(refusal(() => parseObject(text))).toMatch(/body/);
  });

  test.each([[null], [5], ["x"], [[]]])("with %j for a message is refused", (message) => {
    expect(refusal(() => decode([message]))).toContain("message 0 must be an object");
  });

  test("says which of its messages is wrong", () => {
    expect(refusal(() => decode([vote, { ...vote, term: "x" }]))).toContain('"term" of message 1');
  });

  test("may leave out what it has nothing to say about", () => {
    const { version: _version, to: _to, ...rest } = head;
    expect(decodeRequest(JSON.stringify(rest), "N")).toEqual({ ...rest, version: 1, to: "" });
  });
});
