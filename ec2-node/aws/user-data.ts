import { readFileSync } from "node:fs";
import { RaftLiteError } from "../../shared/errors.ts";
import type { NodeId } from "./names.ts";
import { CLIENT_PORT, PEER_PORT } from "./names.ts";

/**
 * Of user data before it is encoded; EC2 takes no more.
 * @internal for tests
 */
export const USER_DATA_LIMIT_BYTES = 16_384;

/** A bundle where instances find it. */
export interface BundleSource {
  readonly bucket: string;
  readonly key: string;
  /** 64 hexadecimal digits. */
  readonly sha256: string;
}

/** What an instance is told of the node that it is. Everything here may be read by whoever may describe the instance. */
export interface NodeLaunch {
  readonly cluster: string;
  readonly region: string;
  readonly id: NodeId;
  readonly privateAddress: string;
  /** null: clients come by the private one. */
  readonly publicAddress: string | null;
  /** The others, by their private addresses. */
  readonly peers: readonly { readonly id: NodeId; readonly address: string }[];
  readonly volumeId: string;
  readonly bundle: BundleSource;
  /** Name of the SSM parameter that holds the cluster's secret. */
  readonly secretParameter: string;
}

/**
 * The `#cloud-config` of a node's instance. It says who the node is, and brings the script that mounts the data volume and
 * installs the bundle (bundle/boot). It holds no secret. Throws `bad-user-data` for a value that a shell or systemd would
 * not read as it stands, and `user-data-too-large`.
 */
export function userData(launch: NodeLaunch): string {
  const { bundle, region } = launch;
  const boot = ["/opt/raft-lite/boot", ...installArguments(bundle, region)];
  const text = [
    "#cloud-config",
    "write_files:",
    ...file("/etc/raft-lite/node.env", "0644", environmentFile(launch)),
    ...file("/opt/raft-lite/boot", "0755", script("boot")),
    ...file("/opt/raft-lite/fetch", "0755", script("fetch")),
    "runcmd:",
    `- ${JSON.stringify(boot)}`,
    "",
  ].join("\n");
  const size = Buffer.byteLength(text);
  if (size <= USER_DATA_LIMIT_BYTES) return text;
  throw new RaftLiteError(
    "user-data-too-large",
    `the user data of node ${launch.id} has ${size} bytes and EC2 takes ${USER_DATA_LIMIT_BYTES}: shorten the names in it`,
  );
}

/** The shell line that makes an instance run `bundle`, as root. Throws `bad-user-data`. */
export function installLine(bundle: BundleSource, region: string): string {
  return ["/opt/raft-lite/fetch", ...installArguments(bundle, region)].join(" ");
}

function installArguments({ bucket, key, sha256 }: BundleSource, region: string): string[] {
  return [plain("bucket", bucket), plain("key", key), plain("sha256", sha256), plain("region", region)];
}

/** For systemd and for shells, which both take it line by line. */
function environmentFile(launch: NodeLaunch): string {
  const address = launch.publicAddress ?? launch.privateAddress;
  const peers = launch.peers.map((peer) => `${peer.id}=http://${peer.address}:${PEER_PORT}`);
  const variables: readonly (readonly [name: string, value: string])[] = [
    ["RAFT_CLUSTER", launch.cluster],
    ["RAFT_ID", launch.id],
    ["RAFT_PORT", String(PEER_PORT)],
    ["RAFT_CLIENT_PORT", String(CLIENT_PORT)],
    ["RAFT_PEERS", peers.join(",")],
    ["RAFT_ADVERTISE", `http://${address}:${CLIENT_PORT}`],
    ["RAFT_VOLUME", launch.volumeId],
    ["RAFT_SECRET_PARAMETER", launch.secretParameter],
    ["AWS_REGION", launch.region],
  ];
  return variables.map(([name, value]) => `${name}=${plain(name, value)}\n`).join("");
}

/** What nobody needs to quote: the same to YAML, shells and systemd. */
function plain(name: string, value: string): string {
  if (/^[A-Za-z0-9_.:/=,@%+-]+$/.test(value)) return value;
  throw new RaftLiteError(
    "bad-user-data",
    `${name}: ${JSON.stringify(value)} cannot be passed to an instance: A-Z a-z 0-9 _ . : / = , @ % + - may stand in it`,
  );
}

function script(name: "boot" | "fetch"): string {
  return readFileSync(new URL(`bundle/${name}`, import.meta.url), "utf8");
}

/** One entry of `write_files`. */
function file(path: string, permissions: string, content: string): string[] {
  const lines = content.replace(/\n$/, "").split("\n");
  return [
    `- path: ${path}`,
    `  permissions: "${permissions}"`,
    "  content: |",
    ...lines.map((line) => (line === "" ? "" : `    ${line}`)),
  ];
}
