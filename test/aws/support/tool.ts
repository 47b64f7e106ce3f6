import { spawnSync } from "node:child_process";
import { writeSync } from "node:fs";

export interface ToolRun {
  readonly status: number | null;
  /** Both of what it printed. */
  readonly output: string;
}

/** Whether a program of the machine is there; otherwise tells that what needs it is skipped. */
export function has(tool: string): boolean {
  const found = spawnSync("sh", ["-c", `command -v ${tool}`]).status === 0;
  // vitest keeps what is printed by tests that passed to itself.
  if (!found) writeSync(2, `skipped: no ${tool}\n`);
  return found;
}

export function runTool(tool: string, args: readonly string[]): ToolRun {
  const { status, stdout, stderr } = spawnSync(tool, args, { encoding: "utf8" });
  return { status, output: `${stdout}${stderr}` };
}
