import type { PeerObject } from "./peer-transport.ts";
import type { Settings } from "./settings.ts";

/** Settings and bindings of wrangler.toml. */
export interface Env extends Settings {
  /** The cluster's objects (raft-object.ts), each by the name that is its node's id. */
  readonly RAFT: DurableObjectNamespace<PeerObject & Rpc.DurableObjectBranded>;
}
