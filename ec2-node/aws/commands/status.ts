import { textTable } from "../../cli/text-table.ts";
import type { NodeHealth } from "../health.ts";
import { askCluster } from "../health.ts";
import { ROOT_GB } from "../image.ts";
import type { ClusterRecord, Found } from "../model.ts";
import { instanceOf } from "../plan.ts";
import { costSoFar, dollars } from "../prices.ts";
import type { CommonOptions } from "../session.ts";
import { Session } from "../session.ts";
import { shortHash } from "../step-text.ts";
import type { Tools } from "../tools.ts";

/** `raft-lite ec2 status`: instances and nodes in one table. Exit code 1 without a quorum. */
export function status(options: CommonOptions, tools: Tools): Promise<number> {
  return Session.run(options, tools, async (session) => {
    const { found, record } = await session.existing();
    const health = await session.progress.task("ask the nodes", () =>
      askCluster(session.account, record, found, tools),
    );
    const now = tools.wallTime();
    const rows = health.nodes.map((node) => describe(node, record, found, now));
    for (const line of table(rows)) session.say(line);
    for (const { id, reason, status } of health.nodes) {
      if (reason !== "") session.say(`${id}: ${status === null ? "no answer: " : ""}${reason}`);
    }
    if (health.nodes.every((node) => node.status === null)) {
      session.say(
        `No node answers here. Has your own address changed? \`${session.commandLine("authorize")}\` lets it in.`,
      );
    }
    session.say(health.view.summary);
    session.document({
      cluster: session.account.cluster,
      region: session.account.region,
      quorum: health.view.quorum,
      leader: health.view.leader?.node ?? null,
      nodes: rows,
    });
    return health.view.quorum ? 0 : 1;
  });
}

interface Row {
  readonly node: string;
  readonly zone: string;
  readonly instance: string | null;
  readonly state: string | null;
  readonly url: string | null;
  readonly role: string | null;
  readonly term: number | null;
  readonly commitIndex: number | null;
  readonly lag: number | null;
  /** The bundle that the instance was last given. */
  readonly version: string | null;
  readonly uptimeSeconds: number | null;
  readonly usdSoFar: number | null;
}

function describe(node: NodeHealth, record: ClusterRecord, found: Found, now: number): Row {
  const instance = instanceOf(found, node.id);
  const launched = instance?.launchedAt ?? null;
  return {
    node: node.id,
    zone: record.nodes.find(({ id }) => id === node.id)?.zone ?? "",
    instance: instance?.id ?? null,
    state: instance?.state ?? null,
    url: node.url,
    role: node.status?.state ?? null,
    term: node.status?.term ?? null,
    commitIndex: node.status?.commitIndex ?? null,
    lag: node.lag,
    version: versionOf(instance?.bundle ?? null, record),
    uptimeSeconds: launched === null ? null : Math.max(0, Math.round((now - Date.parse(launched)) / 1000)),
    usdSoFar:
      instance === null || launched === null
        ? null
        : costSoFar(
            {
              instanceType: instance.instanceType,
              rootGb: ROOT_GB,
              dataGb: record.dataGb,
              hasPublicAddress: !record.isPrivate,
              since: launched,
            },
            now,
          ),
  };
}

function versionOf(sha256: string | null, { bundle, previousBundle }: ClusterRecord): string | null {
  if (sha256 === null) return null;
  const known = [bundle, previousBundle].find((one) => one?.sha256 === sha256);
  return known === undefined || known === null ? shortHash(sha256) : `${known.version} ${shortHash(sha256)}`;
}

function table(rows: readonly Row[]): string[] {
  const heading = "node,zone,instance,state,address,role,term,commit,lag,version,uptime,cost".split(",");
  return textTable([
    heading,
    ...rows.map((row) =>
      [
        row.node,
        row.zone,
        row.instance,
        row.state,
        row.url,
        row.role,
        row.term,
        row.commitIndex,
        row.lag,
        row.version,
        row.uptimeSeconds === null ? null : durationText(row.uptimeSeconds),
        row.usdSoFar === null ? null : dollars(row.usdSoFar),
      ].map((cell) => (cell === null ? "-" : String(cell))),
    ),
  ]);
}

/** `3d 4h`, `5h 12m`, `40m`, `12s`. */
function durationText(seconds: number): string {
  const units = [
    [Math.floor(seconds / 86_400), "d"],
    [Math.floor(seconds / 3_600) % 24, "h"],
    [Math.floor(seconds / 60) % 60, "m"],
    [seconds % 60, "s"],
  ] as const;
  const first = units.findIndex(([count]) => count > 0);
  if (first === -1) return "0s";
  return units
    .slice(first, first === 0 || first === 1 ? first + 2 : first + 1)
    .map(([count, unit]) => `${count}${unit}`)
    .join(" ");
}
