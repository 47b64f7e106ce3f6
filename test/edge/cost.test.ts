import { setTimeout as sleep } from "node:timers/promises";
import { expect } from "vitest";
import { call, post } from "../process/support/http.ts";
import { test } from "../process/support/lab.ts";
import { until } from "../process/support/until.ts";
import { MiniflareEdge } from "./support/miniflare-edge.ts";
import { countsOf, difference, total } from "./support/object-counts.ts";

/** What a command costs where calls and rows are billed. */

const entry = "test/worker/support/counting-worker.ts";
/** Nobody is elected, and hardly anybody beats, while it is counted. */
const STEADY = { RAFT_HEARTBEAT: "1000", RAFT_ELECTION_TIMEOUT: "3000-3500" };

test.for([
  ["a lone client", 1, 100],
  ["16 clients", 16, 1000],
] as const)(
  "%s: one transaction a group at each object, one call with entries to each follower",
  async ([, clients, commands], { lab }) => {
    const edge = await MiniflareEdge.open(lab, { entry, vars: STEADY });
    const { cluster, url } = edge;
    const leader = await cluster.leader();
    await leader.insist("SET first=1");
    await cluster.level();
    const before = await countsOf(edge);
    let left = commands as number;
    const client = async () => {
      while (left-- > 0) expect((await post(`${url}/command`, { cmd: `SET x=${left}` })).status).toBe(200);
    };
    await Promise.all(Array.from({ length: clients }, client));
    // The Worker knows who leads: each command is one request to one object.
    expect(total(difference(await countsOf(edge), before)).requests).toBe(commands);
    await cluster.level();
    const spent = difference(await countsOf(edge), before);
    expect(cluster.node((await cluster.leader()).id)).toBe(leader);

    const groups = spent.get(leader.id)!.transactions;
    expect(groups).toBeLessThanOrEqual(commands);
    // A lone client's commands are groups of one; many clients share them.
    if (clients > 1) expect(groups).toBeLessThan(commands / 2);
    for (const { id } of cluster.others(leader)) {
      const { calls, callsWithEntries, entries, transactions } = spent.get(id)!;
      expect(entries).toBe(commands);
      expect(callsWithEntries).toBeLessThanOrEqual(groups);
      expect(transactions).toBeLessThanOrEqual(callsWithEntries);
      // News of a commit rides with the next group; the last one's takes a call of its own. And a few heartbeats.
      expect(calls).toBeLessThanOrEqual(groups + 30);
    }
    // An entry is a row, and what it set another, when the store's changes are written together with a group.
    for (const { rowsWritten, alarmsSet } of spent.values()) {
      expect(rowsWritten).toBeLessThanOrEqual(3 * commands);
      expect(alarmsSet).toBe(0);
    }
  },
);

test("heartbeats write nothing", async ({ lab }) => {
  const edge = await MiniflareEdge.open(lab, { entry, vars: { RAFT_HEARTBEAT: "20" } });
  const leader = await edge.cluster.leader();
  await leader.insist("SET x=5");
  await edge.cluster.level();
  const before = await countsOf(edge);
  await until("fifty heartbeats", async () => {
    const spent = difference(await countsOf(edge), before);
    const followers = edge.cluster.others(leader).map(({ id }) => spent.get(id)!.calls);
    return Math.min(...followers) >= 50;
  });
  for (const { transactions, rowsWritten, alarmsSet } of difference(await countsOf(edge), before).values()) {
    expect({ transactions, rowsWritten, alarmsSet }).toEqual({
      transactions: 0,
      rowsWritten: 0,
      alarmsSet: 0,
    });
  }
});

test("an object that has a timer is awake all the time, whoever else is there", async ({ lab }) => {
  // Nothing is due for longer than the test takes: most of the time only timers are pending.
  const vars = { RAFT_HEARTBEAT: "5000", RAFT_ELECTION_TIMEOUT: "15000-15001", RAFT_NODES: "A=do,B=do,C=do" };
  const edge = await MiniflareEdge.open(lab, { entry, vars });
  for (const { url } of edge.cluster.nodes) expect((await call(`${url}/status`)).status).toBe(200);
  const times = [performance.now()];
  const before = await countsOf(edge);
  times.push(performance.now());
  await sleep(2000);
  times.push(performance.now());
  const spent = difference(await countsOf(edge), before);
  times.push(performance.now());
  expect(spent.size).toBe(3);
  for (const { awakeMs } of spent.values()) {
    // Each clock may round by a millisecond.
    expect(awakeMs).toBeGreaterThanOrEqual(times[2]! - times[1]! - 2);
    expect(awakeMs).toBeLessThanOrEqual(times[3]! - times[0]! + 2);
  }
});
