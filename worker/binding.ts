import { usageError } from "../shared/config/usage-error.ts";

/** Throws `wrong-usage` for what cannot be the name of a binding. */
export function checkBinding(binding: unknown): void {
  if (typeof binding === "string" && binding !== "") return;
  throw usageError('binding must be the name that the objects have in wrangler.toml, e.g. "RAFT"');
}
