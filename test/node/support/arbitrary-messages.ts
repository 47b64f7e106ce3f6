import fc from "fast-check";
import type { ExchangeRequest, NodeMessage } from "../../../shared/node/wire.ts";
import { ownPayload } from "../../../shared/node/wire-entry.ts";
import { configurationSize, entryOverheadBytes } from "../../../shared/raft/replication.ts";
import type { Configuration, Slot } from "../../../shared/raft/types.ts";
import type { Origin, UncountedEntry } from "../../../shared/storage/entry.ts";
import { TEXT_SCHEMA } from "../../../shared/storage/entry.ts";

/** Every message that one of our nodes could send, from A to N. */

const text = fc.string({ unit: "binary", maxLength: 20 });
const count = fc.oneof(fc.nat(1000), fc.maxSafeNat());
const term = fc.oneof(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 2 ** 48 }));
const id = fc.stringMatching(/^[A-Za-z0-9_-]{1,32}$/);

const payload = fc.oneof(
  text.map((cmd) => ({ schema: TEXT_SCHEMA, bytes: new TextEncoder().encode(cmd) })),
  fc.record({
    // Bytes that are no text after all, or begin like a byte order mark.
    schema: fc.oneof(fc.constant(TEXT_SCHEMA), count),
    bytes: fc.oneof(fc.uint8Array({ maxLength: 40 }), fc.constant(Uint8Array.of(0xef, 0xbb, 0xbf, 0x78))),
  }),
);
const origin: fc.Arbitrary<Origin> = fc.record({ node: id, boot: count, sequence: count, floor: count });

const configuration: fc.Arbitrary<Configuration> = fc.record({
  clusterId: text,
  slots: fc
    .uniqueArray(id, { minLength: 1, maxLength: 5 })
    .chain((ids) =>
      fc.tuple(
        fc.tuple(...ids.map((one) => fc.record({ id: fc.constant(one), storeId: text, address: text }))),
        fc.array(fc.record({ id: fc.constant(null), address: text }), { maxLength: 3 }),
      ),
    )
    .map(([named, open]): Slot[] => [...named, ...open]),
});

type Body = Omit<UncountedEntry, "index" | "term">;

const body: fc.Arbitrary<Body> = fc.oneof(
  fc.tuple(count, fc.option(origin), payload).map(
    ([time, from, { schema, bytes }]): Body => ({
      kind: "command",
      size: bytes.length + entryOverheadBytes,
      data: { time, origin: from, schema, bytes },
    }),
  ),
  count.map((time): Body => ({ kind: "noop", size: entryOverheadBytes, data: ownPayload(time) })),
  fc.tuple(count, configuration).map(
    ([time, one]): Body => ({
      kind: "configuration",
      size: configurationSize(one),
      configuration: one,
      data: ownPayload(time, one),
    }),
  ),
);

const envelope = { from: fc.constant("A"), to: fc.constant("N"), term };

const appendEntries = fc
  .record({
    bodies: fc.array(fc.tuple(body, fc.nat(3)), { maxLength: 5 }),
    prevLogIndex: fc.nat(1000),
    prevLogTerm: fc.integer({ min: 1, max: 9 }),
    above: fc.nat(9),
    leaderCommit: count,
    heartbeatMs: fc.nat(60_000),
    round: count,
    logClusterId: text,
    silence: fc.constantFrom({}, { quiesce: true as const }),
  })
  .map(({ bodies, silence, prevLogIndex, prevLogTerm, above, ...rest }): NodeMessage => {
    const previous = prevLogIndex === 0 ? 0 : prevLogTerm;
    let newest = previous;
    const entries = bodies.map(([one, rise], i): UncountedEntry => {
      newest = Math.max(1, newest + rise);
      return { ...one, index: prevLogIndex + 1 + i, term: newest };
    });
    const header = {
      type: "AppendEntries",
      from: "A",
      to: "N",
      leaderId: "A",
      term: newest + above,
    } as const;
    return { ...header, ...rest, ...silence, prevLogIndex, prevLogTerm: previous, entries };
  });

const anyMessage: fc.Arbitrary<NodeMessage> = fc.oneof(
  appendEntries,
  fc.record({
    type: fc.constant("RequestVote" as const),
    ...envelope,
    candidateId: fc.constant("A"),
    lastLogIndex: count,
    lastLogTerm: count,
    preVote: fc.boolean(),
    leadershipTransfer: fc.boolean(),
  }),
  fc.record({
    type: fc.constant("RequestVoteResponse" as const),
    ...envelope,
    voteGranted: fc.boolean(),
    preVote: fc.boolean(),
    requestTerm: count,
  }),
  fc.record(
    {
      type: fc.constant("AppendEntriesResponse" as const),
      ...envelope,
      success: fc.boolean(),
      matchIndex: count,
      conflictIndex: count,
      conflictTerm: count,
      prevLogIndex: count,
      round: count,
      quiet: fc.constant(true as const),
      lowPriority: fc.constant(true as const),
    },
    {
      requiredKeys: [
        "type",
        "from",
        "to",
        "term",
        "success",
        "matchIndex",
        "conflictIndex",
        "conflictTerm",
        "prevLogIndex",
        "round",
      ],
    },
  ),
  fc.record({ type: fc.constant("TimeoutNow" as const), ...envelope }),
  fc.record({ type: fc.constant("ReadIndex" as const), ...envelope, readId: count }),
  fc.record({
    type: fc.constant("ReadIndexResponse" as const),
    ...envelope,
    readId: count,
    readIndex: fc.option(count),
  }),
  fc.record({
    type: fc.constant("Forward" as const),
    from: envelope.from,
    to: envelope.to,
    boot: count,
    call: count,
    commands: fc.array(
      fc.tuple(payload, count, count).map(([one, sequence, floor]) => ({ ...one, sequence, floor })),
      { maxLength: 4 },
    ),
  }),
  fc.record({
    type: fc.constant("ForwardResponse" as const),
    from: envelope.from,
    to: envelope.to,
    boot: count,
    call: count,
    results: fc.array(
      fc.oneof(
        fc.record({ sequence: count, outcome: fc.constant("appended" as const), index: count, term: count }),
        fc.record({ sequence: count, outcome: fc.constant("applied" as const) }),
        fc.record({ sequence: count, outcome: fc.constant("refused" as const), reason: text }),
      ),
      { maxLength: 4 },
    ),
  }),
);

export const anyExchange: fc.Arbitrary<ExchangeRequest> = fc
  .record({
    version: count,
    clusterId: fc.option(text),
    id: fc.constant("A"),
    storeId: text,
    to: text,
    size: fc.option(count),
    toStoreId: fc.option(text),
    messages: fc.array(anyMessage, { maxLength: 5 }),
  })
  .map(({ size, toStoreId, ...rest }) => ({
    ...rest,
    ...(size !== null && { size }),
    ...(toStoreId !== null && { toStoreId }),
  }));
