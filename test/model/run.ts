import { parseArgs } from "node:util";
import { Raft } from "../../shared/raft/raft.ts";
import type { Bounds, Report } from "./explore.ts";
import { explore } from "./explore.ts";
import type { Core } from "./local.ts";
import { longScopes, scopes } from "./scopes.ts";

/**
 * The model checker by hand: `node test/model/run.ts [--long] [--scope "figure 8"] [--core FILE]`. Prints what was
 * covered, and the shortest way to a broken promise; exits with 1 when there is one. `--json` is for tests.
 */
const { values } = parseArgs({
  options: {
    core: { type: "string" },
    scope: { type: "string", multiple: true },
    long: { type: "boolean", default: false },
    json: { type: "boolean", default: false },
  },
});

const core: Core = values.core === undefined ? Raft : (await import(values.core)).Raft;
const all: Record<string, Bounds> = values.long
  ? longScopes
  : { ...scopes, ...(values.scope ? longScopes : {}) };

for (const [name, bounds] of Object.entries(all)) {
  if (values.scope && !values.scope.includes(name)) continue;
  const report = explore(core, bounds);
  console.log(values.json ? JSON.stringify(report) : `${name}: ${summary(report)}`);
  if (report.violation) {
    const { rule, detail, trace } = report.violation;
    if (!values.json) console.log(`${rule}: ${detail}\n${trace.map((step) => `  ${step}`).join("\n")}`);
    process.exitCode = 1;
    break;
  }
}

function summary({ states, transitions, locals, messages, depth, seconds, complete }: Report): string {
  const count = (value: number) => Math.round(value).toLocaleString("en");
  const covered = `${count(states)} states, ${count(transitions)} steps, ${depth} deep`;
  const apart = `of ${count(locals)} node states and ${count(messages)} messages`;
  const speed = `${seconds.toFixed(1)} s, ${count(states / seconds)} states a second`;
  return `${covered}, ${apart}; ${speed}; ${complete ? "all within the bounds" : "not all"}`;
}
