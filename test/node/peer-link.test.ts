import { describe, expect, test } from "vitest";
import type { Lane, ReplySlot } from "../../shared/node/peer-link.ts";
import { PeerLink } from "../../shared/node/peer-link.ts";
import type { Forward, NodeMessage } from "../../shared/node/wire.ts";
import type { AppendEntries, AppendEntriesResponse, RequestVote } from "../../shared/raft/types.ts";
import { ack, append, requestVote, voteReply } from "../raft/support/messages.ts";
import { entriesOf } from "../raft/support/settings.ts";

const heartbeat = (round = 1): AppendEntries => append("A", 1, [5, 1], [], { round });
const entries = (first: number, count: number, size = 100): AppendEntries =>
  append(
    "A",
    1,
    [first - 1, 1],
    entriesOf(Array(count).fill(1), first).map((one) => ({ ...one, size })),
  );
const vote = (term: number): RequestVote => requestVote("A", term, [5, 1]);
const forward = (call: number, bytes: number): Forward => ({
  type: "Forward",
  from: "A",
  to: "N",
  boot: 1,
  call,
  commands: [{ sequence: call, floor: 1, schema: 1, bytes: new Uint8Array(bytes) }],
});

function link(...messages: readonly NodeMessage[]): PeerLink {
  const made = new PeerLink();
  for (const message of messages) made.add(message, false);
  return made;
}

describe("lanes", () => {
  test("entries go on one, all else on the other", () => {
    const made = link(heartbeat(), entries(6, 2), vote(2), forward(1, 10), {
      ...heartbeat(),
      type: "TimeoutNow",
    });
    expect(made.take("entries")).toEqual([entries(6, 2)]);
    expect(made.take("control").map(({ type }) => type)).toEqual([
      "AppendEntries",
      "RequestVote",
      "Forward",
      "TimeoutNow",
    ]);
  });

  test("each has one call under way, and neither waits for the other", () => {
    const made = link(entries(6, 1), heartbeat());
    made.take("entries");
    made.add(entries(7, 1), false);
    expect(made.take("entries")).toEqual([]);
    expect(made.take("control")).toEqual([heartbeat()]);
    made.finish("entries");
    expect(made.take("entries")).toEqual([entries(7, 1)]);
  });

  test("an idle lane has nothing to say and nobody to wait for", () => {
    const made = link();
    expect(made.isIdle("control")).toBe(true);
    expect(made.take("control")).toEqual([]);
    made.add(heartbeat(), false);
    expect(made.isIdle("control")).toBe(false);
    made.take("control");
    expect(made.isIdle("control")).toBe(false);
    expect(made.isIdle("entries")).toBe(true);
    made.finish("control");
    expect(made.isIdle("control")).toBe(true);
    expect(made.isEmpty).toBe(true);
  });

  test.each<[string, NodeMessage[], Lane]>([
    ["entries", Array.from({ length: 5 }, (_, i) => entries(6 + i, 1, 700_000)), "entries"],
    ["forwards", Array.from({ length: 5 }, (_, i) => forward(i, 700_000)), "control"],
  ])("a call takes as many %s as fit, but at least one", (_what, messages, lane) => {
    const made = link(...messages);
    const taken = [];
    for (let batch = made.take(lane); batch.length > 0; batch = made.take(lane)) {
      taken.push(batch.length);
      made.finish(lane);
    }
    expect(taken).toEqual([2, 2, 1]);
    const large = link(lane === "entries" ? entries(6, 1, 9 << 20) : forward(1, 9 << 20));
    expect(large.take(lane)).toHaveLength(1);
  });
});

describe("what a newer message makes superfluous", () => {
  test("is the last heartbeat and the last request for votes", () => {
    expect(link(heartbeat(1), vote(2), heartbeat(2), vote(3)).take("control")).toEqual([
      heartbeat(2),
      vote(3),
    ]);
  });

  test("is never entries, an answer or a command", () => {
    const all = [entries(6, 1), entries(7, 1)];
    const others = [forward(1, 1), forward(2, 1), ack("A", 1, 5), ack("A", 1, 6)];
    const made = link(...all, ...others, heartbeat());
    expect(made.take("entries")).toEqual(all);
    expect(made.take("control")).toEqual([...others, heartbeat()]);
  });

  test("are entries from an index on, when the leader starts again from there", () => {
    const made = link(entries(6, 2), entries(8, 2), entries(10, 2));
    made.add(entries(8, 4), false);
    expect(made.take("entries")).toEqual([entries(6, 2), entries(8, 4)]);
  });

  test("is nothing that is under way", () => {
    const made = link(heartbeat(1));
    expect(made.take("control")).toEqual([heartbeat(1)]);
    made.add(heartbeat(2), false);
    made.finish("control");
    expect(made.take("control")).toEqual([heartbeat(2)]);
  });
});

describe("the reply to a call of the peer", () => {
  const acknowledged: AppendEntriesResponse = ack("A", 1, 7);
  const granted = voteReply("A", 2, true);

  interface Open {
    readonly slot: ReplySlot;
    readonly sent: (readonly NodeMessage[])[];
  }

  function open(made: PeerLink, lane: Lane): Open {
    const sent: (readonly NodeMessage[])[] = [];
    const slot: ReplySlot = {
      lane,
      messages: [],
      waitsFor: 0,
      deadline: 100,
      send: (messages) => sent.push(messages),
    };
    made.open(slot);
    return { slot, sent };
  }

  test("takes its answers along, and nothing else", () => {
    const made = link();
    const { slot, sent } = open(made, "control");
    made.add(granted, false);
    made.add(vote(3), false);
    made.close(slot);
    expect(sent).toEqual([[granted]]);
    expect(made.take("control")).toEqual([vote(3)]);
    expect(made.isIdle("entries")).toBe(true);
  });

  test("leaves once", () => {
    const made = link();
    const { slot, sent } = open(made, "control");
    made.close(slot);
    made.close(slot);
    expect(sent).toEqual([[]]);
    expect(made.slots).toEqual([]);
  });

  test("of the entries' lane is preferred by acknowledgements, of the other by all else", () => {
    const made = link();
    const control = open(made, "control");
    const other = open(made, "entries");
    made.add(acknowledged, false);
    made.add(granted, false);
    made.close(control.slot);
    made.close(other.slot);
    expect(control.sent).toEqual([[granted]]);
    expect(other.sent).toEqual([[acknowledged]]);
  });

  test("of either lane is better than a call of one's own", () => {
    const made = link();
    const { slot, sent } = open(made, "control");
    made.add(acknowledged, false);
    made.close(slot);
    expect(sent).toEqual([[acknowledged]]);
    expect(made.take("control")).toEqual([]);
  });

  test("that is held for the disk takes what waited for it, and lets through nothing early", () => {
    const made = link();
    const held = open(made, "entries");
    held.slot.waitsFor = 3;
    made.add(granted, false);
    expect(made.take("control")).toEqual([granted]);
    made.add(acknowledged, true);
    made.close(held.slot);
    expect(held.sent).toEqual([[acknowledged]]);
  });

  test("that leaves now takes nothing that waits for the disk", () => {
    const made = link();
    const { slot, sent } = open(made, "entries");
    made.add(acknowledged, true);
    made.close(slot);
    expect(sent).toEqual([[]]);
    expect(made.take("control")).toEqual([acknowledged]);
  });

  test("keeps the link from being empty", () => {
    const made = link();
    const { slot } = open(made, "control");
    expect(made.isEmpty).toBe(false);
    made.close(slot);
    expect(made.isEmpty).toBe(true);
  });
});
