import { Command } from "commander";
import { DEFAULT_DATA_DIRECTORY, DEFAULT_NODES, DEFAULT_PORT, LOCAL_HOST } from "../defaults.ts";
import type { StartFlags } from "./start-options.ts";
import { readStartOptions } from "./start-options.ts";
import { runStartProcess } from "./start-process.ts";

/** `raft-lite start`: a cluster on this machine, each node in a process of its own. */
export function startCommand(): Command {
  return new Command("start")
    .description("run a cluster on this machine; CTRL+C stops all of it")
    .usage(
      "[--nodes 3] [--port 8000] [--data-dir .raft-lite] [--host 127.0.0.1] [--lab-timing] [--trace DIR|off] [--verbose]",
    )
    .option("--nodes <count>", "how many nodes, 1 to 9", String(DEFAULT_NODES))
    .option("--port <port>", "port of the first node; the others follow", String(DEFAULT_PORT))
    .option("--data-dir <dir>", "where the nodes keep their state", DEFAULT_DATA_DIRECTORY)
    .option("--host <host>", "address to listen on", LOCAL_HOST)
    .option("--lab-timing", "the handout's timing: heartbeat 50, election timeout 150-300")
    .option(
      "--trace <dir>",
      "where the nodes record what they do, for verify; off: nowhere (default: with their state)",
    )
    .option("--verbose", "log every event and every entry")
    .action(async (flags: StartFlags) => {
      process.exitCode = await runStartProcess(readStartOptions(flags));
    });
}
