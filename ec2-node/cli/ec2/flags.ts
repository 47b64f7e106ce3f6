import { wholeNumber } from "../../../shared/config/numbers.ts";
import { usageError } from "../../../shared/config/usage-error.ts";
import type { Wishes } from "../../aws/wanted.ts";

/** A cluster's size: three survive one failure, five two; an even number survives no more than the odd one below it. */
function readNodes(text: string): 3 | 5 {
  if (text === "3") return 3;
  if (text === "5") return 5;
  throw usageError(`--nodes: "${text}" is neither 3 nor 5`);
}

/** `t3.small`: a family, a dot, a size. */
export function readInstanceType(text: string): string {
  if (/^[a-z0-9-]+\.[a-z0-9-]+$/.test(text)) return text;
  throw usageError(`--instance-type: "${text}" is not an instance type, such as t3.small`);
}

/** The largest gp3 volume. */
const LARGEST_VOLUME_GB = 16_384;

/** A day: whoever waits longer has gone home. */
const LONGEST_WAIT_SECONDS = 86_400;

export function readWait(text: string): number {
  return wholeNumber("--wait", text, 0, LONGEST_WAIT_SECONDS);
}

export interface UpFlags {
  readonly nodes?: string;
  readonly instanceType?: string;
  readonly dataGb?: string;
  readonly subnets?: string;
  readonly private?: boolean;
}

export function readWishes(flags: UpFlags): Wishes {
  return {
    nodes: flags.nodes === undefined ? undefined : readNodes(flags.nodes),
    instanceType: flags.instanceType === undefined ? undefined : readInstanceType(flags.instanceType),
    dataGb:
      flags.dataGb === undefined ? undefined : wholeNumber("--data-gb", flags.dataGb, 1, LARGEST_VOLUME_GB),
    subnets: flags.subnets === undefined ? undefined : readSubnets(flags.subnets),
    isPrivate: flags.private,
  };
}

function readSubnets(text: string): string[] {
  const ids = [...new Set(text.split(",").map((id) => id.trim()))];
  const wrong = ids.find((id) => !/^subnet-[0-9a-f]+$/.test(id));
  if (wrong === undefined) return ids;
  throw usageError(`--subnets: "${wrong}" is not a subnet's id, such as subnet-0a1b2c3d4e5f60718`);
}
