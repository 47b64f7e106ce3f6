import type { ChildProcess } from "node:child_process";
import { spawn } from "node:child_process";
import type { Readable } from "node:stream";
import type { LocalNode } from "./start-options.ts";
import { supervisedEnvironment } from "./supervision.ts";

export interface NodeChildHooks {
  readonly onLine: (line: string) => void;
  /** The process is gone. `how`: its exit code or signal, for people. */
  readonly onExit: (how: string) => void;
}

/** A node in a process of its own, tied to this one: it stops cleanly when it is let go of, or this process dies. */
export class NodeChild {
  readonly node: LocalNode;
  readonly #process: ChildProcess;
  #running = true;

  constructor(node: LocalNode, hooks: NodeChildHooks) {
    this.node = node;
    this.#process = spawn(process.execPath, [...process.execArgv, process.argv[1] ?? "", ...node.args], {
      stdio: ["ignore", "pipe", "pipe", "ipc"],
      env: supervisedEnvironment(),
    });
    const { stdout, stderr } = this.#process;
    const read = Promise.all([
      stdout && onLines(stdout, hooks.onLine),
      stderr && onLines(stderr, (line) => hooks.onLine(`[Node ${node.id}] ${line}`)),
    ]);
    const end = async (how: string) => {
      if (!this.#running) return;
      this.#running = false;
      // Its last lines may still be on their way. Not `close`, which does not come after a `disconnect` of ours.
      await read;
      hooks.onExit(how);
    };
    this.#process.on("exit", (code, signal) => void end(signal ?? `exit code ${code}`));
    this.#process.on("error", (error) => void end(error.message));
  }

  get running(): boolean {
    return this.#running;
  }

  /**
   * Asks for a clean stop. Not by a signal: on a terminal CTRL+C has already reached the child, and a second signal
   * means at once.
   */
  release(): void {
    if (this.#process.connected) this.#process.disconnect();
  }

  kill(): void {
    if (this.#running) this.#process.kill("SIGKILL");
  }
}

/** Calls `onLine` for every line of a stream, the unfinished last one included. Resolves when it has closed. */
function onLines(stream: Readable, onLine: (line: string) => void): Promise<void> {
  let rest = "";
  stream.setEncoding("utf8");
  stream.on("data", (chunk: string) => {
    const lines = (rest + chunk).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) onLine(line);
  });
  return new Promise((resolve) => {
    stream.on("close", () => {
      if (rest !== "") onLine(rest);
      resolve();
    });
  });
}
