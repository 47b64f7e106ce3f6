import { expect } from "vitest";
import type { Cluster } from "./cluster.ts";
import { call } from "./http.ts";
import type { TestNode } from "./test-node.ts";
import { until } from "./until.ts";

/** What `curl HOST:PORT/status` begins with: the lab's fields in the lab's order. */
function labStatus(
  node: TestNode,
  leader: TestNode,
  term: number,
  log: readonly [term: number, cmd: string][],
): string {
  const state = node === leader ? "Leader" : "Follower";
  const entries = log.map(([of, cmd]) => `{"term":${of},"cmd":"${cmd}"}`).join(",");
  const commitIndex = log.length - 1;
  return `{"node":"${node.id}","state":"${state}","term":${term},"leader":"${leader.id}","log":[${entries}],"commitIndex":${commitIndex},`;
}

/** Every node shows this, to the letter. */
export async function expectStatuses<Node extends TestNode>(
  cluster: Cluster<Node>,
  leader: Node,
  log: readonly [number, string][],
): Promise<void> {
  const { term } = await leader.status();
  for (const node of cluster.running) {
    const wanted = labStatus(node, leader, term, log);
    await until(`${node.id} shows ${wanted}`, async () => {
      const { text } = await call(`${node.url}/status`);
      if (!text.startsWith(wanted)) throw new Error(text);
      return true;
    });
  }
}

/** The words of the lab's election, and not one Candidate line more or less than terms rose by candidacy. */
async function expectElectionLines(
  cluster: Cluster<TestNode>,
  leader: TestNode,
  term: number,
): Promise<void> {
  // What is printed may come a moment later than what is answered.
  await leader.line(`[Node ${leader.id}] Became Leader (term ${term})`);
  expect(leader.lines).toContain(`[Node ${leader.id}] Timeout → Candidate (term ${term})`);
  expect(leader.lines.some((line) => /^\[Node .\] Vote received from .$/.test(line))).toBe(true);
  for (let risen = 1; risen <= term; risen++) {
    const line = (node: TestNode) => `[Node ${node.id}] Timeout → Candidate (term ${risen})`;
    const counts = cluster.nodes.map((node) => node.lines.filter((one) => one === line(node)).length);
    expect(Math.max(...counts), `candidacies of one node in term ${risen}`).toBe(1);
  }
  const candidacies = cluster.nodes.flatMap((node) => node.lines.filter((one) => one.includes("Candidate")));
  for (const one of candidacies) expect(one).toMatch(/^\[Node .\] Timeout → Candidate \(term \d+\)$/);
}

/** A cluster that has been started, and what a host can do to it. */
export interface LabStage<Node extends TestNode> {
  readonly cluster: Cluster<Node>;
  /** Takes the leader out, and gives what brings it back. */
  stopLeader(leader: Node): Promise<() => Promise<void>>;
  /** Takes a follower out, and gives what brings it back, or waits until it has come back by itself. */
  stopFollower(follower: Node): Promise<() => Promise<void>>;
  /** Ends everything at once, and starts it again with the state it had. */
  restart(): Promise<void>;
}

/** The lab from its first scenario to its last, and then everything once more from what was kept. */
export async function runLab<Node extends TestNode>(stage: LabStage<Node>): Promise<void> {
  const { cluster } = stage;
  const first = await cluster.leader();
  const { term } = await first.status();
  await expectStatuses(cluster, first, []);
  await expectElectionLines(cluster, first, term);
  for (const node of cluster.others(first))
    await node.line(`[Node ${node.id}] Follows ${first.id} (term ${term})`);

  const reply = await first.command("SET x=5");
  expect(reply.status).toBe(200);
  expect(reply.headers["content-type"]).toBe("application/json");
  expect(reply.text).toBe(`{"ok":true,"index":0,"term":${term},"leader":"${first.id}","result":"OK"}`);
  const log: [number, string][] = [[term, "SET x=5"]];
  await expectStatuses(cluster, first, log);
  await first.line(`[Leader ${first.id}] Append log entry SET x=5`);
  await first.line(`[Leader ${first.id}] Entry committed (index=0)`);
  for (const node of cluster.nodes) await node.line(`[Node ${node.id}] Apply → SET x=5`);
  for (const node of cluster.others(first)) {
    await node.line(`[Node ${node.id}] Append log {"term":${term},"cmd":"SET x=5"}`);
  }

  const returnLeader = await stage.stopLeader(first);
  const second = await cluster.leader();
  const { term: secondTerm } = await second.status();
  expect(secondTerm).toBeGreaterThan(term);
  await expectElectionLines(cluster, second, secondTerm);
  expect(JSON.parse((await second.command("SET y=10")).text)).toMatchObject({ ok: true, index: 1 });
  log.push([secondTerm, "SET y=10"]);
  await expectStatuses(cluster, second, log);

  await returnLeader();
  await expectStatuses(cluster, second, log);
  const follower = cluster.others(second).find((node) => node !== first)!;
  const returnFollower = await stage.stopFollower(follower);
  expect(JSON.parse((await second.command("SET z=20")).text)).toMatchObject({ ok: true, index: 2 });
  log.push([secondTerm, "SET z=20"]);
  await returnFollower();
  await expectStatuses(cluster, second, log);
  // A follower that comes and goes, and the old leader's return, are no reason for another election.
  expect((await second.status()).term).toBe(secondTerm);

  for (const node of cluster.nodes) {
    expect([await node.get("x"), await node.get("y"), await node.get("z")]).toEqual(["5", "10", "20"]);
  }
  await expectStatuses(cluster, second, log);
  await expectElectionLines(cluster, second, secondTerm);

  const before = await cluster.statuses();
  await stage.restart();
  const third = await cluster.leader();
  const { term: thirdTerm } = await third.status();
  expect(thirdTerm).toBeGreaterThan(secondTerm);
  await expectStatuses(cluster, third, log);
  for (const { node, raft } of before) {
    expect((await cluster.node(node).status()).raft).toMatchObject({
      clusterId: raft.clusterId,
      storeId: raft.storeId,
    });
  }
  expect(JSON.parse((await third.command("SET w=1")).text)).toMatchObject({ ok: true, index: 3 });
  await expectStatuses(cluster, third, [...log, [thirdTerm, "SET w=1"]]);
}
