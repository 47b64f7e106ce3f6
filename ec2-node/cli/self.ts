import { isIPv4 } from "node:net";
import { usageError } from "../../shared/config/usage-error.ts";
import type { PeerAddress } from "./peers.ts";

/** What a node knows of itself before it has dialled anyone. */
export interface SelfDescription {
  readonly id: string;
  /** The address the server is bound to, as given with `--host`. */
  readonly host: string;
  readonly port: number;
  /** Normalised, as `--advertise` gives it. */
  readonly advertise: string | null;
  /** Addresses of this machine's own interfaces. */
  readonly interfaces: readonly string[];
}

/**
 * The list without entries that evidently name the node itself: its id, its advertised URL, or an address of this
 * machine under its own port. Others are found out when they are dialled. Throws a usage error when such an address
 * stands under another node's id.
 */
export function withoutSelf(
  peers: readonly PeerAddress[],
  self: SelfDescription,
  name = "--peers",
): PeerAddress[] {
  return peers.filter((peer) => {
    if (peer.id === self.id) return false;
    if (peer.address !== self.advertise && !isOwnAddress(new URL(peer.address), self)) return true;
    if (peer.id === null) return false;
    throw usageError(
      `${name}: ${peer.id}=${peer.address} is the address of this node, whose id is ${self.id}; mend the id, the port or the list`,
    );
  });
}

function isOwnAddress(url: URL, self: SelfDescription): boolean {
  // We serve plain HTTP at the root: anything else under our port is somebody in front of us.
  if (url.protocol !== "http:" || url.pathname !== "/") return false;
  if (Number(url.port || 80) !== self.port) return false;
  return boundTo(self.host, url.hostname.replace(/^\[|\]$/g, ""), self.interfaces);
}

/** Whether a server bound to `host` is what answers at `name` on this machine. */
function boundTo(host: string, name: string, interfaces: readonly string[]): boolean {
  const bound = host.replace(/^\[|\]$/g, "").toLowerCase();
  if (name === bound) return true;
  const everywhere = bound === "::" || bound === "0.0.0.0";
  if (name === "localhost") return everywhere || isLoopback(bound);
  if (bound === "localhost") return name === "127.0.0.1" || name === "::1";
  if (!everywhere || (bound === "0.0.0.0" && !isIPv4(name))) return false;
  return isLoopback(name) || name === "0.0.0.0" || name === "::" || interfaces.includes(name);
}

function isLoopback(address: string): boolean {
  return address === "::1" || (isIPv4(address) && address.startsWith("127."));
}
