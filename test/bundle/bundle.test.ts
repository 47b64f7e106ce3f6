import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const LARGEST_BYTES = 250_000;

test("the Worker deploys, without a network, and is small", { timeout: 120_000 }, () => {
  const directory = mkdtempSync(join(tmpdir(), "raft-lite-"));
  try {
    const { status, stdout, stderr } = spawnSync(
      process.execPath,
      ["node_modules/wrangler/bin/wrangler.js", "deploy", "--dry-run", "--outdir", directory],
      {
        cwd: ROOT,
        encoding: "utf8",
        env: { ...process.env, WRANGLER_SEND_METRICS: "false", WRANGLER_HIDE_BANNER: "true", CI: "1" },
      },
    );
    expect(status, `${stdout}${stderr}`).toBe(0);
    expect(statSync(join(directory, "main.js")).size).toBeLessThan(LARGEST_BYTES);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
});

test("objects with a timer pending stay in memory: the compatibility date sees to it", () => {
  const [, date] = /^compatibility_date = "([\d-]+)"$/m.exec(
    readFileSync(join(ROOT, "wrangler.toml"), "utf8"),
  )!;
  // A leader receives replies only, which do not count as events (docs/edge.md).
  expect(date! >= "2026-10-01").toBe(true);
});
