import { RaftLiteError } from "../shared/errors.ts";
import type { Config } from "./config.ts";
import { readConfig } from "./config.ts";
import type { Settings } from "./settings.ts";

const loaded = new WeakMap<object, Config | RaftLiteError>();
const said = new Set<string>();

/** The configuration, or what is wrong with it, which is said once in the log. Read once for each `settings`. */
export function loadConfig(settings: Settings): Config | RaftLiteError {
  const known = loaded.get(settings);
  if (known !== undefined) return known;
  const config = checked(settings);
  loaded.set(settings, config);
  return config;
}

function checked(settings: Settings): Config | RaftLiteError {
  try {
    return readConfig(settings);
  } catch (error) {
    if (!(error instanceof RaftLiteError)) throw error;
    if (!said.has(error.message)) console.error(`raft-lite: ${error.message}`);
    said.add(error.message);
    return error;
  }
}
