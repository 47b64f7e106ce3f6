import { spawnSync } from "node:child_process";
import { connect } from "node:net";
import { describe, expect } from "vitest";
import { Cluster } from "./support/cluster.ts";
import { call } from "./support/http.ts";
import type { Lab } from "./support/lab.ts";
import { CHECKOUT, test } from "./support/lab.ts";
import type { LabNode } from "./support/node.ts";
import type { Running } from "./support/running.ts";
import { until } from "./support/until.ts";

/** A stop takes two seconds at most; the rest is for a machine that has other things to do. */
const STOPPED_WITHIN_MS = 10_000;

interface Started {
  readonly running: Running;
  readonly port: number;
  readonly directory: string;
  /** The nodes as anybody on this machine sees them; they are start's to run. */
  readonly cluster: Cluster;
  again(): Promise<Started>;
}

/** A directory and ports for one local cluster, and the words that run it. */
async function place(lab: Lab): Promise<{ port: number; directory: string; words: string[] }> {
  const [port] = (await lab.ports(3)) as [number];
  const directory = lab.folder("state of three");
  return { port, directory, words: ["--port", String(port), "--data-dir", directory] };
}

class SeenCluster extends Cluster {
  override get running(): LabNode[] {
    return [...this.nodes];
  }
}

async function start(lab: Lab, command = "npx", before = ["raft-lite", "start"]): Promise<Started> {
  const { port, directory, words } = await place(lab);
  const nodes = ["A", "B", "C"].map((id, at) => lab.node({ id, port: port + at, words: [] }));
  const cluster = new SeenCluster(nodes);
  const run = async (): Promise<Started> => {
    const running = lab.run("start", command, [...before, ...words], { cwd: CHECKOUT });
    await cluster.leader();
    return { running, port, directory, cluster, again: run };
  };
  return run();
}

async function expectStopped({ running, port }: Started): Promise<void> {
  await running.ended(STOPPED_WITHIN_MS);
  for (const at of [0, 1, 2]) {
    await until(`nobody listens at ${port + at}`, () => isRefused(port + at), STOPPED_WITHIN_MS);
  }
}

function isRefused(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    socket.on("connect", () => resolve(false)).on("error", () => resolve(true));
    socket.on("connect", () => socket.destroy());
  });
}

const hasCurl = spawnSync("curl", ["--version"]).status === 0;

