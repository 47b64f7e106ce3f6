import { readFileSync, writeFileSync } from "node:fs";
import { Stage } from "./stage.ts";

/**
 * A script is a text that a reader can follow: a command on a line of its own, beneath it, indented, everything that
 * came of it. `quietly` before a command hides what came of it; `#` starts a comment. The commands are those of
 * stage.ts. UPDATE_SCRIPTS=1 writes what really happens into the files.
 */
export function runScript(path: string): { readonly expected: string; readonly actual: string } {
  const expected = readFileSync(path, "utf8");
  const stage = new Stage();
  const actual: string[] = [];
  for (const line of expected.trimEnd().split("\n")) {
    if (line.startsWith("  ")) continue;
    actual.push(line);
    const command = line.replace(/#.*/, "").trim();
    if (command === "") continue;
    const quiet = command.startsWith("quietly ");
    try {
      const came = stage.perform(command.replace(/^quietly /, ""));
      if (!quiet) actual.push(...came.map((what) => `  ${what}`));
    } catch (error) {
      // Among what came: the difference shows where the script ended, and why.
      actual.push(...stage.log.map((what) => `  ${what}`), `  ${String(error)}`);
      break;
    }
  }
  const text = `${actual.join("\n")}\n`;
  if (process.env.UPDATE_SCRIPTS && text !== expected) writeFileSync(path, text);
  return { expected, actual: text };
}
