import { expect } from "vitest";
import { STEADY, test } from "../process/support/lab.ts";
import { LabNode } from "../process/support/node.ts";
import { until } from "../process/support/until.ts";
import { MixedCluster } from "./support/mixed-cluster.ts";

/** Two machines, and an object that is there for the third vote (docs/edge.md, "Two machines and an edge vote"). */

const EDGE_VOTE = {
  objects: "A",
  processes: "BC",
  // Nobody may be deposed because the machine stood still.
  vars: { RAFT_ELECTION_PRIORITY: "low", RAFT_ELECTION_TIMEOUT: "1500-2500" },
  words: STEADY,
} as const;

/** All that run follow a machine, whoever may have led before. */
function machineThatLeads({ cluster }: MixedCluster): Promise<LabNode> {
  return until("a machine leads", async () => {
    const leader = await cluster.leader();
    return leader instanceof LabNode ? leader : null;
  });
}

test.concurrent("the machine that is left leads, and goes on when the other is back", async ({ lab }) => {
  const mixed = await MixedCluster.open(lab, EDGE_VOTE);
  const { cluster } = mixed;
  for (let round = 1; round <= 3; round++) {
    const leader = await machineThatLeads(mixed);
    await leader.insist(`SET x=${round}`);
    await cluster.level();
    await leader.kill();
    const next = await machineThatLeads(mixed);
    await next.insist(`SET y=${round}`);
    const { term } = await next.status();
    leader.start();
    await cluster.level();
    expect(await next.status()).toMatchObject({ state: "Leader", term });
    for (const node of cluster.nodes) expect(await node.get("y")).toBe(String(round));
  }
});

test.concurrent("the object leads where only it has what was written, and hands over to the machine once that has it", async ({
  lab,
}) => {
  const mixed = await MixedCluster.open(lab, EDGE_VOTE);
  const { cluster } = mixed;
  const [object] = mixed.edge.cluster.nodes;
  const first = await machineThatLeads(mixed);
  await first.insist("SET x=1");
  await cluster.level();
  const behind = mixed.processes.find((node) => node !== first)!;
  await behind.kill();
  await first.insist("SET x=2");
  const { term } = await first.status();
  await first.kill();
  behind.start();
  expect(await machineThatLeads(mixed)).toBe(behind);
  const ledBetween = object!.lines.flatMap((line) => /Became Leader \(term (\d+)\)$/.exec(line)?.[1] ?? []);
  expect(ledBetween.map(Number).some((led) => led > term)).toBe(true);
  expect(await behind.get("x")).toBe("2");
  first.start();
  await cluster.level();
  expect(await machineThatLeads(mixed)).toBe(behind);
});

test.concurrent("with both machines gone the object serves nobody, and with one of them it does", async ({
  lab,
}) => {
  const mixed = await MixedCluster.open(lab, EDGE_VOTE);
  const [object] = mixed.edge.cluster.nodes;
  const leader = await machineThatLeads(mixed);
  await leader.insist("SET x=1");
  for (const node of mixed.processes) await node.kill();
  const alone = await object!.command("SET x=2");
  expect(alone.status).toBe(503);
  leader.start();
  await object!.insist("SET x=3");
  expect(await machineThatLeads(mixed)).toBe(leader);
});

test.concurrent("with the way between the machines cut, the one that leads goes on by the object's vote", async ({
  lab,
}) => {
  const mixed = await MixedCluster.open(lab, { ...EDGE_VOTE, wired: true });
  const { cluster } = mixed;
  const leader = await machineThatLeads(mixed);
  await leader.insist("SET x=1");
  await cluster.level();
  const { term } = await leader.status();
  const other = mixed.processes.find((node) => node !== leader)!;
  const between = mixed.wiresOf(leader).filter((wire) => mixed.wiresOf(other).includes(wire));
  expect(between).toHaveLength(2);
  for (const wire of between) wire.silence();
  await until("the other hears no leader", async () => (await other.status()).leader === null);
  await leader.insist("SET x=2");
  const refused = await other.command("GET x");
  expect(refused.status).toBe(503);
  for (const wire of between) wire.heal();
  await cluster.level();
  expect(await other.get("x")).toBe("2");
  expect(await leader.status()).toMatchObject({ state: "Leader", term });
});
