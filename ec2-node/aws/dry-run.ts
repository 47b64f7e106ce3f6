import type { Account } from "./account.ts";
import { awsCode } from "./explain.ts";

export interface Trial<T> {
  readonly action: string;
  readonly subject?: string;
  /** Sends the request with `DryRun`. */
  readonly request: () => Promise<T>;
  /** Takes away what the request has made. */
  readonly undo: (made: T) => Promise<unknown>;
}

/**
 * Has AWS judge a request without carrying it out. Throws one line where it would refuse it. What stands in for AWS may
 * take no notice of `DryRun`: then what was made is taken away again, and the answer is false.
 */
export async function dryRun<T>(
  account: Account,
  { action, subject, request, undo }: Trial<T>,
): Promise<boolean> {
  const made = await account.call<{ it: T } | null>(
    action,
    async () => {
      try {
        return { it: await request() };
      } catch (error) {
        if (awsCode(error) === "DryRunOperation") return null;
        throw error;
      }
    },
    { subject },
  );
  if (made === null) return true;
  await account.call(action, () => undo(made.it), { notYet: /\.NotFound$/ });
  return false;
}
