/** `raft-lite/store`: the key-value store as a state machine, and the commands that it understands. */
export type { Refusal } from "../shared/refusal.ts";
export type { CommandResult } from "../shared/store/apply-command.ts";
export type { Command } from "../shared/store/commands.ts";
export { acceptCommand, parseCommand } from "../shared/store/commands.ts";
export type { ApplyResult, StoredKey, StoredValue } from "../shared/store/key-value-store.ts";
export { KeyValueStore } from "../shared/store/key-value-store.ts";
export type { Batch, DeleteOperation, Operation, PutOperation } from "../shared/store/operations.ts";
export { encodeOperations, OPERATIONS_SCHEMA } from "../shared/store/operations.ts";
export type { BatchResult, OperationResult, ShownValue } from "../shared/store/results.ts";
