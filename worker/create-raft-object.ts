import { usageError } from "../shared/config/usage-error.ts";
import type { EmbeddedNode } from "../shared/node/embedded-node.ts";
import type { ExchangeBody, TransportReply } from "../shared/node/ports.ts";
import type { StateMachine } from "../shared/node/state-machine.ts";
import { KeyValueStore } from "../shared/store/key-value-store.ts";
import { checkBinding } from "./binding.ts";
import { DEFAULT_BINDING } from "./defaults.ts";
import { ObjectNode } from "./object-node.ts";
import type { PeerObject } from "./peer-transport.ts";
import type { DurableObjectBase, ObjectState } from "./platform.ts";

export interface RaftObjectOptions<Machine extends StateMachine = KeyValueStore> {
  /** Name of the binding of this class in wrangler.toml; `RAFT` unless given. */
  readonly binding?: string | undefined;
  /**
   * Makes what the log is applied to: one for each object, since several live in one isolate. Left out: the key-value
   * store, whose routes are served then. All nodes of a cluster run the same one.
   */
  readonly stateMachine?: (() => Machine) | undefined;
  /**
   * The program's own routes at every node: asked for what none of the node's routes takes, with the node's name and the
   * Worker's path taken off; undefined: not one of mine either, 404. A token, where set, guards them too. RaftLiteErrors
   * are answered as problem details. Bodies are not limited.
   */
  readonly fetch?:
    | ((
        request: Request,
        node: EmbeddedNode<Machine>,
      ) => Response | undefined | Promise<Response | undefined>)
    | undefined;
}

/** What a node's object has beside the members of its base. */
export interface RaftObject<Machine extends StateMachine = KeyValueStore> extends PeerObject {
  /**
   * The node, for methods of your own. Throws RaftLiteErrors where it does not run: `bad-configuration` (500),
   * `unknown-node` (404), `failed` and `stopped` (503).
   */
  readonly node: EmbeddedNode<Machine>;
  /** Answers the Worker in front. Never rejects. */
  fetch(request: Request): Promise<Response>;
  /** The node's own alarm. An object has only one: where you override it call this one first, and arm none. */
  alarm(): Promise<void>;
  /** For the other nodes, by RPC. Nobody outside can call it. */
  exchange(body: ExchangeBody): Promise<TransportReply | null>;
}

/** A class of Durable Objects, to be exported, or extended and exported. */
export type RaftObjectClass<Base extends DurableObjectBase, Machine extends StateMachine> = new (
  ...args: ConstructorParameters<Base>
) => RaftObject<Machine> & InstanceType<Base>;

/**
 * Makes a class of Durable Objects each of which is one node of a cluster: the name by which the namespace gives it is
 * the node's id, and what is set in `env` (`Settings`) says who the others are. `base` is `DurableObject` of
 * "cloudflare:workers", which only the platform has, or a class of yours above it; with `DurableObject<Env>` the object's
 * `env` has your type.
 *
 * Throws `wrong-usage` for options that cannot be. What is wrong in `env` or wrangler.toml every route of the object
 * answers with, as 500 `bad-configuration`, and the log says it.
 */
export function createRaftObject<
  Base extends DurableObjectBase,
  Machine extends StateMachine = KeyValueStore,
>(base: Base, options: RaftObjectOptions<Machine> = {}): RaftObjectClass<Base, Machine> {
  const { binding = DEFAULT_BINDING, stateMachine, fetch } = options;
  if (typeof base !== "function") {
    throw usageError('createRaftObject takes DurableObject, imported from "cloudflare:workers"');
  }
  checkBinding(binding);
  if (stateMachine !== undefined && typeof stateMachine !== "function") {
    throw usageError("stateMachine must be a function that makes one, e.g. () => counter.create()");
  }
  if (fetch !== undefined && typeof fetch !== "function") throw usageError("fetch must be a function");
  // The type of the state machine is the default one exactly where none is given.
  const createMachine = stateMachine ?? (() => new KeyValueStore() as StateMachine as Machine);

  const Plain = base as unknown as new (state: ObjectState, env: object) => object;
  class NodeObject extends Plain implements RaftObject<Machine> {
    readonly #object: ObjectNode<Machine>;

    constructor(state: ObjectState, env: object) {
      super(state, env);
      this.#object = new ObjectNode(state, env, { binding, createMachine, fetch });
    }

    get node(): EmbeddedNode<Machine> {
      return this.#object.embedded;
    }

    fetch(request: Request): Promise<Response> {
      return this.#object.fetch(request);
    }

    alarm(): Promise<void> {
      return this.#object.alarm();
    }

    exchange(body: ExchangeBody): Promise<TransportReply | null> {
      return this.#object.exchange(body);
    }
  }
  return NodeObject as unknown as RaftObjectClass<Base, Machine>;
}
