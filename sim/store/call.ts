import type {
  ReadAnswer,
  ReadOperation,
  StoreAnswer,
  StoreOperation,
  WriteAnswer,
  WriteOperation,
} from "./operation.ts";
import { describeAnswer, describeOperation } from "./operation.ts";

/** One operation as its client saw it, to be judged. Plain data. */
export interface StoreCall {
  readonly client: number;
  readonly node: string;
  /** Which start of the node answered. */
  readonly run: number;
  readonly operation: StoreOperation;
  /** null: nobody knows whether it was carried out, or ever will be. What certainly was not is no call. */
  readonly answer: StoreAnswer | null;
  /** Positions in one order of all invocations and endings. */
  readonly invokedAt: number;
  /** When it was answered, or when its client gave up. */
  readonly endedAt: number;
}

export interface WriteCall extends StoreCall {
  readonly operation: WriteOperation;
  readonly answer: WriteAnswer | null;
}

/** A read without an answer says nothing. */
export interface ReadCall extends StoreCall {
  readonly operation: ReadOperation;
  readonly answer: ReadAnswer;
}

export function isWrite(call: StoreCall): call is WriteCall {
  return call.operation.type === "write";
}

export function isAnsweredRead(call: StoreCall): call is ReadCall {
  return call.operation.type === "read" && call.answer !== null;
}

/** One line for people. */
export function describeCall({ client, node, operation, answer }: StoreCall): string {
  const heard = answer === null ? "was never answered" : `was answered with ${describeAnswer(answer)}`;
  return `${describeOperation(operation)} of client ${client} at ${node} ${heard}`;
}