describe.concurrent("start", () => {
  test("says where the nodes are, what to try and how to start afresh", async ({ lab }) => {
    const { running, port, directory, cluster } = await start(lab);
    const said = running.stdout.split("\n\n")[0]!.split("\n");
    const url = (at: number) => `http://127.0.0.1:${port + at}`;
    expect(said).toEqual([
      `3 nodes on this machine, state under ${directory}. CTRL+C stops all.`,
      `  A  ${url(0)}`,
      `  B  ${url(1)}`,
      `  C  ${url(2)}`,
      `Try:     curl -X POST ${url(0)}/command -d '{"cmd":"SET x=5"}'`,
      `         curl ${url(1)}/status`,
      `Afresh:  CTRL+C, then rm -r '${directory}'`,
    ]);
    if (hasCurl) {
      const lines = said.flatMap((line) => /(curl .*)$/.exec(line)?.[1] ?? []);
      const [posted, shown] = lines.map(
        (line) => spawnSync("sh", ["-c", `${line} -s`], { encoding: "utf8" }).stdout,
      );
      expect(JSON.parse(posted!)).toMatchObject({ ok: true, index: 0, result: "OK" });
      expect(JSON.parse(shown!)).toMatchObject({ node: "B", term: expect.any(Number) });
      expect((await cluster.level()).log.map(({ cmd }) => cmd)).toEqual(["SET x=5"]);
    }
    for (const id of "ABC") await running.line(`[Node ${id}] Started on port ${port + "ABC".indexOf(id)}`);
    await running.line(/^\[Node .\] Timeout → Candidate \(term \d+\)$/);
    await running.line(/^\[Node .\] Became Leader \(term \d+\)$/);
  });

  test.for([
    ["CTRL+C, under npm start", "npm", ["start", "--"], "group", "SIGINT"],
    ["CTRL+C, under npx", "npx", ["raft-lite", "start"], "group", "SIGINT"],
    ["SIGTERM to npm start", "npm", ["start", "--"], "process", "SIGTERM"],
    ["kill -9 of npx", "npx", ["raft-lite", "start"], "process", "SIGKILL"],
  ] as const)("stops wholly and keeps everything: %s", async ([, command, before, whom, signal], { lab }) => {
    const started = await start(lab, command, [...before]);
    await started.cluster.nodes[0]!.insist("SET x=5");
    if (whom === "group") started.running.signalGroup(signal);
    else started.running.signal(signal);
    await expectStopped(started);
    if (signal === "SIGINT") {
      for (const id of "ABC") expect(started.running.lines).toContain(`[Node ${id}] Stopped`);
    }
    const { cluster, running } = await started.again();
    expect((await cluster.level()).log.map(({ cmd }) => cmd)).toEqual(["SET x=5"]);
    expect(await cluster.nodes[2]!.get("x")).toBe("5");
    running.signalGroup("SIGINT");
  });

  test("exits 0 on CTRL+C, and 0 on SIGTERM", async ({ lab }) => {
    const { words } = await place(lab);
    for (const signal of ["SIGINT", "SIGTERM"] as const) {
      const running = lab.raftLite("start", ["start", ...words]);
      await running.line(/Became Leader/);
      running.signalGroup(signal);
      expect(await running.ended(STOPPED_WITHIN_MS)).toEqual({ code: 0, signal: null });
    }
  });

  test("tells of a node that was kill -9'd, and how to start it again", async ({ lab }) => {
    const { running, port, cluster } = await start(lab);
    await cluster.nodes[0]!.insist("SET x=5");
    const pids = spawnSync("pgrep", ["-f", `node --id B --port ${port + 1} `], { encoding: "utf8" }).stdout;
    for (const pid of pids.trim().split("\n")) process.kill(Number(pid), "SIGKILL");
    await running.line("[Node B] Ended unexpectedly (SIGKILL). Start it again with:");
    const printed = (await running.line(/^ {2}npx raft-lite node --id B /)).trim();
    const [a, b, c] = cluster.nodes as [LabNode, LabNode, LabNode];
    await a.insist("SET y=10");
    const again = lab.run("B, by the printed command", "sh", ["-c", `exec ${printed}`], { cwd: CHECKOUT });
    await again.line(`[Node B] Started on port ${port + 1}`);
    expect((await cluster.level()).log.map(({ cmd }) => cmd)).toEqual(["SET x=5", "SET y=10"]);
    for (const node of [a, b, c]) expect(await node.get("y")).toBe("10");
    again.signalGroup("SIGINT");
    await again.ended(STOPPED_WITHIN_MS);
  });

  test("refuses a directory that holds a cluster of another size, in one line", async ({ lab }) => {
    const { words, directory } = await place(lab);
    const three = lab.raftLite("start", ["start", ...words]);
    await three.line(/Became Leader/);
    three.signalGroup("SIGINT");
    await three.ended(STOPPED_WITHIN_MS);
    const one = lab.raftLite("start", ["start", ...words, "--nodes", "1"]);
    expect(await one.ended()).toEqual({ code: 1, signal: null });
    expect(one.stderr).toBe(
      `raft-lite: ${directory} holds a cluster of 3, not 1: start it with --nodes 3, take another --data-dir, ` +
        `or start afresh with rm -r '${directory}'\n`,
    );
  });

  const hasScript = spawnSync("script", ["--version"]).status === 0;
  test.runIf(hasScript)("shows a live table on a terminal", async ({ lab }) => {
    const { port, words } = await place(lab);
    const words_ = ["start", ...words].map((word) => `'${word}'`).join(" ");
    const terminal = lab.run("script", "script", ["-qec", `npx raft-lite ${words_}`, "/dev/null"], {
      cwd: CHECKOUT,
    });
    await until("the table", () => /node +role +term +leader/.test(terminal.stdout));
    await until("a leader in it", () => / Leader +\d+ +[ABC] /.test(terminal.stdout));
    await until("its followers", () => /(.* Follower +\d+ +[ABC] .*[\s\S]*){2}/.test(terminal.stdout));
    expect(terminal.stdout).toContain("\u001b[");
    expect((await call(`http://127.0.0.1:${port}/status`)).status).toBe(200);
    // The terminal goes away: so does what runs on it.
    terminal.signal("SIGKILL");
    for (const at of [0, 1, 2])
      await until("the nodes to stop", () => isRefused(port + at), STOPPED_WITHIN_MS);
  });
});

