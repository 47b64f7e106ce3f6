import fc from "fast-check";
import { expect, test } from "vitest";
import { RaftLiteError } from "../../shared/errors.ts";
import type { ExchangeRequest, ExchangeResponse } from "../../shared/node/wire.ts";
import { decodeRequest, encodeExchange } from "../../shared/node/wire.ts";
import { KnownHeads, packExchange, unpackRequest, unpackResponse } from "../../shared/node/wire-packed.ts";
import type { AppendEntries } from "../../shared/raft/types.ts";
import { anyExchange } from "./support/arbitrary-messages.ts";
import { commandEntry } from "./support/entries.ts";

const head = { version: 1, clusterId: "c", id: "A", storeId: "s", to: "http://n" };
const kindAt = 1 + 4 + JSON.stringify(head).length;

/** What a decoder says to bytes: an exchange, or the one refusal there is. */
function unpacked(bytes: Uint8Array): ExchangeRequest | null {
  try {
    return unpackRequest(bytes, "N");
  } catch (error) {
    expect(error).toBeInstanceOf(RaftLiteError);
    expect(error).toMatchObject({ code: "bad-message", status: 400 });
    return null;
  }
}

function packed({ messages, ...head }: ExchangeRequest | ExchangeResponse): Uint8Array {
  return packExchange(head, messages);
}

test("what is sent arrives as it was, and as JSON would have brought it", () => {
  fc.assert(
    fc.property(anyExchange, (exchange) => {
      const bytes = packed(exchange);
      expect(unpackRequest(bytes, "N")).toEqual(exchange);
      expect(unpackRequest(bytes, "N")).toEqual(decodeRequest(encodeExchange(exchange), "N"));
      const { to: _to, toStoreId: _toStoreId, ...response } = exchange;
      expect(unpackResponse(packed(response), "N")).toEqual(response);
    }),
    { numRuns: 300 },
  );
});

test("entries that go to several are packed once, and arrive alike", () => {
  let packings = 0;
  const entries = Array.from({ length: 5 }, (_, at) => {
    const entry = commandEntry(8 + at);
    const { data } = entry;
    return Object.defineProperty(entry, "data", {
      get: () => {
        packings++;
        return data;
      },
    });
  });
  const append = (round: number): AppendEntries => ({
    type: "AppendEntries",
    from: "A",
    to: "N",
    leaderId: "A",
    term: 3,
    prevLogIndex: 7,
    prevLogTerm: 1,
    leaderCommit: 7,
    heartbeatMs: 100,
    round,
    entries,
  });
  const first = packExchange(head, [append(1)]);
  packings = 0;
  const second = packExchange(head, [append(2), append(3)]);
  expect(packings).toBe(0);
  const [expected] = unpackRequest(first, "N").messages;
  expect(unpackRequest(second, "N").messages).toEqual([
    { ...expected, round: 2 },
    { ...expected, round: 3 },
  ]);
});

test("what stands in other memory before and after it does not matter", () => {
  fc.assert(
    fc.property(anyExchange, (exchange) => {
      const bytes = packed(exchange);
      const larger = new Uint8Array(bytes.length + 20).fill(0xb1);
      larger.set(bytes, 7);
      expect(unpackRequest(larger.subarray(7, 7 + bytes.length), "N")).toEqual(exchange);
    }),
    { numRuns: 50 },
  );
});

test("a part of it is refused, or is the messages that it holds whole", () => {
  fc.assert(
    fc.property(anyExchange, fc.nat(), (exchange, cut) => {
      const bytes = packed(exchange);
      const part = unpacked(bytes.subarray(0, cut % bytes.length));
      if (part !== null) expect(part.messages).toEqual(exchange.messages.slice(0, part.messages.length));
    }),
    { numRuns: 300 },
  );
});

test("whatever is changed in it, it is read or refused", () => {
  fc.assert(
    fc.property(
      anyExchange,
      fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1 }),
      (exchange, changes) => {
        const bytes = packed(exchange);
        for (const [at, value] of changes) bytes[at % bytes.length] = value;
        unpacked(bytes);
      },
    ),
    { numRuns: 1000 },
  );
});

test("who speaks is read anew when it differs in a byte, whatever was read before", () => {
  const known = new KnownHeads();
  const others = Array.from({ length: 40 }, (_, at) => ({ ...head, storeId: `s${at}` }));
  for (const other of [head, ...others, head, ...others.reverse()]) {
    expect(unpackRequest(packExchange(other, []), "N", known)).toEqual({ ...other, messages: [] });
  }
  // The bytes that were read first are the reader's no longer.
  const bytes = packExchange(head, []);
  unpackRequest(bytes, "N", known);
  bytes.fill(0, 5);
  expect(unpackRequest(packExchange(head, []), "N", known)).toMatchObject(head);
  expect(() => unpackRequest(bytes, "N", known)).toThrow(RaftLiteError);
});

test("what a stranger has blown up is read, and not remembered", () => {
  const known = new KnownHeads();
  const large = { ...head, remark: "x".repeat(100_000) };
  const bytesOf = (one: typeof head) => new TextEncoder().encode(JSON.stringify(one));
  for (const one of [head, large]) {
    expect(unpackRequest(packExchange(one, []), "N", known)).toMatchObject(head);
  }
  expect(known.find(bytesOf(head))).toEqual(head);
  expect(known.find(bytesOf(large))).toBeUndefined();
});

test("a message of an unknown kind is passed over", () => {
  const messages = [{ type: "TimeoutNow", from: "A", to: "N", term: 3 }] as const;
  const bytes = packExchange(head, messages);
  const more = Uint8Array.of(
    ...bytes.subarray(0, kindAt),
    99,
    3,
    0,
    0,
    0,
    1,
    2,
    3,
    ...bytes.subarray(kindAt),
  );
  expect(unpackRequest(more, "N").messages).toEqual(messages);
});

test.each([
  ["nothing", []],
  ["JSON", [...new TextEncoder().encode("{}")]],
  ["a length that is a lie", [0xb1, 255, 255, 255, 255]],
])("%s is no packed exchange", (_what, bytes) => {
  expect(unpacked(Uint8Array.from(bytes))).toBeNull();
});

test("terms that fall along the entries are refused, as in JSON", () => {
  const entries = [5, 4].map((term, at) => {
    const data = { time: 1, origin: null, schema: 1, bytes: Uint8Array.of(120) };
    return { index: 8 + at, term, kind: "command" as const, size: 65, data };
  });
  const append = {
    type: "AppendEntries" as const,
    from: "A",
    to: "N",
    term: 5,
    leaderId: "A",
    prevLogIndex: 7,
  };
  const rest = { prevLogTerm: 4, leaderCommit: 0, heartbeatMs: 100, round: 1, entries };
  expect(unpacked(packExchange(head, [{ ...append, ...rest }]))).toBeNull();
  expect(unpacked(packExchange(head, [{ ...append, ...rest, entries: [entries[1]!] }]))).not.toBeNull();
});

test("a result with an outcome that is not known is never taken for a refusal", () => {
  const message = { type: "ForwardResponse", from: "A", to: "N", boot: 1, call: 1 } as const;
  const refused = (reason: string) =>
    packExchange(head, [{ ...message, results: [{ sequence: 1, outcome: "refused", reason }] }]);
  const bytes = refused("r");
  // The outcome is the byte before the length of its reason, which ends the message.
  const at = bytes.length - 1 - 4 - 1;
  expect(unpacked(bytes)?.messages).toMatchObject([{ results: [{ outcome: "refused", reason: "r" }] }]);
  bytes[at] = 99;
  expect(unpacked(bytes)).toBeNull();
});
