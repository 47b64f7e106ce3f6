import type { Reply, SentRequest } from "./request.ts";

/** What the fuzz runs against: handlers in virtual time, processes behind sockets, or nodes in another runtime. */
export interface Target {
  /** Ids of the nodes; a request names one by its position. */
  readonly ids: readonly string[];
  /** What the routes are guarded with; null: they are open. */
  readonly secret: string | null;
  readonly token: string | null;
  /** Whether a path reaches the node as it is sent, dots and backslashes and all. */
  readonly keepsPaths: boolean;
  /** Longest time that a step may let pass, or that a reader may wait for nothing. */
  readonly longestPassMs: number;
  send(node: number, request: SentRequest): Pending;
  /** Lets time pass until it is true; false when it is not within `limitMs`. */
  until(isTrue: () => boolean, limitMs: number): Promise<boolean>;
  pass(ms: number): Promise<void>;
  now(): number;
  /** What this target can see beyond the routes; each may be left out. */
  readonly inside?: {
    /** Who was voted for and in which term, of every node. */
    votes(): readonly string[];
    /** Everything in the store of a node, in order. */
    dump(node: number): readonly unknown[];
    /** Errors that no route foresaw, and nodes that gave up. */
    faults(): readonly unknown[];
  };
}

/** A request under way. */
export interface Pending {
  /** null while there is none. */
  readonly reply: Reply | null;
  /** Set when there will never be one: the connection broke, or the handler threw. */
  readonly failure: unknown;
  /** The client goes away. */
  abandon(): void;
}
