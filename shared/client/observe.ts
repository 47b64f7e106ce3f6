import { badInput } from "./errors.ts";
import type { Reply } from "./exchange.ts";
import { checkBody } from "./input.ts";
import { members, parseJson } from "./json.ts";
import type { KnownNode } from "./nodes.ts";
import type { Answer, Call } from "./perform.ts";

/** The routes that look at the cluster and not at its keys, as calls. */

/** One node's view of itself and its cluster: GET /status. */
export interface NodeStatus {
  readonly node: string;
  readonly state: "Follower" | "Candidate" | "Leader";
  readonly term: number;
  /** The leader's id; null when none is known. */
  readonly leader: string | null;
  /** The newest commands of clients. */
  readonly log: readonly { readonly term: number; readonly cmd: string }[];
  /** Position of the first of `log` among all commands. */
  readonly logStart: number;
  /** Position of the newest committed command; -1 when there is none. */
  readonly commitIndex: number;
  readonly raft: {
    readonly clusterId: string | null;
    readonly storeId: string;
    readonly address: string;
    readonly leaderAddress: string | null;
    readonly clusterSize: number;
    readonly lastIndex: number;
    readonly durableIndex: number;
    readonly commitIndex: number;
    readonly appliedIndex: number;
    readonly quiet: boolean;
    /** The other members. `matchIndex` and `lag` are known to the leader alone. */
    readonly peers: readonly {
      readonly id: string | null;
      readonly address: string;
      readonly matchIndex: number | null;
      readonly lag: number | null;
      readonly contactMs: number | null;
    }[];
    /** Why this node does not take part, in one line; null when all is well. */
    readonly problem: string | null;
  };
}

/** Whether a node can serve: GET /health. */
export interface Health {
  readonly healthy: boolean;
  /** The node that says so. */
  readonly node: string;
  /** What is missing; null when all is well. */
  readonly reason: string | null;
  /** All is well, and the cluster has gone to sleep until somebody writes. */
  readonly quiet: boolean;
}

/** A value as /command shows it: text, or base64 where it is not UTF-8. */
export type ShownValue = string | { readonly base64: string };

/** What became of a text command: POST /command. */
export interface CommandResult {
  /** SET: "OK"; GET: the value or null; DEL: how many keys, 1 or 0; CAS: whether the value was the expected one. */
  readonly result: ShownValue | number | boolean | null;
  /** Position among all commands; of a GET the newest that it has seen, -1 before the first. */
  readonly index: number;
  readonly term: number;
  /** The leader's id. */
  readonly leader: string;
}

/** `logLimit`: how many of the newest commands to show; undefined: as many as the node likes. */
export function statusCall(ask: KnownNode | null, logLimit: number | "all" | undefined): Call<NodeStatus> {
  const query = logLimit === undefined ? "" : `?log=${logLimit}`;
  return observeCall(`/status${query}`, ask, ({ status, body }) => {
    const said = members(parseJson(body));
    const isStatus =
      status === 200 && typeof said.node === "string" && typeof said.term === "number" && isObject(said.raft);
    return isStatus ? { value: said as unknown as NodeStatus } : null;
  });
}

export function healthCall(ask: KnownNode | null): Call<Health> {
  return observeCall<Health>("/health", ask, ({ status, body }) => {
    const { ok, node, reason, code, quiet = false } = members(parseJson(body));
    if (typeof node !== "string") return null;
    if (status === 200 && ok === true) {
      return { value: { healthy: true, node, reason: null, quiet: quiet === true } };
    }
    // A node that is not well is an answer, not a failure.
    if (status !== 503 || code !== "unhealthy") return null;
    return { value: { healthy: false, node, reason: String(reason), quiet: false } };
  });
}

/** The leader's address as the cluster knows it, without the scheme; null when none is known. */
export function leaderCall(): Call<string | null> {
  return observeCall("/v1/status/leader", null, ({ status, body }) => {
    const address = parseJson(body);
    return status === 200 && typeof address === "string" ? { value: address === "" ? null : address } : null;
  });
}

/** All members' addresses as the cluster knows them, without the scheme. */
export function membersCall(): Call<readonly string[]> {
  return observeCall("/v1/status/peers", null, ({ status, body }) => {
    const addresses = parseJson(body);
    const isList = Array.isArray(addresses) && addresses.every((address) => typeof address === "string");
    return status === 200 && isList ? { value: addresses } : null;
  });
}

function observeCall<Value>(
  target: string,
  ask: KnownNode | null,
  read: (reply: Reply) => Answer<Value> | null,
): Call<Value> {
  return { message: { method: "GET", target }, safety: "read", ask: ask ?? "anyone", read };
}

/** A command of the lab's. Only GET may be sent again at will: CAS compares values, and those come back. */
export function commandCall(cmd: string): Call<CommandResult> {
  if (typeof cmd !== "string") throw badInput("bad-command", "a command is a string, e.g. SET x=5");
  const body = JSON.stringify({ cmd });
  checkBody(body);
  return {
    message: { method: "POST", target: "/command", headers: { "content-type": "application/json" }, body },
    safety: /^\s*get\s/i.test(cmd) ? "read" : "write",
    ask: "leader",
    read: ({ status, body }) => {
      const { ok, result, index, term, leader } = members(parseJson(body));
      if (status !== 200 || ok !== true || typeof index !== "number" || typeof leader !== "string")
        return null;
      // What a CAS says whose condition did not hold.
      const refused = result === false;
      return { value: { result, index, term, leader } as CommandResult, leader, refused };
    },
  };
}

function isObject(value: unknown): boolean {
  return typeof value === "object" && value !== null;
}
