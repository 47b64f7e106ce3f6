/**
 * `raft-lite/node`: one running node, and the ports through which it meets its host and its state machine. Runs
 * wherever JavaScript does; `raft-lite/node-host` is the host for Node.
 */
export { InvariantViolation, RaftLiteError } from "../shared/errors.ts";
export type {
  CommandOutcome,
  ExchangeReply,
  Health,
  LogLine,
  Metric,
  NodeApi,
  NodeStatus,
  PeerStatus,
  ReadPoint,
  RequestOptions,
  SingleMessageType,
  Subscribe,
  WaitEnd,
  WaitOptions,
} from "../shared/node/api.ts";
export type { Command, TextCommand } from "../shared/node/command.ts";
export type { Timings } from "../shared/node/defaults.ts";
export { defaultTimings, labTimings } from "../shared/node/defaults.ts";
export type {
  CommandHandler,
  CommandMakers,
  DefinedStateMachine,
  MemoryStateMachine,
  Moment,
  StateMachineDefinition,
} from "../shared/node/define-state-machine.ts";
export { defineStateMachine } from "../shared/node/define-state-machine.ts";
export { EmbeddedNode } from "../shared/node/embedded-node.ts";
export type { NodeEvent, NodeEventSink, NodeTrace } from "../shared/node/events.ts";
export type { LogLinesOptions } from "../shared/node/log-lines.ts";
export { LogLines } from "../shared/node/log-lines.ts";
export { RaftNode } from "../shared/node/node.ts";
export type { NodeOptions } from "../shared/node/node-options.ts";
export type { ListedPeer } from "../shared/node/peer-directory.ts";
export type {
  Clock,
  ExchangeBody,
  Host,
  Timer,
  Transport,
  TransportFailure,
  TransportReply,
} from "../shared/node/ports.ts";
export { TransportError } from "../shared/node/ports.ts";
export type { NodeRecorder } from "../shared/node/recorder.ts";
export type { StateMachine } from "../shared/node/state-machine.ts";
export type { Refusal } from "../shared/refusal.ts";
export { isRefusal, refusal, refusalError } from "../shared/refusal.ts";
export type { LogEntry, Origin, Payload } from "../shared/storage/entry.ts";
export { TEXT_SCHEMA } from "../shared/storage/entry.ts";
export type { DurableStorage } from "../shared/storage/port.ts";
