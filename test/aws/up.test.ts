import { afterEach, describe, expect, test } from "vitest";
import { CLUSTER_TAG } from "../../ec2-node/aws/names.ts";
import { Deployment } from "./support/deployment.ts";
import { ingress, inventory, leaks, untagged } from "./support/inventory.ts";
import { mockClients } from "./support/mock-clients.ts";

let mocked: ReturnType<typeof mockClients> | undefined;
afterEach(() => mocked?.restore());

function deployment(options: ConstructorParameters<typeof Deployment>[0] = {}): Deployment {
  const made = new Deployment(options);
  mocked = mockClients(made.cloud);
  return made;
}

describe("up", () => {
  test("makes a cluster from nothing, and a second one has nothing to do", async () => {
    const d = deployment();
    const first = await d.up();
    console.log(first.stdout, first.error, d.cloud.callsOfRun);
    expect(first.code).toBe(0);
    console.log(
      inventory(d.cloud)
        .map(({ kind, id, state }) => `${kind} ${id} ${state}`)
        .join("\n"),
      ingress(d.cloud),
    );
    expect(untagged(d.cloud, CLUSTER_TAG, "raft-lite")).toEqual([]);
    const second = await d.up();
    console.log(second.stdout, second.error);
    expect(second.code).toBe(0);
    expect(leaks(d.cloud, d.cloud.ssm.parameters.get("/raft-lite/raft-lite/secret")!.value)).toEqual([]);
    const gone = await d.destroy({ deleteData: true });
    console.log(gone.stdout, gone.error);
    expect(inventory(d.cloud)).toEqual([]);
  });
});
