import { commandCommand } from "./cli/command-command.ts";
import { ec2Command } from "./cli/ec2/ec2-command.ts";
import { nodeCommand } from "./cli/node-command.ts";
import { runProgram } from "./cli/run-program.ts";
import { startCommand } from "./cli/start-command.ts";
import { statusCommand } from "./cli/status-command.ts";
import { verifyCommand } from "./cli/verify-command.ts";

await runProgram([
  startCommand(),
  nodeCommand(),
  statusCommand(),
  commandCommand(),
  verifyCommand(),
  ec2Command(),
]);
