import { registerHooks } from "node:module";

/** `node --import ./scripts/use-sources.ts FILE`: programs of the package then run on its sources. */

const ENTRY = /^raft-lite(?:\/([a-z-]+))?$/;

registerHooks({
  resolve(specifier, context, nextResolve) {
    const [match, entry = "main"] = ENTRY.exec(specifier) ?? [];
    if (match === undefined) return nextResolve(specifier, context);
    return nextResolve(new URL(`../exports/${entry}.ts`, import.meta.url).href, context);
  },
});
