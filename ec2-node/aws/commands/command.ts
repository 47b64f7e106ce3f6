import { RaftLiteError } from "../../../shared/errors.ts";
import { askCluster } from "../health.ts";
import type { CommonOptions } from "../session.ts";
import { Session } from "../session.ts";
import type { Tools } from "../tools.ts";

export interface CommandOptions extends CommonOptions {
  readonly words: readonly string[];
}

/** `raft-lite ec2 command "SET x=5"`: one command to the cluster, by the leader or any node that answers. */
export function command(options: CommandOptions, tools: Tools): Promise<number> {
  // The document is the node's own answer.
  return Session.run({ ...options, json: false, quiet: true }, tools, async (session) => {
    const { found, record } = await session.existing();
    const { nodes, view } = await session.progress.task("ask the nodes", () =>
      askCluster(session.account, record, found, tools),
    );
    const answering = nodes.filter(({ status }) => status !== null);
    const chosen = answering.find(({ id }) => id === view.leader?.node) ?? answering[0];
    if (chosen?.url == null) {
      throw new RaftLiteError(
        "unreachable",
        `no node answers here (${nodes.map(({ id, reason }) => `${id}: ${reason}`).join(", ")}): ` +
          `if your own address has changed, \`${session.commandLine("authorize")}\` lets it in`,
      );
    }
    await tools.sendCommand(chosen.url, options.words.join(" "), { token: null, json: options.json });
    return 0;
  });
}
