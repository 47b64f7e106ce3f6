import fc from "fast-check";
import type { FuzzBody } from "../request.ts";
import { anything } from "./texts.ts";

/**
 * What nodes might say: refused, or true in the protocol without any effect. Whoever knows the cluster's id may speak
 * for its members, so nothing is made here that a member could mean: terms that are over, votes that a leader in
 * office makes void, answers of nobody.
 */

const over = fc.constantFrom<unknown>("{{term-1}}", 0);
const anyTerm = fc.constantFrom<unknown>("{{term}}", "{{term+1}}", "{{term+1000}}", "{{term-1}}", 0, 2 ** 48);
const index = fc.constantFrom<unknown>(
  "{{lastIndex}}",
  "{{lastIndex+1}}",
  "{{lastIndex-1}}",
  0,
  1,
  Number.MAX_SAFE_INTEGER,
);
const sender = fc.constantFrom("{{other:0}}", "{{other:1}}", "Z");

type Fields = Readonly<Record<string, unknown>>;

const vote = (from: fc.Arbitrary<string>): fc.Arbitrary<Fields> =>
  fc.record(
    {
      type: fc.constant("RequestVote"),
      term: anyTerm,
      candidateId: from,
      lastLogIndex: index,
      lastLogTerm: anyTerm,
      preVote: fc.boolean(),
      leadershipTransfer: fc.constant(false),
    },
    { requiredKeys: ["type", "term", "candidateId", "lastLogIndex", "lastLogTerm"] },
  );

const entry = fc.record({
  term: fc.constantFrom<unknown>(1, "{{term-1}}"),
  kind: fc.constantFrom("command", "noop", "nonsense"),
  time: fc.constant(1),
  cmd: fc.constant("SET forged=1"),
});

const append = (from: fc.Arbitrary<string>): fc.Arbitrary<Fields> =>
  fc.record({
    type: fc.constant("AppendEntries"),
    term: over,
    leaderId: from,
    prevLogIndex: index,
    prevLogTerm: fc.constantFrom<unknown>(0, 1, "{{term-1}}"),
    leaderCommit: index,
    heartbeatMs: fc.constantFrom(0, 100, 60_000, 60_001),
    round: fc.nat(9),
    entries: fc.array(entry, { maxLength: 2 }),
  });

const others: fc.Arbitrary<Fields> = fc.oneof(
  fc.record({ type: fc.constant("TimeoutNow"), term: over }),
  fc.record({
    type: fc.constant("RequestVoteResponse"),
    term: over,
    voteGranted: fc.boolean(),
    requestTerm: over,
  }),
  fc.record({
    type: fc.constant("AppendEntriesResponse"),
    term: over,
    success: fc.boolean(),
    matchIndex: index,
    conflictIndex: index,
    conflictTerm: over,
    prevLogIndex: index,
    round: fc.nat(9),
  }),
  fc.record({ type: fc.constant("ReadIndex"), term: over, readId: index }),
  fc.record({
    type: fc.constant("ReadIndexResponse"),
    term: over,
    readId: index,
    readIndex: fc.option(index),
  }),
  fc.record({ type: fc.constantFrom("Gossip", "__proto__", "toString", ""), term: anyTerm, x: anything }),
);

/** The same with one field of another kind, or without it. */
function mutated(fields: fc.Arbitrary<Fields>): fc.Arbitrary<Fields> {
  const broken = fields.chain((whole) =>
    fc.tuple(fc.constantFrom(...Object.keys(whole)), fc.option(anything)).map(([name, odd]) => {
      const { [name]: _gone, ...rest } = whole;
      return odd === null ? rest : { ...rest, [name]: odd };
    }),
  );
  return fc.oneof({ weight: 3, arbitrary: fields }, { weight: 1, arbitrary: broken });
}

/** Who says so: a member, a stranger, or somebody of another cluster. */
const introduction = fc.record(
  {
    clusterId: fc.oneof(
      { weight: 6, arbitrary: fc.constant<unknown>("{{cluster}}") },
      {
        weight: 3,
        arbitrary: fc.constantFrom<unknown>(null, "another", "", "\u009b\u202e", "x".repeat(5000), 5),
      },
    ),
    version: fc.oneof(
      { weight: 9, arbitrary: fc.constant<unknown>(1) },
      { weight: 1, arbitrary: fc.constantFrom<unknown>(2, 0, "1", null) },
    ),
    size: fc.constantFrom<unknown>(3, 2, "x"),
    storeId: fc.constantFrom<unknown>("{{store:other}}", "another", "{{store:self}}", 7),
  },
  { requiredKeys: [] },
);

const exchange: fc.Arbitrary<unknown> = fc
  .tuple(
    introduction,
    fc.constantFrom<unknown>("{{other:0}}", "Z", "{{self}}", "", "\u001b[31m", 5),
    fc.record(
      {
        to: fc.constantFrom<unknown>("http://x.example", "", 4),
        toStoreId: fc.constantFrom<unknown>("{{store:self}}", "gone", 3),
      },
      { requiredKeys: [] },
    ),
  )
  .chain(([who, id, to]) => {
    const from = fc.constant(typeof id === "string" ? id : "Z");
    const message = mutated(fc.oneof(vote(from), append(from), others));
    const messages = fc.oneof(
      { weight: 9, arbitrary: fc.array<unknown>(message, { maxLength: 3 }) },
      { weight: 1, arbitrary: anything },
    );
    return messages.map((list) => ({ ...who, id, ...to, messages: list }));
  });

const single = (message: (from: fc.Arbitrary<string>) => fc.Arbitrary<Fields>): fc.Arbitrary<unknown> =>
  fc
    .tuple(mutated(message(fc.oneof(sender, fc.constant("{{self}}")))), introduction)
    .map(([{ type: _type, ...fields }, who]) => ({
      ...who,
      ...fields,
    }));

const timeoutNow = (from: fc.Arbitrary<string>): fc.Arbitrary<Fields> =>
  fc.record({ type: fc.constant("TimeoutNow"), leaderId: from, term: over });

/** Path and body of a call of the nodes' routes. */
export const nodesCall: fc.Arbitrary<readonly [path: string, body: FuzzBody]> = fc.oneof(
  { weight: 4, arbitrary: callOf(["/raft"], exchange) },
  { weight: 4, arbitrary: callOf(["/requestVote", "/request_vote"], single(vote)) },
  { weight: 4, arbitrary: callOf(["/appendEntries", "/append_entries"], single(append)) },
  { weight: 4, arbitrary: callOf(["/timeoutNow", "/timeout_now"], single(timeoutNow)) },
  { weight: 1, arbitrary: callOf(["/installSnapshot", "/install_snapshot"], exchange) },
);

function callOf(
  paths: readonly string[],
  json: fc.Arbitrary<unknown>,
): fc.Arbitrary<readonly [string, FuzzBody]> {
  return fc.tuple(fc.constantFrom(...paths), json).map(([path, own]) => [path, { json: own }] as const);
}
