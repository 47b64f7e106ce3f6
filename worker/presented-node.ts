import { RaftLiteError } from "../shared/errors.ts";
import type { NodeApi, NodeStatus } from "../shared/node/api.ts";

/** A node as one client sees it: every address in what it says goes through `show`. */
export function presented(node: NodeApi, show: (address: string) => string): NodeApi {
  const showOrNull = (address: string | null) => (address === null ? null : show(address));
  const orExplain = async <Result>(asked: Promise<Result>): Promise<Result> => {
    try {
      return await asked;
    } catch (error) {
      throw withShownUrl(error, show);
    }
  };
  return {
    id: node.id,
    execute: (schema, bytes, options) => orExplain(node.execute(schema, bytes, options)),
    read: (options) => orExplain(node.read(options)),
    wait: (subscribe, options) => node.wait(subscribe, options),
    exchange: (body) => node.exchange(body),
    single: (type, body) => node.single(type, body),
    status: (logLimit) => shownStatus(node.status(logLimit), show),
    health: () => node.health(),
    metrics: () => node.metrics(),
    addresses() {
      const { leader, peers } = node.addresses();
      return { leader: showOrNull(leader), peers: peers.map(show) };
    },
  };
}

function shownStatus(status: NodeStatus, show: (address: string) => string): NodeStatus {
  const { address, leaderAddress, peers } = status.raft;
  const raft = {
    ...status.raft,
    address: show(address),
    leaderAddress: leaderAddress === null ? null : show(leaderAddress),
    peers: peers.map((peer) => ({ ...peer, address: show(peer.address) })),
  };
  return { ...status, raft };
}

function withShownUrl(error: unknown, show: (address: string) => string): unknown {
  if (!(error instanceof RaftLiteError) || typeof error.details.leaderUrl !== "string") return error;
  const { code, message, status, cause } = error;
  const details = { ...error.details, leaderUrl: show(error.details.leaderUrl) };
  return new RaftLiteError(code, message, { status, details, cause });
}
