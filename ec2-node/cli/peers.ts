import { baseUrl } from "../../shared/config/base-url.ts";
import { usageError } from "../../shared/config/usage-error.ts";
import { nodeIdProblem } from "../../shared/ids.ts";
import { printable } from "../../shared/printable.ts";

/** One entry of a peer list. The id is null where the list gives none: the peer says it when it is dialled. */
export interface PeerAddress {
  readonly id: string | null;
  /** Normalised base URL: scheme, host, port where it is not the scheme's own, path prefix; no slash at the end. */
  readonly address: string;
}

const DIALECTS =
  "Write host:port, http://host:port, ID=host:port, ID:host:port or ID=URL, with commas between; IPv6 in brackets";

/** `ID=REST`. Neither a host nor a scheme reaches as far as a `=`, so one in a URL's path is not taken for it. */
const ID_EQUALS = /^([^=:/[\]]*)=(.*)$/;
/** `ID:URL`, which is not `http://…` itself: a second scheme follows. */
const ID_COLON_URL = /^([^:/[\]]*):([a-z][a-z0-9+.-]*:\/\/.*)$/i;
/** `ID:[IPv6]:port`. */
const ID_COLON_BRACKET = /^([^:/[\]]+):(\[.*)$/;
/** `ID:host:port`; two parts alone are host:port. */
const ID_COLON_HOST = /^([^:/[\]]*):([^:/[\]]*:[^:/[\]]*(?:\/.*)?)$/;

/**
 * Reads the values of `--peers`, or of whatever else is called `name`, in every dialect of the lab. `words` are the
 * values and the words that followed them; each may hold several peers, with commas and spaces between. An address that
 * stands twice counts once. Throws a usage error that names the bad piece.
 */
export function parsePeers(words: readonly string[], name = "--peers"): PeerAddress[] {
  const pieces = words.flatMap((word) => word.split(/[\s,]+/)).filter((piece) => piece !== "");
  if (pieces.length === 0) {
    throw usageError(`${name} names no peer. ${DIALECTS}; leave ${name} out for a single node`);
  }
  const byAddress = new Map<string, PeerAddress>();
  const byId = new Map<string, string>();
  for (const piece of pieces) {
    const peer = parsePeer(piece, name);
    const known = byAddress.get(peer.address);
    if (known?.id != null && peer.id !== null && known.id !== peer.id) {
      throw usageError(`${name}: ${known.id} and ${peer.id} have the same address ${peer.address}`);
    }
    const id = peer.id ?? known?.id ?? null;
    if (id !== null) {
      const elsewhere = byId.get(id);
      if (elsewhere !== undefined && elsewhere !== peer.address) {
        throw usageError(`${name}: ${id} is listed at two addresses, ${elsewhere} and ${peer.address}`);
      }
      byId.set(id, peer.address);
    }
    byAddress.set(peer.address, { id, address: peer.address });
  }
  return [...byAddress.values()];
}

function parsePeer(piece: string, name: string): PeerAddress {
  const { id, address } = split(piece);
  if (id !== null) {
    const problem = nodeIdProblem(id);
    if (problem !== null) throw bad(name, piece, `"${id}" ${problem}, so it is no id`);
  }
  const parsed = baseUrl(address, { portRequired: true });
  if ("problem" in parsed) throw bad(name, piece, parsed.problem);
  return { id, address: parsed.url };
}

function split(piece: string): { id: string | null; address: string } {
  for (const pattern of [ID_EQUALS, ID_COLON_URL, ID_COLON_BRACKET, ID_COLON_HOST]) {
    const match = pattern.exec(piece);
    // An empty part before or after a colon is the `::` of an IPv6 address, which baseUrl() knows how to name.
    if (match === null || (pattern === ID_COLON_HOST && /^:|::/.test(piece))) continue;
    return { id: match[1] ?? "", address: match[2] ?? "" };
  }
  return { id: null, address: piece };
}

function bad(name: string, piece: string, problem: string): Error {
  const shown = piece.length > 100 ? `${piece.slice(0, 100)}…` : piece;
  return usageError(printable(`${name}: "${shown}" is not a peer: ${problem}. ${DIALECTS}`));
}
