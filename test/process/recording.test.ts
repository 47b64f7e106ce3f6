import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "vitest";
import type { Verdict } from "../../shared/recording/verdict.ts";
import { canMount, mountSmallDisk } from "./support/faulty-disk.ts";
import type { Lab } from "./support/lab.ts";
import { test } from "./support/lab.ts";
import { Writers } from "./support/writers.ts";

/** What real nodes record, under kill -9 too, and what `raft-lite verify` says of it. */

interface Verified {
  readonly code: number | null;
  readonly verdict: Verdict;
}

async function verify(lab: Lab, ...paths: string[]): Promise<Verified> {
  const process = lab.raftLite("verify", ["verify", ...paths, "--json"]);
  const { code } = await process.ended();
  expect(process.stderr).toBe("");
  return { code, verdict: JSON.parse(process.stdout) as Verdict };
}

test("kill -9 of the leader, a restart, a clean stop: the three directories are accepted; one that was edited is not", async ({
  lab,
}) => {
  const cluster = await lab.cluster("ABC");
  cluster.start();
  const first = await cluster.leader();
  const writers = new Writers(cluster);
  await writers.more(300);
  await first.kill();
  await writers.more(100);
  const { term } = await (await cluster.leader()).status();
  first.start();
  await writers.more(100);
  await writers.stop();
  await writers.expectNothingLost();
  const { commitIndex } = await cluster.level();

  // While they run.
  const directories = cluster.nodes.map(({ dataDirectory }) => dataDirectory);
  const running = await verify(lab, ...directories);
  expect(running.verdict.findings).toEqual([]);
  expect(running.code).toBe(0);

  for (const node of cluster.nodes) await node.stop();
  const { code, verdict } = await verify(lab, ".raft-lite");
  expect(verdict.findings).toEqual([]);
  expect(code).toBe(0);
  expect(verdict.recordings.map(({ node, ended }) => [node, ended])).toEqual([
    ["A", "stopped"],
    ["B", "stopped"],
    ["C", "stopped"],
  ]);
  const killed = verdict.recordings.find(({ node }) => node === first.id);
  expect(killed).toMatchObject({ firstBoot: 1, lastBoot: 2, files: 2 });
  expect(verdict.gaps).toContainEqual(
    expect.objectContaining({ kind: "away", message: `${first.id} did not record the end of start 1` }),
  );
  const [{ leaders, commit }] = verdict.clusters as [Verdict["clusters"][number]];
  expect(verdict.clusters).toHaveLength(1);
  expect(leaders.map((leader) => leader.term)).toContain(term);
  expect(commit).toBeGreaterThan(commitIndex);

  const victim = join(first.dataDirectory, "trace");
  const file = join(victim, readdirSync(victim).sort()[0]!);
  const text = readFileSync(file, "utf8");
  writeFileSync(
    file,
    text.replace(/"event":"leader","term":(\d+)/, (_, was) => `"event":"leader","term":${Number(was) + 1}`),
  );
  const edited = await verify(lab, ...directories);
  expect(edited.code).toBe(1);
  expect(edited.verdict.findings[0]).toMatchObject({ rule: "recording-chain" });
  expect(edited.verdict.findings[0]?.records.at(-1)?.text).toContain('"event":"leader"');
});

test("--trace says where, or that there is nothing to be recorded", async ({ lab }) => {
  const [port] = (await lab.ports(1)) as [number];
  const node = lab.node({ id: "A", port, words: ["--trace", "traces/A"] });
  node.start();
  await node.started();
  await node.insist("SET x=1");
  await node.stop();
  expect(existsSync(join(node.dataDirectory, "trace"))).toBe(false);
  const { code, verdict } = await verify(lab, "traces");
  expect({ code, gaps: verdict.gaps }).toEqual({ code: 0, gaps: [] });
  expect(verdict.recordings).toMatchObject([{ node: "A", ended: "stopped" }]);

  const silent = lab.node({ id: "A", port, words: ["--trace", "off"] });
  silent.start();
  await silent.started();
  await silent.insist("SET x=2");
  await silent.stop();
  expect(readdirSync(join(lab.directory, "traces/A"))).toHaveLength(1);
  expect(existsSync(join(node.dataDirectory, "trace"))).toBe(false);
});

test.runIf(canMount())(
  "a full disk under the recording is one line, and no trouble for the node",
  async ({ lab }) => {
    const [port] = (await lab.ports(1)) as [number];
    const traces = lab.folder("traces");
    const disk = mountSmallDisk(lab, traces, "8k");
    const node = lab.node({ id: "A", port, words: ["--trace", traces] });
    const running = node.start();
    await node.started();
    const notice = `[Node A] Trace: cannot write to ${traces} (ENOSPC); nothing is recorded`;
    let written = 0;
    while (!running.lines.includes(notice)) await node.insist(`SET x=${written++}`);
    for (let more = 0; more < 50; more++) await node.insist(`SET x=${written++}`);
    expect(running.count(/Trace: cannot write/)).toBe(1);
    disk.resize("1m");
    await running.line(`[Node A] Trace: records to ${traces} again`);
    await node.insist("SET y=1");
    await node.stop();
    const { code, verdict } = await verify(lab, "traces");
    expect(verdict.findings).toEqual([]);
    expect(code).toBe(0);
    expect(verdict.gaps.map(({ kind }) => kind)).toContain("dropped");
    expect(verdict.recordings).toMatchObject([{ ended: "stopped", files: 2 }]);
  },
);
