import { Command, CommanderError } from "commander";
import { isUsageError } from "../../shared/config/usage-error.ts";
import { printable } from "../../shared/printable.ts";
import { errorLine } from "./error-line.ts";
import { joinPeerWords } from "./peer-words.ts";
import { packageVersion } from "./version.ts";

const WRONG_USAGE = 2;

/**
 * Runs one command line (without `node` and the file), which may ask for any of `commands`. Resolves with the exit code:
 * 0 stopped or done, 1 failed, 2 wrong usage.
 */
export async function runCommandLine(argv: readonly string[], commands: readonly Command[]): Promise<number> {
  const program = new Command("raft-lite")
    .description("A replicated log and key-value store on Raft")
    .usage(`${commands.map((command) => command.name()).join(" | ")} [options]`)
    .version(packageVersion())
    .helpCommand(true);
  let running = program;
  program.hook("preAction", (_, command) => {
    running = command;
  });
  for (const command of commands) program.addCommand(command);
  for (const command of withSubcommands(program)) {
    command
      .exitOverride()
      .configureOutput({ outputError: (text, write) => write(errorText(text)) })
      .showHelpAfterError(usage(command));
  }
  try {
    await program.parseAsync(joinPeerWords(argv), { from: "user" });
    return Number(process.exitCode ?? 0);
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : WRONG_USAGE;
    process.stderr.write(`${errorLine(error)}\n`);
    if (!isUsageError(error)) return 1;
    process.stderr.write(`${usage(running)}\n`);
    return WRONG_USAGE;
  }
}

/** commander's words under our name. They repeat what was typed. */
function errorText(text: string): string {
  return text
    .replace(/^error: /, "raft-lite: ")
    .split("\n")
    .map(printable)
    .join("\n");
}

function withSubcommands(command: Command): Command[] {
  return [command, ...command.commands.flatMap(withSubcommands)];
}

function usage(command: Command): string {
  const name = nameOf(command);
  return `Usage: ${name} ${command.usage()}\n(${name} --help explains it)`;
}

/** `raft-lite ec2 up` */
function nameOf(command: Command): string {
  return command.parent === null ? command.name() : `${nameOf(command.parent)} ${command.name()}`;
}
