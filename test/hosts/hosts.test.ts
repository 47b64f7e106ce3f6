import { writeSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, onTestFailed, test } from "vitest";
import { Cluster } from "../process/support/cluster.ts";
import { runLab } from "../process/support/lab-script.ts";
import { until } from "../process/support/until.ts";
import { whyNoHosts } from "./support/allowed.ts";
import type { HostNode } from "./support/host-node.ts";
import { SECRET, Stage } from "./support/stage.ts";
import type { Volume } from "./support/volume.ts";

/**
 * The lab on three machines with the addresses that it was first run with: each has processes, files and a systemd of
 * its own, and becomes a node by the very lines of the user data that an instance gets.
 */

const reason = whyNoHosts();
if (reason !== null) writeSync(2, `skipped: this machine gives no hosts of their own: ${reason}\n`);

describe.skipIf(reason !== null)("three hosts", () => {
  let stage: Stage;
  let cluster: Cluster<HostNode>;
  const volumes = new Map<HostNode, Volume>();

  beforeAll(async () => {
    stage = await Stage.set();
    ({ cluster } = stage);
    await Promise.all(
      cluster.nodes.map(async (node) => {
        volumes.set(node, await stage.createVolume());
        const { output } = await stage.install(node, volumes.get(node)!, node.id === "C" ? "name" : "id");
        expect(output).toContain("is empty: making a file system\n");
        expect(output).toMatch(new RegExp(`^raft-lite: .* runs \\(node ${node.id} of cluster lab\\)$`, "m"));
      }),
    );
  }, 120_000);

  afterAll(() => stage?.lab.dispose());

  const explain = () => onTestFailed(() => console.error(stage.lab.transcript()));

  test("the lab, from the first election to the last restart", async () => {
    explain();
    await runLab({
      cluster,
      async stopLeader(leader) {
        await leader.kill();
        return () => leader.start();
      },
      // systemd brings it back.
      async stopFollower(follower) {
        await follower.crash();
        return () => Promise.resolve();
      },
      async restart() {
        await Promise.all(cluster.nodes.map((node) => node.crash()));
      },
    });
  });

  test("clients reach their port and peers theirs, and nobody the other's", async () => {
    explain();
    const { vpc } = stage;
    const [a, b] = cluster.nodes as [HostNode, HostNode];
    const address = b.launch.privateAddress;
    expect(await vpc.statusAtClient(`http://${address}:8000/command`)).toBe("400");
    expect(await vpc.statusAtClient(`http://${address}:8000/raft`)).toBe("403");
    expect(await vpc.statusAtClient(`http://${address}:8000/appendEntries`)).toBe("403");
    expect(await vpc.statusAtClient(`http://${address}:7000/raft`)).toBe("000");
    const asPeer = (path: string) =>
      a.host.run(
        "curl",
        "-s",
        "-o",
        "/dev/null",
        "-m",
        "2",
        "-w",
        "%{http_code}",
        "-d",
        "{}",
        `http://${address}${path}`,
      );
    expect(await asPeer(":7000/raft")).toEqual({ code: 0, output: "401" });
    expect(await asPeer(":8000/status")).toMatchObject({ output: "000" });
  });

  test("the secret is in memory, for the node to read, and nowhere else", async () => {
    explain();
    for (const { host } of cluster.nodes) {
      expect(await host.insist("stat", "--format=%A %U %G", "/run/raft-lite/secret")).toBe(
        "-r--r----- root raft-lite\n",
      );
      expect(
        await host.insist("findmnt", "--target", "/run/raft-lite", "--output", "FSTYPE", "--noheadings"),
      ).toBe("tmpfs\n");
      expect(host.read("/run/raft-lite/secret")).toBe(`${SECRET}\n`);
      const said = [
        await host.insist("sh", "-c", "cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ | tr '\\0' '\\n'"),
        await host.insist("journalctl", "--output", "cat"),
        (await host.run("grep", "-rlF", SECRET, "/etc", "/opt/raft-lite", "/var/lib/raft-lite")).output,
      ];
      for (const text of said) expect(text).not.toContain(SECRET);
      expect(said[2]).toBe("");
    }
    expect(stage.cloud.calls.filter((call) => call.includes(SECRET))).toEqual([]);
  });

  test("the node is a user that can do nothing else", async () => {
    explain();
    for (const node of cluster.nodes) {
      const pid = await node.mainPid();
      const status = await node.host.insist("cat", `/proc/${pid}/status`);
      expect(status).toMatch(/^CapBnd:\t0+$/m);
      expect(status).toMatch(/^NoNewPrivs:\t1$/m);
      expect(status).toMatch(/^Seccomp:\t2$/m);
      expect(await node.host.insist("ps", "-o", "user:20=", "-p", String(pid))).toMatch(/^raft-lite *\n/);
      expect(await node.host.insist("stat", "--format=%a %U", "/var/lib/raft-lite/node")).toBe(
        "700 raft-lite\n",
      );
    }
  });

  /** A write that stays, and the log of all that run once it is everywhere. */
  async function write(among: Cluster<HostNode>, cmd: string): Promise<void> {
    const leader = await among.leader();
    await leader.insist(cmd);
  }

  test("a leader that is cut off is replaced, and follows when it is back", async () => {
    explain();
    const cut = await cluster.leader();
    const others = new Cluster(cluster.others(cut));
    const { term } = await cut.status();
    await stage.networkOf(cut).cut();
    await until("the others have a leader of their own", async () => {
      const next = await others.leader();
      return next !== cut && (await next.status()).term > term;
    });
    await write(others, "SET cut=1");
    const next = await others.leader();
    const { term: risen } = await next.status();
    await stage.networkOf(cut).heal();
    const level = await cluster.level();
    expect(level.log.at(-1)).toEqual({ term: risen, cmd: "SET cut=1" });
    expect([level.term, level.leader]).toEqual([risen, next.id]);
    expect(await cut.get("cut")).toBe("1");
  });

  test("a follower that hears nothing of its leader disturbs nobody", async () => {
    explain();
    const leader = await cluster.leader();
    const [deaf, other] = cluster.others(leader) as [HostNode, HostNode];
    const { term } = await leader.status();
    await stage.networkOf(deaf).deafTo(leader.launch.privateAddress);
    await until(`${deaf.id} has lost its leader`, async () => (await deaf.status()).leader === null);
    await write(new Cluster([leader, other]), "SET deaf=1");
    expect(await other.get("deaf")).toBe("1");
    await stage.networkOf(deaf).hearAll();
    const level = await cluster.level();
    expect(level).toMatchObject({ term, leader: leader.id });
    expect(level.log.at(-1)?.cmd).toBe("SET deaf=1");
  });

  test.each(["a follower", "the leader"])(
    "%s whose machine is gone comes back on another one, with its volume",
    async (which) => {
      explain();
      const node = which === "the leader" ? await cluster.leader() : await cluster.follower();
      const others = new Cluster(cluster.others(node));
      const { storeId } = (await node.status()).raft;
      await node.powerOff();
      await write(others, `SET replaced=${node.id}`);
      const { output } = await stage.install(node, volumes.get(node)!);
      expect(output).not.toContain("making a file system");
      const level = await cluster.level();
      expect(level.log.at(-1)?.cmd).toBe(`SET replaced=${node.id}`);
      expect((await node.status()).raft.storeId).toBe(storeId);
      expect(await node.get("replaced")).toBe(node.id);
    },
  );

  test("one that comes back with an empty volume is refused, and says so", async () => {
    explain();
    const node = await cluster.follower();
    const others = new Cluster(cluster.others(node));
    await node.powerOff();
    await write(others, "SET wiped=1");
    const { term } = await (await others.leader()).status();
    await stage.install(node, await stage.createVolume());
    await until(`${node.id} says why`, () => node.lines.some((line) => /refuse|wiped/.test(line)));
    const said = await until(`${node.id} shows why`, async () => (await node.status()).raft.problem);
    expect(said).toMatch(/wiped|new id/);
    expect((await node.status("?log=all")).log).toEqual([]);
    await write(others, "SET wiped=2");
    expect((await (await others.leader()).status()).term).toBe(term);
    // With the volume that it has its promises on it is let in again.
    await node.powerOff();
    await stage.install(node, volumes.get(node)!);
    expect((await cluster.level()).log.at(-1)?.cmd).toBe("SET wiped=2");
  });
});
