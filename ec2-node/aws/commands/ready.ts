import type { GetConsoleOutputCommandOutput } from "@aws-sdk/client-ec2";
import { GetConsoleOutputCommand } from "@aws-sdk/client-ec2";
import { RaftLiteError } from "../../../shared/errors.ts";
import { printable } from "../../../shared/printable.ts";
import { textTable } from "../../cli/text-table.ts";
import type { Account } from "../account.ts";
import { urlOf, waitForHealth } from "../health.ts";
import type { ClusterRecord, Found } from "../model.ts";
import type { NodeId } from "../names.ts";
import { instanceOf, interfaceOf } from "../plan.ts";
import type { Session } from "../session.ts";

const CONSOLE_LINES = 25;

export interface NodePlace {
  readonly id: NodeId;
  readonly zone: string;
  readonly instance: string | null;
  readonly privateAddress: string | null;
  readonly url: string | null;
}

export function describeNodes(record: ClusterRecord, found: Found): NodePlace[] {
  return record.nodes.map(({ id, zone }) => ({
    id,
    zone,
    instance: instanceOf(found, id)?.id ?? null,
    privateAddress: interfaceOf(found, id)?.privateAddress ?? null,
    url: urlOf(record, found, id),
  }));
}

export function nodeLines(record: ClusterRecord, found: Found): string[] {
  const rows = describeNodes(record, found).map(({ id, zone, instance, privateAddress, url }) => [
    id,
    zone,
    instance ?? "-",
    privateAddress ?? "-",
    url ?? "-",
  ]);
  return textTable([["node", "zone", "instance", "private address", "for clients"], ...rows]);
}

/**
 * Waits until a leader is known and the nodes of `ids` have caught up. Resolves with true, or null where nobody wants to
 * wait. On expiry it says what the first node that lacks has on its console, and throws `not-ready`.
 */
export async function awaitHealth(
  session: Session,
  record: ClusterRecord,
  found: Found,
  ids: readonly NodeId[],
  waitSeconds: number,
): Promise<true | null> {
  if (waitSeconds === 0) return null;
  const title = ids.length === 1 ? `wait for ${ids[0]}` : "wait for a leader and for all nodes";
  const outcome = await session.progress.task(title, async (note) => {
    const result = await waitForHealth(session.account, record, found, session.tools, {
      ids,
      withinMs: waitSeconds * 1000,
      note,
    });
    note(result.missing || `${result.health.view.leader?.node ?? "a quiet cluster"} leads`);
    return result;
  });
  if (outcome.missing === "") return true;
  const failing =
    outcome.health.nodes.find(({ id, status }) => ids.includes(id) && status === null)?.id ?? ids[0];
  const instance = failing === undefined ? null : instanceOf(found, failing);
  if (failing !== undefined && instance !== null) {
    session.say(`The last lines of ${failing}'s console (${instance.id}):`);
    for (const line of await consoleTail(session.account, instance.id)) session.say(`    ${line}`);
  }
  throw new RaftLiteError(
    "not-ready",
    `after ${waitSeconds} s: ${outcome.missing}. Everything is kept: \`${session.commandLine("status")}\` shows the nodes, ` +
      `\`${session.commandLine(`logs --node ${failing}`)}\` what they say, and \`${session.commandLine("authorize")}\` lets this machine in if its address has changed`,
  );
}

/** As it is now, which only machines of the Nitro kind tell; of others, as it was some time after their start. */
async function readConsole(account: Account, instanceId: string): Promise<string> {
  const read = (Latest: boolean): Promise<GetConsoleOutputCommandOutput | undefined> =>
    account.ask("ec2:GetConsoleOutput", /^UnsupportedOperation$/, () =>
      account.clients.ec2.send(new GetConsoleOutputCommand({ InstanceId: instanceId, Latest })),
    );
  const output = (await read(true)) ?? (await read(false));
  return output?.Output ?? "";
}

async function consoleTail(account: Account, instanceId: string): Promise<string[]> {
  try {
    const Output = await readConsole(account, instanceId);
    const text = Buffer.from(Output, "base64").toString("utf8");
    const lines = text.split(/\r?\n/).filter((line) => line.trim() !== "");
    return lines.length === 0 ? ["(nothing yet)"] : lines.slice(-CONSOLE_LINES).map(printable);
  } catch (error) {
    return [`(${error instanceof Error ? error.message : String(error)})`];
  }
}
