import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { relative } from "node:path";

/**
 * `npm run coverage`: which lines, branches and functions the tests reach that run in this process or in workerd, both
 * counted by istanbul, in one report. Processes that tests start are not counted. Arguments go to vitest. The details
 * are in coverage/index.html.
 */

/** What is counted is slower: tests that explore, or hold what something costs, would run for an hour or into a limit. */
const LEFT_OUT = ["test/model/**", "test/**/mutants.test.ts", "test/recording/rules/clusters.test.ts"];

interface Count {
  readonly total: number;
  readonly covered: number;
}

type Counts = Readonly<Record<"lines" | "branches" | "functions", Count>>;

const { status } = spawnSync(
  "vitest",
  [
    "run",
    ...["--coverage", "--coverage.reporter=json-summary", "--coverage.reporter=html"],
    "--coverage.reportOnFailure",
    ...LEFT_OUT.flatMap((pattern) => ["--exclude", pattern]),
    ...["--project", "unit", "--project", "worker", ...process.argv.slice(2)],
  ],
  { stdio: "inherit" },
);

const summary = JSON.parse(readFileSync("coverage/coverage-summary.json", "utf8")) as Record<string, Counts>;
const rooms = new Map<string, Counts[]>();
for (const [path, counts] of Object.entries(summary)) {
  if (path === "total") continue;
  const [top = "", folder] = relative(process.cwd(), path).split("/");
  for (const room of top === "shared" ? ["shared", `shared/${folder}`] : [top]) {
    // A file that lies in shared/ itself is no room.
    if (!room.endsWith(".ts")) rooms.set(room, [...(rooms.get(room) ?? []), counts]);
  }
}

console.log("| room | files | lines | branches | functions |\n| --- | --- | --- | --- | --- |");
for (const [room, files] of [...rooms].sort(([a], [b]) => (a < b ? -1 : 1))) {
  const cells = (["lines", "branches", "functions"] as const).map((what) => {
    const total = files.reduce((sum, counts) => sum + counts[what].total, 0);
    const covered = files.reduce((sum, counts) => sum + counts[what].covered, 0);
    return total === 0 ? "–" : `${((100 * covered) / total).toFixed(1)} %`;
  });
  console.log(`| ${[room, files.length, ...cells].join(" | ")} |`);
}
process.exitCode = status ?? 1;
