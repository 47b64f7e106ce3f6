import { join } from "node:path";
import { wholeNumber } from "../../shared/config/numbers.ts";
import { usageError } from "../../shared/config/usage-error.ts";
import { readHost, readTrace } from "./node-options.ts";

/** The flags of `start` as typed. */
export interface StartFlags {
  readonly nodes: string;
  readonly port: string;
  readonly dataDir: string;
  readonly host: string;
  readonly labTiming?: boolean | undefined;
  readonly trace?: string | undefined;
  readonly verbose?: boolean | undefined;
}

/** One node of a local cluster and the arguments that run it, by `start` or by hand. */
export interface LocalNode {
  readonly id: string;
  readonly port: number;
  /** Base URL. */
  readonly url: string;
  readonly args: readonly string[];
}

export interface StartOptions {
  readonly dataDirectory: string;
  readonly host: string;
  readonly nodes: readonly LocalNode[];
}

/** More voters only make every write wait for more of them. */
const MOST_NODES = 9;

/** Checks the flags of `start` and lays out its nodes: A, B, C … on ports one above the other. */
export function readStartOptions(flags: StartFlags): StartOptions {
  const count = wholeNumber("--nodes", flags.nodes, 1, MOST_NODES);
  const first = wholeNumber("--port", flags.port, 1, 65535);
  if (first + count - 1 > 65535) throw usageError(`--port ${first}: ${count} nodes need ports up to 65535`);
  if (flags.dataDir === "") throw usageError("--data-dir is empty");
  const trace = flags.trace === undefined ? undefined : readTrace(flags.trace, flags.trace);
  const host = readHost(flags.host);
  const dialled = host === "0.0.0.0" ? "127.0.0.1" : host === "::" ? "::1" : host;
  const places = Array.from({ length: count }, (_, position) => {
    const port = first + position;
    const url = `http://${dialled.includes(":") ? `[${dialled}]` : dialled}:${port}`;
    return { id: String.fromCharCode(65 + position), port, url };
  });
  const nodes = places.map(({ id, port, url }) => {
    const peers = places.filter((place) => place.id !== id).map((place) => `${place.id}=${place.url}`);
    const args = ["node", "--id", id, "--port", String(port), "--host", host];
    if (peers.length > 0) args.push("--peers", peers.join(","));
    args.push("--data-dir", join(flags.dataDir, id));
    if (flags.labTiming) args.push("--lab-timing");
    if (trace !== undefined) args.push("--trace", trace === null ? "off" : join(trace, id));
    if (flags.verbose) args.push("--verbose");
    return { id, port, url, args };
  });
  return { dataDirectory: flags.dataDir, host, nodes };
}
