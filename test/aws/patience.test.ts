import { describe, expect, test } from "vitest";
import type { RaftLiteError } from "../../shared/errors.ts";
import { onCloud } from "./support/on-cloud.ts";

describe("what AWS puts off is sent again", () => {
  const put = [
    // The name of a bucket that was deleted moments ago.
    ["s3", "CreateBucket", "OperationAborted", 409],
    ["s3", "PutBucketTagging", "OperationAborted", 409],
    ["ssm", "PutParameter", "TooManyUpdates", 400],
    ["iam", "PutRolePolicy", "ConcurrentModificationException", 409],
    ["ec2", "CreateTags", "ConcurrentTagAccess", 400],
  ] as const;
  test.each(put)("%s:%s with %s", async (service, operation, code, status) => {
    const d = onCloud();
    const error = { code, message: "Try again.", status };
    d.cloud.misbehaviour.refuse(service, operation, error, { times: 4 });
    expect(await d.up()).toMatchObject({ code: 0, error: null });
  });

  test("and what it puts off for too long is told as that, and not as a quota", async () => {
    const d = onCloud();
    const error = { code: "RequestLimitExceeded", message: "Request limit exceeded.", status: 503 };
    d.cloud.misbehaviour.refuse("ec2", "CreateVolume", error);
    const run = await d.up();
    expect((run.error as RaftLiteError).code).toBe("aws-busy");
    expect(run.error?.message).toMatch(/ec2:CreateVolume: AWS is still too busy .* again later/);
  });
});

describe("a node that does not come up: the last lines of its console", () => {
  const CONSOLE = "raft-lite: waiting for volume vol-1 to be attached as /dev/sdf";

  async function upWithout(isNitro: boolean) {
    const d = onCloud();
    d.nodes.broken.add("B");
    d.cloud.ec2.instances.fateOf = (instance) => {
      instance.console = CONSOLE;
      return null;
    };
    if (!isNitro) {
      const message = "This instance type does not support retrieving the latest console logs.";
      const when = ({ input }: { readonly input: Readonly<Record<string, unknown>> }): boolean =>
        input.Latest === true;
      d.cloud.misbehaviour.refuse(
        "ec2",
        "GetConsoleOutput",
        { code: "UnsupportedOperation", message },
        { when },
      );
    }
    const { error, stdout } = await d.up();
    expect((error as RaftLiteError).code).toBe("not-ready");
    expect(stdout).toContain(`    ${CONSOLE}\n`);
    return d.cloud.calls
      .filter(({ operation }) => operation === "GetConsoleOutput")
      .map(({ input }) => input.Latest);
  }

  test("as they are now", async () => {
    expect(await upWithout(true)).toEqual([true]);
  });

  test("as they were, of a machine that tells no more", async () => {
    expect(await upWithout(false)).toEqual([true, false]);
  });
});
