import { RaftLiteError } from "../../../shared/errors.ts";
import { printable } from "../../../shared/printable.ts";
import type { Found } from "../model.ts";
import type { NodeId } from "../names.ts";
import { instanceOf } from "../plan.ts";
import { runRemotely } from "../remote.ts";
import type { CommonOptions } from "../session.ts";
import { Session } from "../session.ts";
import type { Tools } from "../tools.ts";
import { requireNode } from "./replace.ts";

export interface LogsOptions extends CommonOptions {
  readonly node: string | undefined;
  readonly follow: boolean;
  /** Of each node, to begin with. */
  readonly lines: number;
}

/** The node, and what installs it: by cloud-init, or after a restart in the middle of that. */
const UNITS = "-u raft-lite.service -u raft-lite-boot.service -u cloud-final.service";
const READ_WITHIN_SECONDS = 30;
const ASK_AGAIN_MS = 3_000;
/** Systems Manager gives 24,000 characters: the newest, and the cursor behind them, must be among them. */
const LONGEST_ANSWER = 23_000;

/** `raft-lite ec2 logs`: the journals of the nodes, through Systems Manager. */
export function logs(options: LogsOptions, tools: Tools): Promise<number> {
  return Session.run(options, tools, async (session) => {
    const { found, record } = await session.existing();
    const ids =
      options.node === undefined ? record.nodes.map(({ id }) => id) : [requireNode(options.node, record)];
    const outcomes = await Promise.allSettled(
      ids.map((id) => readNode(session, found, id, options, ids.length > 1 ? `${id}  ` : "")),
    );
    const failures = outcomes.filter((outcome) => outcome.status === "rejected");
    if (failures.length === 0) return 0;
    for (const { reason } of failures.slice(1)) session.say(String((reason as Error).message));
    throw failures[0]?.reason;
  });
}

async function readNode(
  session: Session,
  found: Found,
  id: NodeId,
  { follow, lines }: LogsOptions,
  prefix: string,
): Promise<void> {
  const { tools } = session;
  const instance = instanceOf(found, id);
  if (instance === null)
    throw new RaftLiteError("node-incomplete", `${id} has no instance: run \`raft-lite ec2 up\``);
  let cursor: string | null = null;
  do {
    const read = await readJournal(session, instance.id, id, cursor, lines);
    for (const line of read.lines) session.say(`${prefix}${line}`);
    cursor = read.cursor ?? cursor;
    if (follow && !tools.stop.aborted) await tools.pace.sleep(ASK_AGAIN_MS);
  } while (follow && !tools.stop.aborted);
}

async function readJournal(
  session: Session,
  instanceId: string,
  id: NodeId,
  cursor: string | null,
  lines: number,
): Promise<{ lines: string[]; cursor: string | null }> {
  const from = cursor === null ? `-n ${lines}` : `--after-cursor='${cursor}'`;
  const result = await runRemotely(session.account, instanceId, {
    lines: [
      `journalctl ${UNITS} --no-pager --no-hostname -o short-iso --show-cursor ${from} | tail -c ${LONGEST_ANSWER}`,
    ],
    comment: "raft-lite logs",
    withinSeconds: READ_WITHIN_SECONDS,
  });
  if (result.status !== "Success") {
    throw new RaftLiteError(
      "logs-unreadable",
      `${id}: its journal could not be read (${result.status}): ${printable(result.stderr.trim() || "it said nothing")}`,
    );
  }
  const all = result.stdout.split("\n").filter((line) => line !== "");
  const last = /^-- cursor: ([\w=;-]+)$/.exec(all.at(-1) ?? "")?.[1] ?? null;
  return { lines: (last === null ? all : all.slice(0, -1)).map(printable), cursor: last };
}
