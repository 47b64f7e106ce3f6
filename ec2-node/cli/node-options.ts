import { networkInterfaces } from "node:os";
import { join } from "node:path";
import { baseUrl } from "../../shared/config/base-url.ts";
import { wholeNumber } from "../../shared/config/numbers.ts";
import { readElectionPriority, readQuiesceAfter } from "../../shared/config/participation.ts";
import type { TimingFlags } from "../../shared/config/timings.ts";
import { readTimings } from "../../shared/config/timings.ts";
import { usageError } from "../../shared/config/usage-error.ts";
import { nodeIdProblem } from "../../shared/ids.ts";
import { DEFAULT_DATA_DIRECTORY, TRACE_DIRECTORY } from "../defaults.ts";
import type { NodeSettings } from "../run-node.ts";
import { parsePeers } from "./peers.ts";
import { readSecret, readSecretFile } from "./secrets.ts";
import { withoutSelf } from "./self.ts";

/** The flags of `node` as typed. */
export interface NodeFlags extends TimingFlags {
  readonly id: string;
  readonly port: string;
  readonly clientPort?: string | undefined;
  readonly host: string;
  readonly peers?: readonly string[] | undefined;
  readonly dataDir?: string | undefined;
  readonly trace?: string | undefined;
  readonly advertise?: string | undefined;
  readonly quiesceAfter?: string | undefined;
  readonly electionPriority?: string | undefined;
  readonly secretFile?: string | undefined;
  readonly tokenFile?: string | undefined;
  readonly verbose?: boolean | undefined;
  readonly log: string;
}

/** Everything a node process is told from outside, checked. */
export interface NodeOptions extends NodeSettings {
  /** Every line, however fast they come. */
  readonly verbose: boolean;
  readonly logFormat: "text" | "json";
}

/** Checks the flags of `node`. Throws usage errors, and errors of the secret files, each of one line. */
export function readNodeOptions(flags: NodeFlags, env: { readonly RAFT_SECRET?: string }): NodeOptions {
  const problem = nodeIdProblem(flags.id);
  if (problem !== null) throw usageError(`--id: "${flags.id}" ${problem}`);
  const port = wholeNumber("--port", flags.port, 0, 65535);
  const clientPort =
    flags.clientPort === undefined ? null : wholeNumber("--client-port", flags.clientPort, 0, 65535);
  checkPorts(port, clientPort, "--port", "--client-port");
  const host = readHost(flags.host);
  const advertise = flags.advertise === undefined ? null : readUrl("--advertise", flags.advertise);
  if (flags.log !== "text" && flags.log !== "json") {
    throw usageError(`--log: "${flags.log}" is neither text nor json`);
  }
  if (flags.dataDir === "") throw usageError("--data-dir is empty");
  const dataDirectory = flags.dataDir ?? join(DEFAULT_DATA_DIRECTORY, flags.id);
  const self = { id: flags.id, host, port, advertise, interfaces: ownAddresses() };
  return {
    id: flags.id,
    port,
    clientPort,
    host,
    peers: flags.peers === undefined ? [] : withoutSelf(parsePeers(flags.peers), self),
    dataDirectory,
    traceDirectory: readTrace(flags.trace, join(dataDirectory, TRACE_DIRECTORY)),
    advertise,
    timings: readTimings(flags),
    quiesceAfterMs: readQuiesceAfter("--quiesce-after", flags.quiesceAfter ?? "off"),
    electionPriority: readElectionPriority("--election-priority", flags.electionPriority ?? "normal"),
    secret: readSecret(flags.secretFile, env.RAFT_SECRET),
    token: flags.tokenFile === undefined ? null : readSecretFile("--token-file", flags.tokenFile),
    verbose: flags.verbose ?? false,
    logFormat: flags.log,
  };
}

/** Where to record, `own` unless told otherwise; null for the word `off`. (A directory of that name is `./off`.) */
export function readTrace(text: string | undefined, own: string): string | null {
  if (text === "") throw usageError("--trace is empty: give a directory, or off");
  return text === "off" ? null : (text ?? own);
}

/** Throws a usage error where both are one port. 0 is any free one, and never the same. */
export function checkPorts(port: number, clientPort: number | null, name: string, clientName: string): void {
  if (port === 0 || port !== clientPort) return;
  throw usageError(`${clientName}: ${port} is ${name} too: clients and nodes need a port each`);
}

/** Reads the base URL given to `flag`. Throws a usage error. */
export function readUrl(flag: string, text: string): string {
  const parsed = baseUrl(text, { portRequired: true });
  if ("url" in parsed) return parsed.url;
  throw usageError(`${flag}: "${text}" is not a base URL such as http://10.0.0.1:8000: ${parsed.problem}`);
}

/** An address or name to bind to; brackets around an IPv6 address are a habit from URLs. */
export function readHost(text: string, name = "--host"): string {
  const host = text.replace(/^\[(.*)\]$/, "$1");
  if (/^[\p{L}\p{N}:._%-]+$/u.test(host) && !/^[^:]*:[^:]*$/.test(host)) return host;
  throw usageError(`${name}: "${text}" is not an address or name to listen on, such as 0.0.0.0`);
}

/** The addresses of this machine. */
export function ownAddresses(): string[] {
  return Object.values(networkInterfaces()).flatMap((list) => (list ?? []).map((entry) => entry.address));
}
