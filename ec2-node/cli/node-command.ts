import { Command } from "commander";
import { DEFAULT_HOST, DEFAULT_PORT } from "../defaults.ts";
import type { NodeFlags } from "./node-options.ts";
import { readNodeOptions } from "./node-options.ts";

/** `raft-lite node`: one node in this process. */
export function nodeCommand(): Command {
  return new Command("node")
    .description("run one node of a cluster")
    .usage(
      "--id ID [--port 8000] [--client-port PORT] [--peers LIST] [--host 0.0.0.0] [--data-dir DIR] [--advertise URL] [--heartbeat MS] " +
        "[--election-timeout MIN-MAX] [--lab-timing] [--quiesce-after MS] [--election-priority normal|low] [--secret-file FILE] [--token-file FILE] [--trace DIR|off] [--verbose] [--log text|json]",
    )
    .requiredOption("--id <id>", "name of the node: A-Z a-z 0-9 _ -, at most 32")
    .option("--port <port>", "port to listen on", String(DEFAULT_PORT))
    .option("--client-port <port>", "a second port for clients, where the nodes' routes are closed")
    .option(
      "--peers <list>",
      "the other nodes: http://host:port,... or host:port,... or ID=host:port,...",
      append,
    )
    .option("--host <host>", "address to listen on", DEFAULT_HOST)
    .option("--data-dir <dir>", "where the node keeps its state (default: .raft-lite/<id>)")
    .option(
      "--advertise <url>",
      "URL under which clients reach this node, if not the one in the peers' lists",
    )
    .option("--heartbeat <ms>", "pause between the leader's heartbeats (default: 100)")
    .option("--election-timeout <min-max>", "silence in ms before an election (default: 500-1000)")
    .option("--lab-timing", "the handout's timing: heartbeat 50, election timeout 150-300")
    .option(
      "--quiesce-after <ms>",
      "let a cluster led here fall silent after so long without work (default: off)",
    )
    .option("--election-priority <priority>", "low: lead only where no other can (default: normal)")
    .option("--secret-file <file>", "the cluster's secret, asked for on the nodes' routes (or RAFT_SECRET)")
    .option("--token-file <file>", "a token, asked for on the clients' routes")
    .option(
      "--trace <dir>",
      "where the node records what it does, for verify; off: nowhere (default: trace in the data directory)",
    )
    .option("--verbose", "log every event and every entry")
    .option("--log <format>", "format of the log: text or json", "text")
    .action(async (flags: NodeFlags) => {
      const options = readNodeOptions(flags, process.env);
      // Loaded now, so that the other commands start without it.
      const { runNodeProcess } = await import("./node-process.ts");
      process.exitCode = await runNodeProcess(options);
    });
}

function append(value: string, previous: readonly string[] = []): string[] {
  return [...previous, value];
}
