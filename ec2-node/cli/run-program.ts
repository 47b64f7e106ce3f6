import type { Command } from "commander";
import { compileSooner } from "../compile-sooner.ts";
import { tuneGarbageCollection } from "../garbage-collection.ts";
import { runCommandLine } from "./program.ts";

/** Pipes are written to asynchronously: what was said last must get out before the end, but not at any price. */
const FLUSH_WITHIN_MS = 500;

/** This process's whole life: its own command line, and its end with the exit code of that. */
export async function runProgram(commands: readonly Command[]): Promise<never> {
  tuneGarbageCollection();
  compileSooner();
  const code = await runCommandLine(process.argv.slice(2), commands);
  await Promise.race([
    Promise.all([drained(process.stdout), drained(process.stderr)]),
    new Promise((resolve) => setTimeout(resolve, FLUSH_WITHIN_MS)),
  ]);
  // Whatever still holds the event loop, a connection or a timer, has nothing more to do.
  process.exit(code);
}

function drained(stream: NodeJS.WriteStream): Promise<void> {
  if (stream.destroyed || stream.writableLength === 0) return Promise.resolve();
  return new Promise((resolve) => {
    stream.once("error", () => resolve());
    stream.write("", () => resolve());
  });
}
