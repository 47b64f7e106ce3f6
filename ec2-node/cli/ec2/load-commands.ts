import { RaftLiteError } from "../../../shared/errors.ts";

/**
 * The commands of `ec2`, and with them the AWS SDK: an optional dependency, which no other command loads. Throws
 * `sdk-missing` where it was left out.
 */
export async function loadCommands(): Promise<typeof import("../../aws/commands/commands.ts")> {
  try {
    return await import("../../aws/commands/commands.ts");
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const missing =
      code === "ERR_MODULE_NOT_FOUND" ? /'(@(?:aws-sdk|smithy)\/[^/']+)/.exec(message)?.[1] : undefined;
    if (missing === undefined) throw error;
    throw new RaftLiteError(
      "sdk-missing",
      `the AWS SDK is not installed (${missing}): it is an optional dependency of raft-lite, so install without --omit=optional`,
      { cause: error },
    );
  }
}
