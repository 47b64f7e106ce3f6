import { RaftLiteError } from "../shared/errors.ts";
import type { Config } from "./config.ts";
import { badConfiguration, readConfig } from "./config.ts";
import type { ObjectNamespace } from "./platform.ts";
import type { Settings } from "./settings.ts";

/** What a Worker and its objects find around them, checked. */
export interface Environment {
  readonly config: Config;
  /** The cluster's objects, each by the name that is its node's id. */
  readonly objects: ObjectNamespace;
}

/** By env, and in it by the binding. */
const loaded = new WeakMap<object, Map<string, Environment | RaftLiteError>>();
const said = new Set<string>();

/**
 * Settings and the binding of that name, or what is wrong with them (`bad-configuration`), which is said once in the
 * log. Read once for each `env`.
 */
export function loadEnvironment(env: object, binding: string): Environment | RaftLiteError {
  const byBinding = loaded.get(env) ?? new Map<string, Environment | RaftLiteError>();
  loaded.set(env, byBinding);
  const known = byBinding.get(binding);
  if (known !== undefined) return known;
  const environment = checked(env, binding);
  byBinding.set(binding, environment);
  return environment;
}

function checked(env: object, binding: string): Environment | RaftLiteError {
  try {
    checkRuntime();
    const objects = (env as Readonly<Record<string, unknown>>)[binding];
    if (!isNamespace(objects)) {
      throw badConfiguration(
        `${binding} is bound to no class of Durable Objects: wrangler.toml must hold [[durable_objects.bindings]] with ` +
          `name = "${binding}" and your class's class_name, or the option "binding" must say the name that it has there`,
      );
    }
    return { config: readConfig(env as Settings), objects };
  } catch (error) {
    if (!(error instanceof RaftLiteError)) throw error;
    if (!said.has(error.message)) console.error(`raft-lite: ${error.message}`);
    said.add(error.message);
    return error;
  }
}

function isNamespace(value: unknown): value is ObjectNamespace {
  return typeof value === "object" && value !== null && "getByName" in value;
}

/** What keeps an object in memory while it has nothing but timers and calls of its own: a leader has nothing else. */
const STAYS_AWAKE = "durable_object_io_tasks_prevent_eviction";

/** The compatibility date shows by its flags alone, and outside of workerd by nothing. */
function checkRuntime(): void {
  const { Cloudflare } = globalThis as {
    readonly Cloudflare?: { readonly compatibilityFlags?: Readonly<Record<string, boolean>> };
  };
  const flags = Cloudflare?.compatibilityFlags;
  if (flags === undefined || flags[STAYS_AWAKE] === true) return;
  throw badConfiguration(
    "this Worker's compatibility_date is before 2026-10-01: the platform would evict a leader about every two minutes. " +
      `Set compatibility_date = "2026-10-01" or later in wrangler.toml, or add "${STAYS_AWAKE}" to compatibility_flags`,
  );
}
