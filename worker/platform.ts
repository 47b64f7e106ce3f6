import type { DurableStorage } from "../shared/storage/port.ts";
import type { Location } from "./config.ts";
import type { PeerObject } from "./peer-transport.ts";

/**
 * The part of the Workers platform that is used here, by its shape: whoever imports the package needs no types of the
 * platform's, and may have those of any release (test/types/durable-object.ts compiles only while these fit).
 */

/** An object's storage, SQLite-backed. */
export interface ObjectStorage extends DurableStorage {
  readonly kv: {
    get(key: string): unknown;
    put(key: string, value: unknown): void;
    delete(key: string): boolean;
  };
}

/** What an object is constructed with (`DurableObjectState`). */
export interface ObjectState {
  /** `name`: by which the namespace gave it; undefined for an object that was asked for by an id alone. */
  readonly id: { readonly name?: string | undefined };
  readonly storage: ObjectStorage;
  /** Delivers nothing to the object until `work` is done. */
  blockConcurrencyWhile<Result>(work: () => Promise<Result>): Promise<Result>;
  /** Ends the object's run at once; the next event begins another from its storage. */
  abort(reason?: string): void;
}

/** `DurableObject` of "cloudflare:workers", or a class of one's own above it. */
export type DurableObjectBase = abstract new (state: never, env: never) => object;

/** How often the platform may repeat a call that failed, and until when after its beginning. */
interface Retry {
  readonly maxRetries: number;
  readonly timeoutMs?: number;
}

/** One object, as others call it. */
export interface ObjectStub extends PeerObject {
  fetch(request: Request): Promise<Response>;
}

/** The objects of a class, each by its name (`DurableObjectNamespace`). */
export interface ObjectNamespace {
  getByName(name: string, options?: { locationHint?: Location; retry?: Retry }): ObjectStub;
}
