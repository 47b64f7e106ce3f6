import type { WriteStream } from "node:tty";
import { printable } from "../../shared/printable.ts";
import type { LineOutput } from "../line-output.ts";
import { clusterTable } from "./cluster-view.ts";
import { LiveView } from "./live-view.ts";
import { reportOf } from "./node-report.ts";
import type { LocalNode } from "./start-options.ts";

/** Where `start` shows what its nodes say. */
export interface StartScreen {
  line(line: string): void;
  /** Lines of our own that must not be cut or scroll away with the log. */
  note(lines: readonly string[]): void;
  /** Shows the last state of things and lets go of the terminal. */
  close(): void;
}

const ASK_EVERY_MS = 500;
const ASK_TIMEOUT_MS = 400;
const DRAW_EVERY_MS = 100;

/** A live table on a terminal; plain lines, as they come, everywhere else. */
export function startScreen(
  stdout: NodeJS.WriteStream,
  output: LineOutput,
  nodes: readonly LocalNode[],
): StartScreen {
  if (stdout.isTTY && process.env.TERM !== "dumb") return liveScreen(stdout as WriteStream, nodes);
  const line = (text: string) => output.write(printable(text));
  return { line, note: (lines) => lines.forEach(line), close: () => {} };
}

function liveScreen(terminal: WriteStream, nodes: readonly LocalNode[]): StartScreen {
  const view = new LiveView(terminal);
  let dirty = true;
  let asking = false;

  const ask = async () => {
    // A node that is slow to answer must not make the questions pile up.
    if (asking) return;
    asking = true;
    const reports = await Promise.all(nodes.map(({ url }) => reportOf(url, null, ASK_TIMEOUT_MS)));
    asking = false;
    view.setTable(clusterTable(reports));
    dirty = true;
  };
  const draw = () => {
    // Nobody reads, as after CTRL+S: the next frame says it all.
    if (!dirty || terminal.writableLength > 0) return;
    dirty = false;
    view.draw();
  };
  const timers = [setInterval(() => void ask(), ASK_EVERY_MS), setInterval(draw, DRAW_EVERY_MS)];
  return {
    line(line) {
      view.addLine(printable(line));
      dirty = true;
    },
    note: (lines) => view.note(lines.map(printable)),
    close() {
      for (const timer of timers) clearInterval(timer);
      view.draw();
    },
  };
}
