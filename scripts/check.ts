import { spawnSync } from "node:child_process";

/** What CI runs before the tests: fast steps first, and nothing after the first that fails. */
const STEPS: readonly (readonly [name: string, command: string])[] = [
  ["format", "biome check --linter-enabled=false --error-on-warnings"],
  ["lint", "biome lint --error-on-warnings"],
  ["types", "tsc -b"],
  ["import rules", "node scripts/check-imports.ts"],
  ["dead code", "knip"],
  ["dead code in what ships", "knip --production --strict"],
];

for (const [name, command] of STEPS) {
  console.log(`── ${name}: ${command}`);
  const started = performance.now();
  const { status } = spawnSync(command, { shell: true, stdio: "inherit" });
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  if (status !== 0) {
    console.error(`✗ ${name} failed after ${seconds} s`);
    process.exit(1);
  }
  console.log(`✓ ${name} ${seconds} s`);
}
