import { describe, expect, test } from "vitest";
import type { RaftLiteError } from "../../shared/errors.ts";
import type { Deployment } from "./support/deployment.ts";
import { bundleOf } from "./support/deployment.ts";
import { ingress } from "./support/inventory.ts";
import { onCloud } from "./support/on-cloud.ts";

async function running(): Promise<Deployment> {
  const d = onCloud();
  expect((await d.up()).code).toBe(0);
  return d;
}

/** What a node keeps: its addresses and its data. */
function places(d: Deployment): Record<string, object> {
  return Object.fromEntries(
    d.nodes.nodes().map(({ instance, told, problem }) => [
      told.id,
      {
        interfaceId: instance.interfaceId,
        address: d.cloud.ec2.interfaces.publicOf(instance.interfaceId)?.address,
        volumeId: told.volumeId,
        problem,
      },
    ]),
  );
}

const instanceOf = (d: Deployment, id: string) =>
  d.nodes.nodes().find(({ told }) => told.id === id)!.instance;
const installed = (d: Deployment): Set<string | undefined> =>
  new Set(d.nodes.nodes().map(({ instance }) => d.nodes.installed.get(instance.id)?.sha256));
const clients = (d: Deployment): string[] =>
  ingress(d.cloud).flatMap((rule) => /8000-8000 (\S+)$/.exec(rule)?.[1] ?? []);

/** The operations of one run. */
async function calls(d: Deployment, run: () => Promise<unknown>): Promise<string[]> {
  const before = d.cloud.calls.length;
  await run();
  return d.cloud.calls.slice(before).map(({ operation }) => operation);
}

describe("replace", () => {
  test("gives a node a new instance with the same addresses and the same data", async () => {
    const d = await running();
    const before = places(d);
    const old = instanceOf(d, "B");
    expect((await d.replace("b")).code).toBe(0);
    expect(old.state).toBe("terminated");
    expect(places(d)).toEqual(before);
    expect((await d.up()).stdout).toContain("nothing to do");
  });

  test("and again: the token of the launch before is not used twice", async () => {
    const d = await running();
    const seen = new Set([instanceOf(d, "B").id]);
    for (let round = 0; round < 3; round++) {
      expect((await d.replace("B")).code).toBe(0);
      seen.add(instanceOf(d, "B").id);
    }
    expect(seen.size).toBe(4);
  });

  test("is refused where the others have no majority without it, unless forced", async () => {
    const d = await running();
    d.nodes.broken.add("A");
    const { error } = await d.replace("B");
    expect((error as RaftLiteError).code).toBe("majority-in-danger");
    expect(error?.message).toMatch(/without B .*A nobody listens there.*--force/);
    expect(instanceOf(d, "B").state).toBe("running");
    d.nodes.broken.delete("A");
    expect((await d.replace("B", { force: true })).code).toBe(0);
  });

  test("is refused while another node is being replaced, unless forced", async () => {
    const d = await running();
    // The run on A dies once its instance is marked.
    const mark = (await calls(d, () => d.replace("A"))).indexOf("CreateTags") + 1;
    const again = await running();
    again.comeBack();
    again.cloud.misbehaviour.crash = { call: mark, moment: "after" };
    await again.replace("A");
    again.comeBack();
    expect((await again.replace("B")).error?.message).toMatch(/^A is being replaced: .*replace A.*--force/);
    expect((await again.replace("A")).code).toBe(0);
    expect((await again.replace("B")).code).toBe(0);
  });

  test("does not wait for what nobody can see from here", async () => {
    const d = await running();
    d.nodes.operator = "203.0.113.99";
    const started = d.cloud.world.now;
    const { code, stdout } = await d.replace("B");
    expect(code).toBe(0);
    expect(stdout).toContain("note: no node answers here");
    expect(stdout).toContain("Not waited for: ");
    expect(d.cloud.world.now - started).toBeLessThan(200_000);
    expect((await d.replace("B", { waitSeconds: 300 })).error?.message).toMatch(/^after 300 s: B: /);
  });

  test("refuses a node that there is not, with those that there are", async () => {
    const d = await running();
    expect((await d.replace("D")).error?.message).toMatch(/"D" is no node of the cluster: it has A, B, C/);
  });

  test("with another instance type, which the cluster then has", async () => {
    const d = await running();
    expect((await d.replace("A", { instanceType: "m7i.large" })).code).toBe(0);
    expect(instanceOf(d, "A").type).toBe("m7i.large");
    expect((await d.up()).stdout).toMatch(/note: B .*is a t3\.small and not a m7i\.large/);
  });

  test("of a node whose data is gone is refused: the cluster would refuse the node", async () => {
    const d = await running();
    const b = instanceOf(d, "B");
    d.cloud.ec2.volumes.all.delete(d.nodes.nodes().find(({ told }) => told.id === "B")!.told.volumeId);
    for (const attempt of [() => d.replace("B"), () => d.up()]) {
      const { error } = await attempt();
      expect((error as RaftLiteError).code).toBe("data-volume-lost");
    }
    expect(b.state).toBe("running");
  });
});

