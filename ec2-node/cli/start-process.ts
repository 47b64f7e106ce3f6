import { OUTPUT_BUFFER_BYTES } from "../defaults.ts";
import { LineOutput } from "../line-output.ts";
import { claimClusterDirectory } from "./cluster-directory.ts";
import { awaitFreePorts } from "./free-ports.ts";
import { NodeChild } from "./node-child.ts";
import { commandLine, quoted } from "./shell-text.ts";
import type { LocalNode, StartOptions } from "./start-options.ts";
import { startScreen } from "./start-screen.ts";
import { onStopSignals } from "./stop-signals.ts";

/** A node stops within two seconds; one that does not is killed, which loses nothing. */
const STOP_WITHIN_MS = 2500;

/** Runs a cluster on this machine until it is stopped. Resolves with the exit code; throws what kept it from starting. */
export async function runStartProcess(options: StartOptions): Promise<number> {
  const { nodes } = options;
  await awaitFreePorts(
    options.host,
    nodes.map(({ port }) => port),
  );
  claimClusterDirectory(options.dataDirectory, nodes.length);

  const output = new LineOutput(process.stdout, OUTPUT_BUFFER_BYTES, (lines) => `${lines} lines dropped`);
  for (const line of introduction(options)) output.write(line);
  const screen = startScreen(process.stdout, output, nodes);
  const { promise: ended, resolve: end } = Promise.withResolvers<number>();
  let stopping = false;

  const children = nodes.map(
    (node) =>
      new NodeChild(node, {
        onLine: (line) => screen.line(line),
        onExit: (how) => {
          if (!stopping) screen.note(farewell(node, how));
          if (children.some((child) => child.running)) return;
          if (!stopping) screen.note(["No node is left."]);
          end(stopping ? 0 : 1);
        },
      }),
  );
  const kill = () => {
    for (const child of children) child.kill();
  };
  onStopSignals(() => {
    stopping = true;
    if (!children.some((child) => child.running)) end(0);
    for (const child of children) child.release();
    setTimeout(kill, STOP_WITHIN_MS);
  }, kill);

  const code = await ended;
  screen.close();
  await output.flush(100);
  return code;
}

function introduction({ nodes, dataDirectory }: StartOptions): string[] {
  const first = nodes[0]!;
  const second = nodes[1] ?? first;
  return [
    `${nodes.length === 1 ? "A single node" : `${nodes.length} nodes`} on this machine, state under ${dataDirectory}. CTRL+C stops all.`,
    ...nodes.map(({ id, url }) => `  ${id}  ${url}`),
    `Try:     curl -X POST ${first.url}/command -d '{"cmd":"SET x=5"}'`,
    `         curl ${second.url}/status`,
    `Afresh:  CTRL+C, then rm -r ${quoted(dataDirectory)}`,
    "",
  ];
}

function farewell({ id, args }: LocalNode, how: string): string[] {
  return [`[Node ${id}] Ended unexpectedly (${how}). Start it again with:`, `  ${commandLine(args)}`];
}
