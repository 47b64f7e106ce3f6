import { afterEach, describe, expect, test } from "vitest";
import { operatorPolicy } from "../../ec2-node/aws/policies.ts";
import { questionsOf } from "./support/authorization.ts";
import { bundleOf, Deployment } from "./support/deployment.ts";
import type { Policy } from "./support/iam-judge.ts";
import { isAllowed } from "./support/iam-judge.ts";
import { mockClients } from "./support/mock-clients.ts";

let mocked: ReturnType<typeof mockClients> | undefined;
afterEach(() => mocked?.restore());

/** A cluster from its beginning to its end, and all that was asked of AWS for it. */
async function wholeLife(): Promise<Deployment> {
  const d = new Deployment();
  mocked = mockClients(d.cloud);
  expect((await d.up()).error).toBeNull();
  expect((await d.status()).error).toBeNull();
  d.bundle = bundleOf("second");
  expect((await d.update()).error).toBeNull();
  expect((await d.replace("B")).error).toBeNull();
  expect((await d.authorize({ clientCidr: "198.51.100.0/24" })).error).toBeNull();
  expect((await d.destroy({ deleteData: true })).error).toBeNull();
  return d;
}

function policyFor(d: Deployment, cluster: string): Policy {
  const { account, region } = d.cloud.world;
  return JSON.parse(operatorPolicy({ account, region, partition: "aws", cluster }));
}

function refused(d: Deployment, policy: Policy): string[] {
  const { account, region } = d.cloud.world;
  const lines = d.cloud.calls.flatMap((call) =>
    questionsOf(call, account, region, "raft-lite")
      .filter(({ action, resource, context }) => !isAllowed(policy, action, resource, context))
      .map(({ action, resource, context }) => `${action} ${resource} ${JSON.stringify(context)}`),
  );
  return [...new Set(lines)];
}

describe("the operator's policy", () => {
  test("is enough for everything that up, status, update, replace, authorize and destroy ask for", async () => {
    const d = await wholeLife();
    expect(new Set(d.cloud.calls.map(({ operation }) => operation)).size).toBeGreaterThan(40);
    expect(refused(d, policyFor(d, "raft-lite"))).toEqual([]);
  });

  test("of another cluster lets this one be looked at, and nothing be made, changed or deleted of it", async () => {
    const d = await wholeLife();
    const { account, region } = d.cloud.world;
    const policy = policyFor(d, "production");
    const changing = d.cloud.calls.filter(
      ({ operation, service }) => service !== "sts" && !/^(Describe|Get|Head|List)/.test(operation),
    );
    expect(changing.length).toBeGreaterThan(40);
    for (const call of changing) {
      const answers = questionsOf(call, account, region, "raft-lite").map(({ action, resource, context }) =>
        isAllowed(policy, action, resource, context),
      );
      expect(answers, `${call.service} ${call.operation}`).toContain(false);
    }
  });
});
