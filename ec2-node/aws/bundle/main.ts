import { commandCommand } from "../../cli/command-command.ts";
import { nodeCommand } from "../../cli/node-command.ts";
import { runProgram } from "../../cli/run-program.ts";
import { statusCommand } from "../../cli/status-command.ts";
import { verifyCommand } from "../../cli/verify-command.ts";

/** The command line as instances have it: a node of theirs, and what helps to look at it. */
await runProgram([nodeCommand(), statusCommand(), commandCommand(), verifyCommand()]);
