import { Command } from "commander";
import { printable } from "../../shared/printable.ts";
import { DEFAULT_PORT, LOCAL_HOST } from "../defaults.ts";
import { clusterTable, judgeCluster } from "./cluster-view.ts";
import { readUrl } from "./node-options.ts";
import type { NodeReport } from "./node-report.ts";
import { reportOf } from "./node-report.ts";
import { readSecretFile } from "./secrets.ts";

const TIMEOUT_MS = 2000;

interface StatusFlags {
  readonly tokenFile?: string;
  readonly json?: boolean;
}

/** `raft-lite status`: who leads, who follows, who is away. Exit code 1 without a quorum. */
export function statusCommand(): Command {
  return new Command("status")
    .description("show the nodes of a cluster; exit code 1 when no majority follows a leader")
    .argument("[url...]", `nodes to ask (default: ${LOCAL_HOST}:${DEFAULT_PORT} and the peers it names)`)
    .option("--token-file <file>", "the token that the clients' routes ask for")
    .option("--json", "print JSON")
    .action(async (words: string[], flags: StatusFlags) => {
      const token = flags.tokenFile === undefined ? null : readSecretFile("--token-file", flags.tokenFile);
      const urls = new Set(words.flatMap((word) => word.split(/[\s,]+/)).filter((word) => word !== ""));
      const ask = (url: string) => reportOf(url, token, TIMEOUT_MS);
      const reports =
        urls.size > 0
          ? await Promise.all([...urls].map((text) => ask(readUrl("status", text))))
          : await discover(ask);
      const view = judgeCluster(reports);
      const lines = flags.json
        ? [JSON.stringify({ quorum: view.quorum, leader: view.leader?.node ?? null, nodes: reports })]
        : [...clusterTable(reports), view.summary];
      process.stdout.write(`${lines.map(printable).join("\n")}\n`);
      if (!view.quorum) process.exitCode = 1;
    });
}

/**
 * The first node of `start` and the peers it names. When that one is away, the next two may know as much: otherwise
 * `status` would be blind in just the case it is wanted for.
 */
async function discover(ask: (url: string) => Promise<NodeReport>): Promise<NodeReport[]> {
  const local = (port: number) => `http://${LOCAL_HOST}:${port}`;
  const first = await ask(local(DEFAULT_PORT));
  let known = first;
  for (let port = DEFAULT_PORT + 1; known.status === null && port <= DEFAULT_PORT + 2; port++) {
    known = await ask(local(port));
  }
  if (known.status === null) return [first];
  const found = known === first ? [first] : [first, known];
  const asked = new Set(found.map(({ url }) => url));
  const others = known.status.peers.filter(({ address }) => !asked.has(address));
  return [...found, ...(await Promise.all(others.map(({ address }) => ask(address))))];
}
