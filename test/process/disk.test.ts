import { describe, expect } from "vitest";
import { canInject, canMount, injectSyncs, mountSmallDisk } from "./support/faulty-disk.ts";
import { post } from "./support/http.ts";
import { test } from "./support/lab.ts";
import { until } from "./support/until.ts";
import { Writers } from "./support/writers.ts";

describe.runIf(await canInject())("a disk that fails (injected by strace)", () => {
  test.for(["leader", "follower"])(
    "under the %s: it ends with one line, the others go on, it comes back",
    async (role, { lab }) => {
      const cluster = await lab.cluster("ABC");
      cluster.start();
      const leader = await cluster.leader();
      const victim = role === "leader" ? leader : cluster.others(leader)[0]!;
      const writers = new Writers(cluster);
      await writers.more(50);
      await injectSyncs(lab, victim.process, "error=EIO");
      expect(await victim.process.ended()).toEqual({ code: 1, signal: null });
      expect(victim.process.stderr).toMatch(
        /^raft-lite: The disk of data directory \S+ failed \(EIO[^\n]*\n$/,
      );
      await writers.more(50);
      victim.start();
      await writers.more(50);
      await writers.stop();
      await writers.expectNothingLost();
    },
  );

  test("a disk that stands still under the leader: it gives way while it waits, and follows afterwards", async ({
    lab,
  }) => {
    const cluster = await lab.cluster("ABC");
    cluster.start();
    const old = await cluster.leader();
    await old.insist("SET x=1");
    const others = cluster.others(old);
    const strace = await injectSyncs(lab, old.process, "delay_enter=600000000");
    // Something that its disk does not take.
    void post(`${old.url}/command`, { cmd: "SET x=2" }).catch(() => {});
    const leader = await until("another to lead", async () => {
      for (const node of others) if ((await node.status()).state === "Leader") return node;
      return null;
    });
    await leader.insist("SET x=3");
    // What it shows is what a crash would leave it with: it cannot write down that it is deposed.
    expect((await old.status()).term).toBeLessThan((await leader.status()).term);
    strace.signal("SIGKILL");
    await old.insist("SET y=1");
    const { log } = await cluster.level();
    expect(log.map(({ cmd }) => cmd)).toEqual(expect.arrayContaining(["SET x=1", "SET x=3", "SET y=1"]));
    expect((await old.status()).state).toBe("Follower");
  });
});

test.runIf(canMount())(
  "a full disk: the node ends with one line, the others go on, it comes back when there is room",
  async ({ lab }) => {
    const cluster = await lab.cluster("ABC");
    const full = cluster.node("C");
    const disk = mountSmallDisk(lab, lab.folder(".raft-lite/C"), "1m");
    cluster.start();
    await cluster.leader();
    const other = cluster.node("A");
    const big = "x".repeat(100_000);
    for (let n = 0; n < 20; n++) await other.insist(`SET big${n}=${big}`);
    expect(await full.process.ended()).toEqual({ code: 1, signal: null });
    expect(full.process.stderr).toMatch(/^raft-lite: The disk of data directory \S+ is full\. [^\n]*\n$/);
    await other.insist("SET x=1");

    const again = full.start();
    // No room yet: it says so again, or runs until the first write does not fit.
    expect(await again.ended()).toEqual({ code: 1, signal: null });
    expect(again.stderr).toMatch(/^raft-lite: The disk of data directory \S+ is full\. [^\n]*\n$/);
    disk.resize("64m");
    full.start();
    await cluster.level();
    expect(await full.get("x")).toBe("1");
    expect(await full.get("big19")).toBe(big);
  },
);
