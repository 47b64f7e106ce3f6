import { GetCommandInvocationCommand, SendCommandCommand } from "@aws-sdk/client-ssm";
import { RaftLiteError } from "../../shared/errors.ts";
import type { Account } from "./account.ts";
import { poll } from "./pace.ts";
import { RUN_SHELL_DOCUMENT } from "./policies.ts";

export interface RemoteResult {
  /** Of the script; -1 where it did not end by itself. */
  readonly exitCode: number;
  /** Systems Manager's word for how it ended: Success, Failed, TimedOut, Cancelled … */
  readonly status: string;
  /** The first 24,000 characters. */
  readonly stdout: string;
  readonly stderr: string;
}

const PENDING = /^(Pending|InProgress|Delayed|Cancelling)$/;
/** Systems Manager takes no less than this to wait for an instance. */
const DELIVERY_SECONDS = 60;

/**
 * Runs a script as root on an instance, through Systems Manager. Throws `instance-not-managed` where the instance has
 * not reported there, and `remote-timeout` where there is no end of it in time.
 */
export async function runRemotely(
  account: Account,
  instanceId: string,
  script: { lines: readonly string[]; comment: string; withinSeconds: number },
): Promise<RemoteResult> {
  const { ssm } = account.clients;
  const sent = await account.call("ssm:SendCommand", async () => {
    try {
      return await ssm.send(
        new SendCommandCommand({
          DocumentName: RUN_SHELL_DOCUMENT,
          InstanceIds: [instanceId],
          Comment: script.comment,
          TimeoutSeconds: DELIVERY_SECONDS,
          Parameters: { commands: [...script.lines], executionTimeout: [String(script.withinSeconds)] },
        }),
      );
    } catch (error) {
      if (!(error instanceof Error) || error.name !== "InvalidInstanceId") throw error;
      throw new RaftLiteError(
        "instance-not-managed",
        `${instanceId} has not reported to Systems Manager: it may be starting still (that takes a minute or two), or have no way to the internet`,
        { cause: error },
      );
    }
  });
  const commandId = sent.Command?.CommandId ?? "";
  const result = await poll(
    account.pace,
    async () => {
      const found = await account.ask("ssm:GetCommandInvocation", /^InvocationDoesNotExist$/, () =>
        ssm.send(new GetCommandInvocationCommand({ CommandId: commandId, InstanceId: instanceId })),
      );
      return found === undefined || PENDING.test(found.Status ?? "Pending") ? undefined : found;
    },
    { withinMs: (DELIVERY_SECONDS + script.withinSeconds) * 1000, firstMs: 500, longestMs: 3_000 },
  );
  if (result === undefined) {
    throw new RaftLiteError(
      "remote-timeout",
      `what was asked of ${instanceId} through Systems Manager has not ended: it may yet (command ${commandId})`,
    );
  }
  return {
    exitCode: result.ResponseCode ?? -1,
    status: result.Status ?? "",
    stdout: result.StandardOutputContent ?? "",
    stderr: result.StandardErrorContent ?? "",
  };
}
