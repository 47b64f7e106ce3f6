/**
 * `raft-lite`: what programs around a cluster share, wherever they run: state machines, commands, errors. The parts
 * that need more have entries of their own.
 */
export { RaftLiteError } from "../shared/errors.ts";
export type { CommandOutcome, Health, NodeStatus, RequestOptions } from "../shared/node/api.ts";
export type { Command, TextCommand } from "../shared/node/command.ts";
export type {
  CommandHandler,
  CommandMakers,
  DefinedStateMachine,
  MemoryStateMachine,
  Moment,
  StateMachineDefinition,
} from "../shared/node/define-state-machine.ts";
export { defineStateMachine } from "../shared/node/define-state-machine.ts";
export type { EmbeddedNode } from "../shared/node/embedded-node.ts";
export type { StateMachine } from "../shared/node/state-machine.ts";
export type { LogEntry } from "../shared/storage/entry.ts";
export type { DurableStorage } from "../shared/storage/port.ts";
