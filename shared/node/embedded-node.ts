import { RaftLiteError } from "../errors.ts";
import { isRefusal, refusalError } from "../refusal.ts";
import { TEXT_SCHEMA } from "../storage/entry.ts";
import type { CommandOutcome, Health, NodeApi, NodeStatus, RequestOptions } from "./api.ts";
import type { Command } from "./command.ts";
import { DEFAULT_TIMEOUT_MS, MAX_TIMEOUT_MS } from "./defaults.ts";
import type { StateMachine } from "./state-machine.ts";

/** What a running node is to the program that it is a part of. */
export class EmbeddedNode<Machine extends StateMachine> {
  /** This node's copy. To be looked at within `read` alone: elsewhere it may be behind what was acknowledged. */
  readonly stateMachine: Machine;
  readonly #node: NodeApi;

  constructor(node: NodeApi, stateMachine: Machine) {
    this.#node = node;
    this.stateMachine = stateMachine;
  }

  get id(): string {
    return this.#node.id;
  }

  /**
   * Has the cluster carry out a command, whoever leads it. Resolves once it is on the disks of a majority and applied
   * here, with what the state machine returned. A string is a
   * command as POST /command takes it.
   *
   * Throws RaftLiteErrors: what the state machine refused, and all that `NodeApi.execute` throws. With
   * `details.outcome` "none", or a status below 500, nothing has come of the command and nothing will; with "unknown"
   * it may have been carried out, or may yet be.
   */
  async execute<Result>(
    command: Command<Result> | string,
    options: Partial<RequestOptions> = {},
  ): Promise<CommandOutcome<Result>> {
    const { schema, bytes } = typeof command === "string" ? this.#accept(command) : command;
    const outcome = await this.#node.execute(schema, bytes, complete(options));
    if (isRefusal(outcome.result)) throw refusalError(outcome.result);
    return outcome as CommandOutcome<Result>;
  }

  #accept(text: string): Command {
    const { stateMachine } = this;
    return { schema: TEXT_SCHEMA, bytes: stateMachine.acceptText?.(text) ?? new TextEncoder().encode(text) };
  }

  /**
   * A linearizable read: calls `look` when the state machine here has everything that was acknowledged anywhere before
   * this call, and resolves with what it returns. Writes nothing. Throws as `NodeApi.read`, and what `look` throws.
   */
  async read<Value>(
    look: (stateMachine: Machine) => Value,
    options: Partial<RequestOptions> = {},
  ): Promise<Value> {
    await this.#node.read(complete(options));
    return look(this.stateMachine);
  }

  /** One consistent picture, with the newest `logLimit` commands; Infinity for all. */
  status(logLimit = 100): NodeStatus {
    return this.#node.status(logLimit);
  }

  health(): Health {
    return this.#node.health();
  }
}

function complete({
  timeoutMs = DEFAULT_TIMEOUT_MS,
  forward = true,
}: Partial<RequestOptions>): RequestOptions {
  if (timeoutMs >= 1 && timeoutMs <= MAX_TIMEOUT_MS) return { timeoutMs, forward };
  throw new RaftLiteError(
    "bad-timeout",
    `timeoutMs is ${timeoutMs}; it must be from 1 to ${MAX_TIMEOUT_MS}`,
    {
      status: 400,
    },
  );
}
