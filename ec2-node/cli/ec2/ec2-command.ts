import { Command } from "commander";
import { wholeNumber } from "../../../shared/config/numbers.ts";
import { RaftLiteError } from "../../../shared/errors.ts";
import { DEFAULT_CLUSTER_NAME, readClusterName } from "../../aws/names.ts";
import type { CommonOptions } from "../../aws/session.ts";
import type { Tools } from "../../aws/tools.ts";
import { onStopSignals } from "../stop-signals.ts";
import type { UpFlags } from "./flags.ts";
import { readInstanceType, readWait, readWishes } from "./flags.ts";
import { loadCommands } from "./load-commands.ts";

const FAILED = 1;

type Commands = Awaited<ReturnType<typeof loadCommands>>;

interface CommonFlags {
  readonly name: string;
  readonly region?: string;
  readonly json?: boolean;
}

const DEFAULT_WAIT_SECONDS = "300";
const MOST_LINES = 10_000;

/** `raft-lite ec2 …`: a cluster on EC2. */
export function ec2Command(): Command {
  const ec2 = new Command("ec2")
    .description("a cluster on EC2: three instances in three zones (docs/ec2.md)")
    .usage("up | status | logs | command | update | replace | authorize | destroy | doctor [options]");
  const commands = [up, status, logs, command_, update, replace, authorize, destroy, doctor];
  for (const command of commands) ec2.addCommand(command());
  return ec2;
}

function common(command: Command): Command {
  return command
    .option("--name <name>", "name of the cluster", DEFAULT_CLUSTER_NAME)
    .option("--region <region>", "region of AWS (default: as AWS's own tools are set)")
    .option("--json", "print one JSON document; what goes on goes to stderr");
}

function up(): Command {
  return common(new Command("up"))
    .description("make the cluster, or what is missing of it, and wait until it can be used")
    .usage(
      "[--name raft-lite] [--nodes 3|5] [--region R] [--instance-type t3.small] [--client-cidr auto|CIDR] [--data-gb 10] " +
        "[--subnets IDS] [--private] [--wait 300] [--dry-run] [--yes] [--json]",
    )
    .option("--nodes <count>", "3 or 5 nodes (default: 3)")
    .option("--instance-type <type>", "instance type of the nodes (default: t3.small)")
    .option("--client-cidr <cidr>", "who may reach the clients' port: auto is this machine (default: auto)")
    .option("--data-gb <gb>", "size of each node's data volume (default: 10)")
    .option("--subnets <ids>", "subnets in three zones at least (default: those of the default VPC)")
    .option("--private", "no public addresses")
    .option(
      "--wait <seconds>",
      "how long to wait for a leader and for all nodes; 0: not at all",
      DEFAULT_WAIT_SECONDS,
    )
    .option("--dry-run", "show the plan and what it costs, and change nothing")
    .option("--yes", "do not ask")
    .action(
      async (
        flags: CommonFlags & UpFlags & { clientCidr?: string; wait: string; dryRun?: boolean; yes?: boolean },
      ) => {
        const options = {
          ...readCommon(flags),
          wishes: readWishes(flags),
          clientCidr: flags.clientCidr,
          waitSeconds: readWait(flags.wait),
          dryRun: flags.dryRun ?? false,
          yes: flags.yes ?? false,
        };
        await run((commands, tools) => commands.up(options, tools));
      },
    );
}

function status(): Command {
  return common(new Command("status"))
    .description("show instances and nodes; exit code 1 without a quorum")
    .action(async (flags: CommonFlags) => {
      const options = readCommon(flags);
      await run((commands, tools) => commands.status(options, tools));
    });
}

function logs(): Command {
  return common(new Command("logs"))
    .description("print what the nodes say, through Systems Manager")
    .usage("[-f] [--node A] [--lines 200] [--name raft-lite] [--region R]")
    .option("-f, --follow", "go on until CTRL+C")
    .option("--node <id>", "of one node (default: all)")
    .option("--lines <count>", "of each node, to begin with", "200")
    .action(async (flags: CommonFlags & { follow?: boolean; node?: string; lines: string }) => {
      const options = {
        ...readCommon(flags),
        follow: flags.follow ?? false,
        node: flags.node,
        lines: wholeNumber("--lines", flags.lines, 1, MOST_LINES),
      };
      await run((commands, tools) => commands.logs(options, tools), ended);
    });
}

function command_(): Command {
  return common(new Command("command"))
    .description('run one command: "SET x=5", "GET x", "DEL x" or "CAS x 5 6"')
    .argument("<command...>", "the command; best in quotes")
    .action(async (words: string[], flags: CommonFlags) => {
      const options = { ...readCommon(flags), words };
      await run((commands, tools) => commands.command(options, tools));
    });
}

