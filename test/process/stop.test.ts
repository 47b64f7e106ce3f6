import { Agent } from "node:http";
import { expect } from "vitest";
import type { Cluster } from "./support/cluster.ts";
import { call, post } from "./support/http.ts";
import { test } from "./support/lab.ts";
import type { LabNode } from "./support/node.ts";

/** A stop takes two seconds at most; the rest is for a machine that has other things to do. */
const STOPPED_WITHIN_MS = 10_000;

/** Clients of one node that send one command after the other, until it tells them to go elsewhere. */
class Regulars {
  readonly answers: { readonly cmd: string; readonly status: number; readonly text: string }[] = [];
  /**
   * Commands whose connection was closed while they were on their way. Nobody can keep that from happening to a client
   * that is slow to send what it connected for; but whatever the node has read it answers.
   */
  readonly cut: string[] = [];
  readonly #loops: Promise<void>[];

  constructor(node: LabNode, count: number) {
    this.#loops = Array.from({ length: 2 * count }, (_, client) =>
      this.#write(node, client, client % 2 === 0),
    );
  }

  async #write(node: LabNode, client: number, keepAlive: boolean): Promise<void> {
    const agent = new Agent({ keepAlive, maxSockets: 1 });
    for (let n = 0; ; n++) {
      const cmd = `SET c${client}n${n}=${n}`;
      try {
        const { status, text } = await post(`${node.url}/command`, { cmd }, { agent });
        this.answers.push({ cmd, status, text });
        if (status !== 200) break;
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== "ECONNREFUSED") this.cut.push(cmd);
        break;
      }
    }
    agent.destroy();
  }

  get acknowledged(): string[] {
    return this.answers.filter(({ status }) => status === 200).map(({ cmd }) => cmd);
  }

  ended(): Promise<unknown> {
    return Promise.all(this.#loops);
  }
}

async function stopUnderLoad(cluster: Cluster, node: LabNode, signal: NodeJS.Signals): Promise<void> {
  const regulars = new Regulars(node, 5);
  while (regulars.acknowledged.length < 100) await call(`${node.url}/health`);
  node.process.signal(signal);
  expect(await node.process.ended(STOPPED_WITHIN_MS)).toEqual({ code: 0, signal: null });
  await regulars.ended();
  const refused = regulars.answers.filter(({ status }) => status !== 200);
  expect(refused.map(({ status, text }) => [status, JSON.parse(text)])).toEqual(
    refused.map(() => [503, expect.objectContaining({ ok: false, code: "stopping", outcome: "none" })]),
  );
  const { log } = await cluster.level();
  const cmds = log.map(({ cmd }) => cmd);
  expect(cmds.filter((cmd) => regulars.cut.includes(cmd))).toEqual([]);
  // What was answered with "none" is nowhere, all else is there, and once.
  for (const { cmd, status } of regulars.answers) {
    expect([cmd, cmds.filter((one) => one === cmd).length]).toEqual([cmd, status === 200 ? 1 : 0]);
  }
}

test.concurrent.for([
  ["leader", "SIGTERM"],
  ["leader", "SIGINT"],
  ["follower", "SIGTERM"],
] as const)("a clean stop of the %s (%s) answers or refuses everything", async ([role, signal], { lab }) => {
  const cluster = await lab.cluster("ABC");
  cluster.start();
  const leader = await cluster.leader();
  const { term } = await leader.status();
  const node = role === "leader" ? leader : cluster.others(leader)[0]!;
  await stopUnderLoad(cluster, node, signal);
  expect(node.lines.at(-1)).toBe(`[Node ${node.id}] Stopped`);
  if (role === "leader") {
    await node.process.line(new RegExp(`^\\[Leader ${node.id}\\] Hands over to .$`));
    const next = await cluster.leader();
    expect((await next.status()).term).toBeGreaterThan(term);
  }
  node.start();
  await cluster.level();
});

test.concurrent("all stop at once, and a node that has nobody left stops too", async ({ lab }) => {
  const cluster = await lab.cluster("ABC");
  cluster.start();
  await cluster.leader();
  await cluster.nodes[0]!.insist("SET x=5");
  for (const node of cluster.nodes) node.process.signal("SIGTERM");
  for (const node of cluster.nodes) {
    expect(await node.process.ended(STOPPED_WITHIN_MS)).toEqual({ code: 0, signal: null });
  }
  cluster.start();
  const leader = await cluster.leader();
  expect(await leader.get("x")).toBe("5");
  await Promise.all(cluster.others(leader).map((node) => node.kill()));
  leader.process.signal("SIGTERM");
  expect(await leader.process.ended(STOPPED_WITHIN_MS)).toEqual({ code: 0, signal: null });
});

test.concurrent("a second CTRL+C ends it at once, and nothing acknowledged is lost by that", async ({
  lab,
}) => {
  const cluster = await lab.cluster("ABC");
  cluster.start();
  const leader = await cluster.leader();
  await leader.insist("SET x=5");
  for (const node of cluster.others(leader)) node.process.signal("SIGSTOP");
  // It cannot hand over to anybody, and waits.
  leader.process.signal("SIGINT");
  setTimeout(() => leader.process.signal("SIGINT"), 400);
  expect(await leader.process.ended(STOPPED_WITHIN_MS)).toEqual({ code: 0, signal: null });
  for (const node of cluster.others(leader)) node.process.signal("SIGCONT");
  leader.start();
  expect((await cluster.level()).log.map(({ cmd }) => cmd)).toEqual(["SET x=5"]);
});