describe("status and command", () => {
  test("with all, without one, without a quorum", async ({ lab }) => {
    const cluster = await lab.cluster("ABC");
    cluster.start();
    const leader = await cluster.leader();
    const [one, two] = cluster.others(leader) as [LabNode, LabNode];
    const urls = cluster.nodes.map(({ url }) => url);
    const status = (...words: string[]) => lab.raftLite("status", ["status", ...words]);
    const command = (...words: string[]) => lab.raftLite("command", ["command", ...words]);

    const set = command("SET x=5", "--url", one.url);
    expect([await set.ended(), set.stdout.split("\n")[0]]).toEqual([{ code: 0, signal: null }, "OK"]);
    const get = command("GET", "x", `--url=127.0.0.1:${two.port}`);
    expect([await get.ended(), get.stdout.split("\n")[0]]).toEqual([{ code: 0, signal: null }, "5"]);
    const json = command("--json", "CAS x 5 6", "--url", leader.url);
    await json.ended();
    expect(JSON.parse(json.stdout)).toMatchObject({ ok: true, index: 1, result: true });
    const wrong = command("FROB", "--url", leader.url);
    expect(await wrong.ended()).toEqual({ code: 1, signal: null });
    expect(wrong.stderr).toMatch(/^raft-lite: unknown verb "FROB"[^\n]*\n$/);

    await cluster.level();
    const all = status(...urls);
    expect(await all.ended()).toEqual({ code: 0, signal: null });
    const [head, ...rows] = all.stdout.split("\n");
    expect(head).toMatch(/^node +role +term +leader +log +commit +lag +address$/);
    expect(rows.find((row) => row.startsWith(leader.id))).toMatch(/^. +Leader +\d+ +. +2 +1 +0 +http/);
    expect(rows.filter((row) => /^. +Follower +\d+ +. +2 +1 +0 +http/.test(row))).toHaveLength(2);

    await one.kill();
    const without = status(...urls);
    expect(await without.ended()).toEqual({ code: 0, signal: null });
    expect(without.stdout).toContain(`${one.url}  (nobody listens there)`);
    const gone = command("SET x=7", "--url", one.url);
    expect(await gone.ended()).toEqual({ code: 1, signal: null });
    expect(gone.stderr).toMatch(/^raft-lite: cannot reach [^\n]*\n$/);

    await two.kill();
    await until("the leader to step down", async () => (await leader.status()).state !== "Leader");
    const alone = status(...urls);
    expect(await alone.ended()).toEqual({ code: 1, signal: null });
    expect(alone.stdout).toContain("no quorum");
    const refused = command("SET x=8", "--url", leader.url);
    expect(await refused.ended()).toEqual({ code: 1, signal: null });
    expect(refused.stderr).toMatch(/^raft-lite: [^\n]* \(it was not carried out\)\n$/);
  });
});