function update(): Command {
  return common(new Command("update"))
    .description("bring this version to the nodes, one after the other, the leader last")
    .usage("[--rollback] [--wait 300] [--yes] [--name raft-lite] [--region R] [--json]")
    .option("--rollback", "go back to the version before the last update")
    .option("--wait <seconds>", "how long to wait for each node; 0: not at all", DEFAULT_WAIT_SECONDS)
    .option("--yes", "do not ask")
    .action(async (flags: CommonFlags & { rollback?: boolean; wait: string; yes?: boolean }) => {
      const options = {
        ...readCommon(flags),
        rollback: flags.rollback ?? false,
        waitSeconds: readWait(flags.wait),
        yes: flags.yes ?? false,
      };
      await run((commands, tools) => commands.update(options, tools));
    });
}

function replace(): Command {
  return common(new Command("replace"))
    .description("give a node a new instance; it keeps its addresses and its data")
    .usage(
      "NODE [--instance-type TYPE] [--wait 300] [--force] [--yes] [--name raft-lite] [--region R] [--json]",
    )
    .argument("<node>", "id of the node, such as A")
    .option("--instance-type <type>", "the cluster's instance type from now on")
    .option(
      "--wait <seconds>",
      "how long to wait for the node; 0: not at all (default: 300, and 0 where no node answers before)",
    )
    .option("--force", "also where the others have no majority without it")
    .option("--yes", "do not ask")
    .action(
      async (
        node: string,
        flags: CommonFlags & { instanceType?: string; wait?: string; force?: boolean; yes?: boolean },
      ) => {
        const options = {
          ...readCommon(flags),
          node,
          instanceType: flags.instanceType === undefined ? undefined : readInstanceType(flags.instanceType),
          waitSeconds: flags.wait === undefined ? null : readWait(flags.wait),
          force: flags.force ?? false,
          yes: flags.yes ?? false,
        };
        await run((commands, tools) => commands.replace(options, tools));
      },
    );
}

function authorize(): Command {
  return common(new Command("authorize"))
    .description("say who may reach the clients' port from now on")
    .usage("[--client-cidr auto|CIDR] [--add] [--name raft-lite] [--region R] [--json]")
    .option("--client-cidr <cidr>", "auto is this machine", "auto")
    .option("--add", "beside those who may now")
    .action(async (flags: CommonFlags & { clientCidr: string; add?: boolean }) => {
      const options = { ...readCommon(flags), clientCidr: flags.clientCidr, add: flags.add ?? false };
      await run((commands, tools) => commands.authorize(options, tools));
    });
}

function destroy(): Command {
  return common(new Command("destroy"))
    .description("take the cluster away; its data volumes stay unless told otherwise")
    .usage("[--delete-data] [--yes] [--name raft-lite] [--region R] [--json]")
    .option("--delete-data", "the data volumes, too")
    .option("--yes", "do not ask")
    .action(async (flags: CommonFlags & { deleteData?: boolean; yes?: boolean }) => {
      const options = {
        ...readCommon(flags),
        deleteData: flags.deleteData ?? false,
        yes: flags.yes ?? false,
      };
      await run((commands, tools) => commands.destroy(options, tools));
    });
}

function doctor(): Command {
  return common(new Command("doctor"))
    .description("check credentials, region, quotas and permissions, and print the policy that is needed")
    .usage(
      "[--policy] [--nodes 3|5] [--instance-type t3.small] [--subnets IDS] [--private] [--name raft-lite] [--region R] [--json]",
    )
    .option("--policy", "print the IAM policy alone")
    .option("--nodes <count>", "for 3 or 5 nodes (default: 3, or as many as the cluster has)")
    .option("--instance-type <type>", "of this type (default: t3.small, or the cluster's)")
    .option("--subnets <ids>", "in these subnets (default: those of the default VPC, or the cluster's)")
    .option("--private", "without public addresses")
    .action(async (flags: CommonFlags & Omit<UpFlags, "dataGb"> & { policy?: boolean }) => {
      const options = {
        ...readCommon(flags),
        wishes: readWishes(flags),
        policy: flags.policy ?? false,
      };
      await run((commands, tools) => commands.doctor(options, tools));
    });
}

function readCommon(flags: CommonFlags): CommonOptions {
  return { cluster: readClusterName(flags.name), region: flags.region, json: flags.json ?? false };
}

/** Flags have been read by now: what is typed wrongly is said before the SDK is loaded. */
async function run(
  command: (commands: Commands, tools: Tools) => Promise<number>,
  atStop: (signal: AbortSignal) => Promise<number> = interrupted,
): Promise<void> {
  const commands = await loadCommands();
  const stop = new AbortController();
  onStopSignals(
    () => stop.abort(),
    () => process.exit(FAILED),
  );
  const tools = commands.realTools(stop.signal);
  process.exitCode = await Promise.race([command(commands, tools), atStop(stop.signal)]);
}

/** Steps are made to be gone on with, whatever interrupts them, so nothing needs to be waited for. */
async function interrupted(signal: AbortSignal): Promise<never> {
  await aborted(signal);
  throw new RaftLiteError(
    "interrupted",
    "stopped; what was done is kept, and the same line goes on from there",
  );
}

/** What goes on until it is stopped has done what it was asked for. */
async function ended(signal: AbortSignal): Promise<number> {
  await aborted(signal);
  return 0;
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => signal.addEventListener("abort", () => resolve()));
}
