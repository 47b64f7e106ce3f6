import type { DurableStorage } from "../../shared/storage/port.ts";

/**
 * The Worker host hands `ctx.storage` to a node as it is. This file compiles only while the platform's
 * `DurableObjectStorage` satisfies our storage port; it is never run.
 */
export function asDurableStorage(storage: DurableObjectStorage): DurableStorage {
  return storage;
}
