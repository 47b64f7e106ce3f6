import { describe, expect, test } from "vitest";
import { hashText } from "../../../shared/raft/encoding.ts";
import type { RaftEvent } from "../../../shared/raft/types.ts";
import { ack, append, preVoteReply, requestVote } from "../support/messages.ts";
import { entriesOf } from "../support/settings.ts";
import { candidate, leader, Solo } from "../support/solo.ts";

const makers: Record<string, () => Solo> = {
  follower: () => {
    const node = new Solo();
    node.receive(append("A", 1, [1, 1], entriesOf([1, 1], 2)));
    return node;
  },
  "pre-candidate": () => {
    const node = new Solo();
    node.timeout();
    return node;
  },
  candidate: () => candidate(),
  leader: () => {
    const node = leader();
    node.propose(3);
    node.step({ type: "read", readId: 1 }, { type: "transfer", to: "A" });
    return node;
  },
};

const events: RaftEvent[] = [
  { type: "deadline" },
  { type: "propose", proposals: [{ size: 1, data: "y" }] },
  { type: "read", readId: 9 },
  { type: "persisted", number: 1 },
  { type: "persisted", number: 99 },
  { type: "transfer" },
  { type: "claim", member: { id: "C", storeId: "s", address: "" } },
  { type: "discovered", configuration: null },
  { type: "peer-lost", peer: "A" },
  { type: "unreachable", peer: "A" },
  { type: "storage-stalled" },
  ...[
    append("A", 5, [1, 1], entriesOf([5], 2)),
    ack("A", 2, 5),
    requestVote("A", 9, [9, 9], { leadershipTransfer: true }),
    preVoteReply("A", 2, true),
  ].map((message) => ({ type: "message", message }) as const),
];

describe.each(Object.entries(makers))("a %s", (_role, make) => {
  test.each(events)("and its copy go their own ways: $type", (event) => {
    const node = make();
    const copy = node.core.clone();
    const before = node.core.encode();
    expect(copy.encode()).toBe(before);
    copy.step(event, node.now + 5000);
    copy.takeWork();
    expect(node.core.encode()).toBe(before);
    // And the copy went where the original goes.
    node.core.step(event, node.now + 5000);
    node.core.takeWork();
    expect(node.core.encode()).toBe(copy.encode());
    expect(node.core.hash()).toBe(copy.hash());
  });

  test("is the same text at any other time, and another text after another history", () => {
    const [one, other] = [make(), make()];
    expect(one.core.encode()).toBe(other.core.encode());
    other.core.step({ type: "unreachable", peer: "nobody" }, other.now + 1);
    expect(one.core.encode()).not.toBe(other.core.encode());
  });
});

test("two runs with the same events are equal to the byte, work included", () => {
  const run = () => {
    const node = new Solo({ seed: 5 });
    const texts: string[] = [];
    for (let i = 0; i < 200; i++) {
      node.sleep((i * 37) % 300);
      node.step(events[(i * 7) % events.length] as RaftEvent);
      texts.push(JSON.stringify(node.work), node.core.encode());
    }
    return texts;
  };
  expect(run()).toEqual(run());
});

test("moments are told relative to now", () => {
  const at = (now: number) => {
    const node = new Solo({ settings: { electionTimeoutMaxMs: 500 } });
    node.sleep(now);
    node.receive(append("A", 1, [1, 1]));
    return node.core.encode();
  };
  expect(at(12_345)).toBe(at(0));
});

test("the order in which votes came in makes no difference", () => {
  const after = (...ids: string[]) => {
    const node = new Solo({ peers: ["A", "B", "C", "D", "E", "F"] });
    node.timeout();
    for (const id of ids) node.receive(preVoteReply(id, 2, true));
    return node.core.encode();
  };
  expect(after("A", "B")).toBe(after("B", "A"));
});

test("a hash has 53 bits, and texts that differ little differ in it", () => {
  const hashes = new Set<number>();
  for (let i = 0; i < 20_000; i++) {
    const hash = hashText(`{"term":${i},"vote":${i % 3}}`);
    expect(Number.isSafeInteger(hash)).toBe(true);
    expect(hash).toBeGreaterThanOrEqual(0);
    hashes.add(hash);
  }
  expect(hashes.size).toBe(20_000);
});

test("what is handed out is not touched by what comes later", () => {
  const node = leader();
  const { persist, send } = node.propose();
  const text = JSON.stringify({ persist, send });
  node.receive(append("A", 9, [1, 1], entriesOf([9], 2)));
  expect(JSON.stringify({ persist, send })).toBe(text);
});