describe("update", () => {
  test("brings a new version to all, the leader last, never two away at once", async () => {
    const d = await running();
    d.bundle = bundleOf("second");
    expect(await d.update()).toMatchObject({ code: 0, error: null });
    expect(installed(d)).toEqual(new Set([d.bundle.sha256]));
    expect(d.nodes.installs).toEqual(["B", "C", "A"]);
    expect((await d.update()).stdout).toContain("nothing to do");
    expect((await d.up()).stdout).toContain("nothing to do");
  });

  test("stops at the first node that does not come back, and --rollback mends it", async () => {
    const d = await running();
    const first = d.bundle.sha256;
    d.bundle = bundleOf("second");
    d.nodes.brokenBundle = d.bundle.sha256;
    const { error } = await d.update({ waitSeconds: 60 });
    expect((error as RaftLiteError).code).toBe("update-stopped");
    expect(error?.message).toMatch(/^stopped at B .*update --rollback/);
    expect(d.nodes.installs).toEqual(["B"]);
    expect(await d.update({ rollback: true })).toMatchObject({ code: 0, error: null });
    expect(installed(d)).toEqual(new Set([first]));
  });

  test("after one that stopped at its first node, the next one goes back to what the others ran", async () => {
    const d = await running();
    const first = d.bundle.sha256;
    d.bundle = bundleOf("second");
    d.nodes.brokenBundle = d.bundle.sha256;
    expect((await d.update({ waitSeconds: 60 })).error).not.toBeNull();
    d.bundle = bundleOf("third");
    // The one that is down is the first to be mended.
    expect(await d.update()).toMatchObject({ code: 0, error: null });
    expect(await d.update({ rollback: true })).toMatchObject({ code: 0, error: null });
    expect(installed(d)).toEqual(new Set([first]));
  });

  test("without waiting for each node, the next one still waits until nobody is away", async () => {
    const d = await running();
    d.bundle = bundleOf("second");
    expect(await d.update({ waitSeconds: 0 })).toMatchObject({ code: 0, error: null });
    expect(d.nodes.installs).toEqual(["B", "C", "A"]);
  });

  test("begins with a node that is away, which the new version may mend", async () => {
    const d = await running();
    d.bundle = bundleOf("second");
    d.nodes.broken.add("C");
    expect((await d.update({ waitSeconds: 60 })).error?.message).toMatch(/^stopped at C /);
    d.nodes.broken.delete("C");
    expect(await d.update()).toMatchObject({ code: 0, error: null });
    expect(d.nodes.installs).toEqual(["C", "B", "A"]);
  });

  test("goes no further while another node is away", async () => {
    const d = await running();
    d.bundle = bundleOf("second");
    d.nodes.broken.add("B").add("C");
    const { error } = await d.update();
    expect(error?.message).toMatch(
      /^stopped at B .*C nobody listens there, and never two nodes are to be down/,
    );
    expect(d.nodes.installs).toEqual([]);
  });

  test("a replaced node gets the version that the others run", async () => {
    const d = await running();
    d.bundle = bundleOf("second");
    await d.update();
    await d.replace("C");
    expect(installed(d)).toEqual(new Set([d.bundle.sha256]));
  });

  test("does not undo what somebody else did while it asked", async () => {
    const d = await running();
    d.bundle = bundleOf("second");
    const parameter = d.cloud.ssm.parameters.get("/raft-lite/raft-lite/cluster")!;
    d.whileAsked = () => {
      parameter.value = parameter.value.replace("t3.small", "t3.medium");
    };
    const { error } = await d.update({ yes: false });
    expect(error?.message).toMatch(/somebody else has changed the cluster raft-lite meanwhile/);
    expect(parameter.value).toContain("t3.medium");
    expect((await d.update()).code).toBe(0);
    expect(parameter.value).toContain("t3.medium");
  });

  test("there is nothing to go back to before the first one", async () => {
    const d = await running();
    expect((await d.update({ rollback: true })).error?.message).toContain("nothing to go back to");
  });
});

