/** `raft-lite/client`: a client for Node, Workers and browsers. Imports nothing but itself. */
export type {
  CallOptions,
  ClientOptions,
  NodeOptions,
  PutOptions,
  ReadOptions,
  WriteOptions,
} from "../shared/client/client.ts";
export { Client, createClient } from "../shared/client/client.ts";
export type { Entry } from "../shared/client/entry.ts";
export type { Attempt, Outcome } from "../shared/client/errors.ts";
export { ClientError, UnknownOutcomeError } from "../shared/client/errors.ts";
export type { Send } from "../shared/client/exchange.ts";
export type { CommandResult, Health, NodeStatus, ShownValue } from "../shared/client/observe.ts";
export type { Watch, WatchedKey, WatchedPrefix, WatchOptions } from "../shared/client/watch.ts";
export type {
  BatchResult,
  DeleteOperation,
  Operation,
  PutOperation,
  WriteResult,
} from "../shared/client/writes.ts";
