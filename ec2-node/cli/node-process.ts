import { LogLines } from "../../shared/node/log-lines.ts";
import { KeyValueStore } from "../../shared/store/key-value-store.ts";
import { systemClock } from "../clock.ts";
import { OUTPUT_BUFFER_BYTES, STOP_WITHIN_MS } from "../defaults.ts";
import { LineOutput } from "../line-output.ts";
import { runNode } from "../run-node.ts";
import { errorLine } from "./error-line.ts";
import type { NodeOptions } from "./node-options.ts";
import { onStopSignals } from "./stop-signals.ts";
import { onSupervisorGone } from "./supervision.ts";

/** How often a summary of entries that were too many to show may come due. */
const POLL_MS = 250;
const FLUSH_WITHIN_MS = 100;

/** The nodes' routes carry commands too (docs/threat-model.md). */
const TOKEN_ALONE =
  "warning: a token alone keeps nobody out: whoever reaches this port can still speak as a node; " +
  "give all nodes the same --secret-file";

/** Runs one node until it is stopped or fails. Resolves with the exit code; throws when it could not start. */
export async function runNodeProcess(options: NodeOptions): Promise<number> {
  const output = new LineOutput(process.stdout, OUTPUT_BUFFER_BYTES, (lines) =>
    options.logFormat === "json"
      ? JSON.stringify({ event: "lines-dropped", lines })
      : `[Node ${options.id}] ${lines} lines dropped: they are not read fast enough`,
  );
  const log = new LogLines({
    id: options.id,
    format: options.logFormat,
    verbose: options.verbose,
    wallTime: systemClock.wallTime,
    write: (line) => output.write(line),
  });
  const { promise: ended, resolve: end } = Promise.withResolvers<number>();

  const complain = (error: unknown) => {
    process.stderr.write(`${errorLine(error)}\n`);
    if (options.verbose && error instanceof Error) process.stderr.write(`${error.stack}\n`);
  };
  const fail = (error: unknown) => {
    complain(error);
    end(1);
  };
  // A fault of ours that nobody caught: what is in memory is not to be trusted, what is on disk is.
  process.on("uncaughtException", fail);
  // Nothing to do about a closed stderr, and no reason to end.
  process.stderr.on("error", () => {});

  if (options.token !== null && options.secret === null) process.stderr.write(`${TOKEN_ALONE}\n`);

  let stopping = false;
  // What happens before the node has started must not be lost: it is stopped as soon as it has.
  const starting = runNode(options, {
    stateMachine: new KeyValueStore(),
    onEvent: (event) => log.report(event),
    countEntries: log.count.bind(log),
    onFatal: fail,
    onRequestError: complain,
  });
  const stop = () => {
    if (stopping) return;
    stopping = true;
    setTimeout(() => end(0), STOP_WITHIN_MS);
    // That it could not start is said where it was started.
    starting.then(
      (node) => node.stop().then(() => end(0), fail),
      () => {},
    );
  };
  onStopSignals(stop, () => end(0));
  onSupervisorGone(stop);

  await Promise.race([starting, ended]);
  const poll = setInterval(() => log.poll(systemClock.now()), POLL_MS);
  const code = await ended;
  clearInterval(poll);
  await output.flush(FLUSH_WITHIN_MS);
  return code;
}
