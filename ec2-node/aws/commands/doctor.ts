import { isUsageError } from "../../../shared/config/usage-error.ts";
import { RaftLiteError } from "../../../shared/errors.ts";
import { printable } from "../../../shared/printable.ts";
import { Account } from "../account.ts";
import type { Check } from "../doctor.ts";
import { examine } from "../doctor.ts";
import { operatorPolicy } from "../policies.ts";
import type { CommonOptions } from "../session.ts";
import type { Tools } from "../tools.ts";
import type { Wishes } from "../wanted.ts";

export interface DoctorOptions extends CommonOptions {
  readonly wishes: Wishes;
  /** The operator's policy alone. */
  readonly policy: boolean;
}

/** What stands in the policy where nobody knows whose it will be. */
const UNKNOWN_ACCOUNT = "ACCOUNT";
const UNKNOWN_REGION = "REGION";
const UNKNOWN_PARTITION = "aws";

/**
 * `raft-lite ec2 doctor`: whether credentials, region, quotas and permissions are as a cluster needs them, and the policy
 * that allows what is needed. Changes nothing. Exit code 1 where something fails.
 */
export async function doctor(options: DoctorOptions, tools: Tools): Promise<number> {
  const checks: Check[] = [];
  const people = options.json || options.policy ? tools.stderr : tools.stdout;
  const tell = (check: Check): void => {
    checks.push(check);
    if (!options.policy) people.write(`${checkLine(check)}\n`);
  };
  const { account, region } = await identify(options, tools, tell);
  if (account !== null && !options.policy) await examine(account, options.wishes, tell);
  const policy = operatorPolicy({
    account: account?.id ?? UNKNOWN_ACCOUNT,
    region: account?.region ?? region ?? UNKNOWN_REGION,
    partition: account?.partition ?? UNKNOWN_PARTITION,
    cluster: options.cluster,
  });
  if (account === null && options.policy) {
    const missing =
      region === undefined ? `${UNKNOWN_ACCOUNT} and ${UNKNOWN_REGION} are` : `${UNKNOWN_ACCOUNT} is`;
    people.write(`note: ${missing} yours to fill in: ${checks[0]?.text ?? ""}\n`);
  }
  if (options.policy) {
    tools.stdout.write(`${policy}\n`);
    return 0;
  }
  if (options.json) tools.stdout.write(`${JSON.stringify({ checks, policy: JSON.parse(policy) })}\n`);
  else tools.stdout.write(`\n${INTRODUCTION}\n${policy}\n`);
  return checks.some(({ verdict }) => verdict === "failed") ? 1 : 0;
}

const INTRODUCTION =
  "The least that whoever runs these commands must be allowed, as an IAM policy (doctor --policy prints it alone):";

/** Whose credentials these are, and for which region; the first check. */
async function identify(
  options: DoctorOptions,
  tools: Tools,
  tell: (check: Check) => void,
): Promise<{ account: Account | null; region: string | undefined }> {
  let region = options.region;
  try {
    const clients = await tools.openClients(options.region);
    region = clients.region;
    const account = await Account.open(clients, tools.pace, options.cluster);
    tell({ name: "credentials", verdict: "ok", text: `${account.caller}, account ${account.id}` });
    return { account, region };
  } catch (error) {
    if (!(error instanceof RaftLiteError)) throw error;
    const name = error.code === "region-unknown" || isUsageError(error) ? "region" : "credentials";
    tell({ name, verdict: "failed", text: error.message });
    return { account: null, region };
  }
}

const VERDICT_WIDTH = "unknown".length;
const NAME_WIDTH = "ec2:CreateSecurityGroup".length;

function checkLine({ name, verdict, text }: Check): string {
  const shown = verdict === "failed" ? "FAILED" : verdict;
  return printable(`${shown.padEnd(VERDICT_WIDTH)}  ${name.padEnd(NAME_WIDTH)}  ${text}`);
}
