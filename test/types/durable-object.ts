import type { DurableObject } from "cloudflare:workers";
import type { RaftObject } from "../../worker/create-raft-object.ts";
import type { RaftWorker } from "../../worker/create-raft-worker.ts";
import type { DurableObjectBase, ObjectNamespace, ObjectState } from "../../worker/platform.ts";

/**
 * The platform constructs objects and calls Workers with types of its own, which the package only knows by their shape.
 * This file compiles only while they fit; it is never run.
 */
export function asObjectState(state: DurableObjectState): ObjectState {
  return state;
}

export function asObjectNamespace(
  namespace: DurableObjectNamespace<DurableObject & RaftObject>,
): ObjectNamespace {
  return namespace;
}

export function asBase(base: typeof DurableObject): DurableObjectBase {
  return base;
}

export function asExportedHandler(worker: RaftWorker): ExportedHandler<{ readonly MINE: string }> {
  return worker;
}
