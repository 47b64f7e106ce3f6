import type { NodeReport } from "../cli/node-report.ts";
import { readStatus } from "../cli/node-report.ts";
import type { Account } from "./account.ts";
import { CLIENT_PORT } from "./names.ts";
import { runRemotely } from "./remote.ts";

const ASK_WITHIN_SECONDS = 10;

/** Asks the node on an instance how it is, through Systems Manager, as if at `url`. Never rejects. */
export async function reportThroughInstance(
  account: Account,
  instanceId: string,
  url: string,
): Promise<NodeReport> {
  const node = `http://127.0.0.1:${CLIENT_PORT}`;
  try {
    const result = await runRemotely(account, instanceId, {
      lines: [
        `curl --silent --max-time 5 '${node}/status?log=0'; echo`,
        `curl --silent --max-time 5 --output /dev/null --write-out '%{http_code}' ${node}/health`,
      ],
      comment: "raft-lite status",
      withinSeconds: ASK_WITHIN_SECONDS,
    });
    const [body = "", health = ""] = result.stdout.split("\n");
    const status = body === "" ? null : readStatus(parse(body));
    if (status === null)
      return { url, status: null, reason: "its node does not answer on the instance either" };
    return { url, status, healthy: health.trim() === "200" };
  } catch (error) {
    return { url, status: null, reason: error instanceof Error ? error.message : String(error) };
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
