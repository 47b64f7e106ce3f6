import { expect } from "vitest";
import { call } from "../process/support/http.ts";
import { test } from "../process/support/lab.ts";
import { runLab } from "../process/support/lab-script.ts";
import { Writers } from "../process/support/writers.ts";
import { MixedCluster } from "./support/mixed-cluster.ts";

/** Durable Objects and processes as members of one cluster. */

const MEMBERS = [
  { objects: "AB", processes: "C" },
  { objects: "A", processes: "BC" },
] as const;
/** Each way: a call takes twice as long. */
const DELAY_MS = 100;
/** A heartbeat must take longer than the way there and back. */
const FAR = {
  vars: { RAFT_HEARTBEAT: "300", RAFT_ELECTION_TIMEOUT: "1200-2400" },
  words: ["--heartbeat", "300", "--election-timeout", "1200-2400"],
};

/** The lab as on any host; and then each of them missing while clients write. */
async function expectLab(mixed: MixedCluster): Promise<void> {
  const { cluster } = mixed;
  await runLab({
    cluster,
    async stopLeader(leader) {
      await leader.kill();
      return async () => void (await leader.start());
    },
    stopFollower: (follower) => mixed.crash(follower),
    restart: () => mixed.restart(),
  });

  const writers = new Writers(cluster);
  for (const missing of cluster.nodes) {
    await missing.kill();
    await cluster.leader();
    await writers.more(20);
    await missing.start();
    await cluster.leader();
    await writers.more(20);
  }
  await writers.stop();
  await writers.expectNothingLost();
}

test.for(MEMBERS)("the lab: objects $objects, processes $processes", async (members, { lab }) => {
  await expectLab(await MixedCluster.open(lab, members));
});

test.concurrent.for(MEMBERS)(
  `the lab: objects $objects, processes $processes, ${DELAY_MS} ms away`,
  async (members, { lab }) => {
    const mixed = await MixedCluster.open(lab, { ...members, ...FAR, wired: true });
    mixed.delay(DELAY_MS);
    await mixed.cluster.leader();
    const startedAt = performance.now();
    expect((await call(`${mixed.edge.url}/C/status`)).status).toBe(200);
    // Timers may ring a little early.
    expect(performance.now() - startedAt).toBeGreaterThanOrEqual(2 * DELAY_MS - 10);
    await expectLab(mixed);
  },
);

test("everybody names the leader by the address at which clients reach it", async ({ lab }) => {
  const { cluster, edge } = await MixedCluster.open(lab, MEMBERS[0]);
  const leader = await cluster.leader();
  for (const node of cluster.nodes) {
    const { text } = await call(`${node.url}/v1/status/leader`);
    expect(JSON.parse(text), `the leader as ${node.id} shows it`).toBe(leader.address);
  }
  // The Worker answers for the node elsewhere, too.
  const { text } = await call(`${edge.url}/C/status`);
  expect(JSON.parse(text)).toMatchObject({ node: "C" });
});
