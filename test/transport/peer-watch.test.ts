import { describe, expect, test, vi } from "vitest";
import type { KnownLeader } from "../../ec2-node/peer-watch.ts";
import { PeerWatch } from "../../ec2-node/peer-watch.ts";
import type { ProbeOutcome } from "../../ec2-node/probe.ts";

const LEADER: KnownLeader = { id: "B", term: 3, address: "http://10.0.0.2:8001" };

/** A watch whose redial is answered by hand. */
function watch(leader: KnownLeader | null = LEADER) {
  const dialled: { address: string; answer: (outcome: ProbeOutcome) => void }[] = [];
  const lost: string[] = [];
  const world = { leader };
  const peers = new PeerWatch(
    () => world.leader,
    (address) => new Promise((answer) => dialled.push({ address, answer })),
    (peer) => lost.push(peer),
  );
  return { world, dialled, lost, peers };
}

describe("peer lost", () => {
  test("the leader's connection closed and its port refuses: lost", async () => {
    const { peers, dialled, lost } = watch();
    const done = peers.connectionClosed("B");
    expect(dialled.map(({ address }) => address)).toEqual([LEADER.address]);
    dialled[0]?.answer("refused");
    await done;
    expect(lost).toEqual(["B"]);
  });

  test.each(["accepted", "unknown"] as const)("a redial that is %s proves nothing", async (outcome) => {
    const { peers, dialled, lost } = watch();
    const done = peers.connectionClosed("B");
    dialled[0]?.answer(outcome);
    await done;
    expect(lost).toEqual([]);
  });

  test("a redial that is dropped is made again: the process is dying", async () => {
    const { peers, dialled, lost } = watch();
    const done = peers.connectionClosed("B");
    dialled[0]?.answer("dropped");
    await vi.waitFor(() => expect(dialled).toHaveLength(2));
    dialled[1]?.answer("refused");
    await done;
    expect(lost).toEqual(["B"]);
  });

  test("one that drops every redial is not dying", async () => {
    const { peers, dialled, lost } = watch();
    const done = peers.connectionClosed("B");
    for (let redial = 0; redial < 4; redial++) {
      await vi.waitFor(() => expect(dialled).toHaveLength(redial + 1));
      dialled[redial]?.answer("dropped");
    }
    await done;
    expect(dialled).toHaveLength(4);
    expect(lost).toEqual([]);
  });

  test.each([
    ["a follower's connection", LEADER, "C"],
    ["no leader known", null, "B"],
    ["a leader without an address", { ...LEADER, address: null }, "B"],
    ["a leader behind a path prefix", { ...LEADER, address: "http://127.0.0.1:8787/B" }, "B"],
    ["a leader behind TLS", { ...LEADER, address: "https://b.example" }, "B"],
    ["an address that is none", { ...LEADER, address: "10.0.0.2:8001" }, "B"],
  ])("%s: not even a redial", async (_what, leader, closed) => {
    const { peers, dialled, lost } = watch(leader);
    await peers.connectionClosed(closed);
    expect(dialled).toEqual([]);
    expect(lost).toEqual([]);
  });

  test("a trailing slash is no path prefix", async () => {
    const { peers, dialled } = watch({ ...LEADER, address: "http://10.0.0.2:8001/" });
    void peers.connectionClosed("B");
    expect(dialled).toHaveLength(1);
  });

  test.each([
    ["another leader", { id: "C", term: 4, address: "http://10.0.0.3:8002" }],
    ["the same one in a later term", { ...LEADER, term: 4 }],
    ["none", null],
  ])("%s by the time the redial is refused: old news", async (_what, later) => {
    const { peers, dialled, lost, world } = watch();
    const done = peers.connectionClosed("B");
    world.leader = later;
    dialled[0]?.answer("refused");
    await done;
    expect(lost).toEqual([]);
  });

  test("one redial at a time, and again after it", async () => {
    const { peers, dialled } = watch();
    const first = peers.connectionClosed("B");
    await peers.connectionClosed("B");
    expect(dialled).toHaveLength(1);
    dialled[0]?.answer("accepted");
    await first;
    void peers.connectionClosed("B");
    expect(dialled).toHaveLength(2);
  });
});