describe("authorize", () => {
  test("lets the operator's new address in and the old one out", async () => {
    const d = await running();
    d.nodes.operator = "192.0.2.9";
    expect((await d.status()).code).toBe(1);
    expect((await d.authorize()).code).toBe(0);
    expect(clients(d)).toEqual(["192.0.2.9/32"]);
    expect((await d.status()).code).toBe(0);
    expect((await d.authorize()).stdout).toContain("nothing to do");
    expect((await d.up()).stdout).toContain("nothing to do");
  });

  test("--add keeps the others", async () => {
    const d = await running();
    await d.authorize({ clientCidr: "10.0.0.0/8", add: true });
    expect(clients(d)).toEqual(["198.51.100.7/32", "10.0.0.0/8"]);
  });
});

describe("status", () => {
  test("a table of instances and nodes, and exit code 1 without a quorum", async () => {
    const d = await running();
    const { code, stdout } = await d.status();
    expect(code).toBe(0);
    expect(stdout).toMatch(
      /^node +zone +instance +state +address +role +term +commit +lag +version +uptime +cost$/m,
    );
    expect(stdout).toMatch(/^A +us-east-1a +i-\w+ +running +http:\/\/203\.0\.113\.1:8000 +Leader +1 /m);
    d.nodes.broken.add("A").add("B");
    expect(await d.status()).toMatchObject({ code: 1, stdout: expect.stringContaining("no quorum") });
  });

  test("of a cluster that there is not: one line", async () => {
    const d = onCloud();
    const { error } = await d.status();
    expect(error?.message).toMatch(/there is no cluster raft-lite in us-east-1/);
  });
});

describe("command", () => {
  const urlOf = (d: Deployment, id: string) => {
    const { interfaceId } = instanceOf(d, id);
    return `http://${d.cloud.ec2.interfaces.publicOf(interfaceId)?.address}:8000`;
  };

  test("goes to the leader, and another node where that one is away, and says nothing itself", async () => {
    const d = await running();
    expect(await d.command("SET", "x=5")).toMatchObject({ code: 0, stdout: "", stderr: "" });
    d.nodes.broken.add("A");
    expect((await d.command("GET x")).code).toBe(0);
    expect(d.sent).toEqual([
      [urlOf(d, "A"), "SET x=5"],
      [urlOf(d, "B"), "GET x"],
    ]);
  });

  test("goes to the leader though another node has answered before it", async () => {
    const d = await running();
    d.nodes.followers.add("A").add("B");
    expect((await d.command("SET x=5")).code).toBe(0);
    expect(d.sent).toEqual([[urlOf(d, "C"), "SET x=5"]]);
  });

  test("where no node answers: one line that names the way to be let in", async () => {
    const d = await running();
    d.nodes.operator = "203.0.113.99";
    expect((await d.command("GET x")).error?.message).toMatch(/^no node answers here \(A: .*ec2 authorize/);
    expect(d.sent).toEqual([]);
  });
});

describe("logs", () => {
  test("of every node, with its id before each line", async () => {
    const d = await running();
    const { code, stdout } = await d.logs();
    expect(code).toBe(0);
    for (const id of ["A", "B", "C"]) expect(stdout).toContain(`${id}  a line of ${instanceOf(d, id).id}`);
    expect(stdout).not.toContain("cursor");
  });

  test("of one node alone, as it is", async () => {
    const d = await running();
    const { stdout } = await d.logs({ node: "b" });
    expect(stdout.split("\n")).toContain(`a line of ${instanceOf(d, "B").id}`);
    expect(stdout).not.toContain(instanceOf(d, "A").id);
  });

  test("-f goes on behind what it has shown, until it is stopped", async () => {
    const d = await running();
    const following = d.logs({ node: "A", follow: true });
    await d.cloud.clock.sleep(30_000);
    d.stop.abort();
    const { code, stdout } = await following;
    expect(code).toBe(0);
    const lines = stdout.split("\n").filter((line) => line.includes(instanceOf(d, "A").id));
    expect(lines.length).toBeGreaterThan(2);
    expect(lines.map((line) => line.startsWith("a line"))).toEqual(lines.map((_, at) => at === 0));
  });

  test("of an instance that has not reported yet: one line that says so", async () => {
    const d = await running();
    d.cloud.world.pace = { ...d.cloud.world.pace, agentMs: 3_600_000 };
    const { error } = await d.logs({ node: "A" });
    expect((error as RaftLiteError).code).toBe("instance-not-managed");
  });
});
