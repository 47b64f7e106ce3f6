import { execFileSync, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { builtinModules } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test as plainTest } from "vitest";
import { loadBundle } from "../../ec2-node/aws/bundle/load-bundle.ts";
import { importsOf } from "../../scripts/imports.ts";
import { call, post } from "../process/support/http.ts";
import { CHECKOUT, PINNED_NODE, test } from "../process/support/lab.ts";

const directory = mkdtempSync(join(tmpdir(), "raft-lite-bundle-test-"));
afterAll(() => rmSync(directory, { recursive: true }));

const { version } = JSON.parse(readFileSync(join(CHECKOUT, "package.json"), "utf8")) as { version: string };
const release = join(directory, "release");
let listing: readonly string[];

beforeAll(async () => {
  const archive = join(directory, "bundle.tar.gz");
  writeFileSync(archive, (await loadBundle()).bytes);
  mkdirSync(release);
  execFileSync("tar", ["-xzf", archive, "-C", release, "--no-same-owner"]);
  listing = execFileSync("tar", ["-tvzf", archive, "--numeric-owner", "--utc"], { encoding: "utf8" })
    .trim()
    .split("\n");
});

describe("the archive", () => {
  plainTest("is known by its hash", async () => {
    const { bytes, sha256, version: said } = await loadBundle();
    expect(sha256).toBe(createHash("sha256").update(bytes).digest("hex"));
    expect(said).toBe(version);
    expect(bytes.length).toBeLessThan(400_000);
    // RFC 1952, 2.3.1: neither when it was made, nor on which system.
    expect([...bytes.subarray(4, 8), bytes[9]]).toEqual([0, 0, 0, 0, 255]);
  });

  plainTest("is the same whoever makes it, where and when", async () => {
    const program = `
      process.umask(0o077);
      const { loadBundle } = await import(${JSON.stringify(join(CHECKOUT, "ec2-node/aws/bundle/load-bundle.ts"))});
      console.log((await loadBundle()).sha256);`;
    const env = { ...process.env, TZ: "Asia/Tokyo", LC_ALL: "C", TMPDIR: directory };
    const args = ["--input-type=module", "-e", program];
    const { stdout } = spawnSync(PINNED_NODE, args, { cwd: directory, env, encoding: "utf8" });
    expect(stdout.trim()).toBe((await loadBundle()).sha256);
  });

  plainTest("holds what an instance needs, and nothing of whoever made it", () => {
    const entries = listing.map((line) => line.split(/\s+/));
    expect(entries.map(([mode, owner, , date, , name]) => [mode, owner, date, name])).toEqual([
      ["-rw-r--r--", "0/0", "2000-01-01", "LICENSE"],
      ["-rw-r--r--", "0/0", "2000-01-01", "THIRD-PARTY-LICENSES"],
      ["-rwxr-xr-x", "0/0", "2000-01-01", "fetch"],
      ["-rwxr-xr-x", "0/0", "2000-01-01", "fetch-secret"],
      ["-rwxr-xr-x", "0/0", "2000-01-01", "install.sh"],
      ["-rwxr-xr-x", "0/0", "2000-01-01", "raft-lite"],
      ["-rw-r--r--", "0/0", "2000-01-01", "raft-lite.mjs"],
      ["-rw-r--r--", "0/0", "2000-01-01", "raft-lite.service"],
    ]);
    for (const name of readdirSync(release)) {
      expect([name, readFileSync(join(release, name), "utf8").includes(CHECKOUT)]).toEqual([name, false]);
    }
  });

  plainTest("comes with the licence of everything in it", () => {
    const licences = readFileSync(join(release, "THIRD-PARTY-LICENSES"), "utf8");
    expect(licences.match(/^[a-z-]+ \d+\.\d+\.\d+$/gm)).toEqual(
      ["commander", "itty-router", "srvx"].map((name) => {
        const file = join(CHECKOUT, "node_modules", name, "package.json");
        return `${name} ${(JSON.parse(readFileSync(file, "utf8")) as { version: string }).version}`;
      }),
    );
    expect(licences.match(/Permission is hereby granted/g)).toHaveLength(3);
  });
});

describe("its program", () => {
  const program = join(release, "raft-lite");
  const env = { ...process.env, NODE: PINNED_NODE };

  plainTest("imports what Node has, and nothing else", () => {
    const file = join(release, "raft-lite.mjs");
    const source = readFileSync(file, "utf8");
    const specifiers = importsOf(file, source).map(({ specifier }) => specifier);
    expect(specifiers.filter((name) => !builtinModules.includes(name?.replace(/^node:/, "") ?? ""))).toEqual(
      [],
    );
    expect(source).not.toMatch(/@aws-sdk|@smithy/);
  });

  plainTest("knows its version and its commands", () => {
    const run = (...args: string[]) => spawnSync(program, args, { cwd: directory, env, encoding: "utf8" });
    expect(run("--version")).toMatchObject({ status: 0, stdout: `${version}\n`, stderr: "" });
    for (const command of ["node", "status", "command", "verify"])
      expect(run(command, "--help").status).toBe(0);
    for (const command of ["start", "ec2"]) {
      expect(run(command)).toMatchObject({
        status: 2,
        stderr: expect.stringMatching(/^Usage: raft-lite node \| status \| command \| verify \[options\]$/m),
      });
    }
  });

  test("is a whole node", async ({ lab }) => {
    const ports = await lab.ports(2);
    const args = ["node", "--id", "A", "--port", String(ports[0]), "--client-port", String(ports[1])];
    const running = lab.run("A", program, [...args, "--data-dir", lab.folder("A")], { env });
    await running.line(/Started on port/);
    const clients = `http://127.0.0.1:${ports[1]}`;
    expect((await post(`${clients}/command?timeout=30s`, { cmd: "SET x=5" })).status).toBe(200);
    expect((await call(`${clients}/v1/kv/x?raw`)).text).toBe("5");
    const table = spawnSync(program, ["status", clients], { env, encoding: "utf8" });
    expect(table).toMatchObject({ status: 0, stdout: expect.stringMatching(/^A +Leader/m), stderr: "" });
    running.signal("SIGTERM");
    expect(await running.ended()).toEqual({ code: 0, signal: null });
    // Nobody stood between the signal and the node.
    expect(running.stderr).toBe("");
    const verdict = spawnSync(program, ["verify", lab.folder("A")], { env, encoding: "utf8" });
    expect([verdict.status, verdict.stderr]).toEqual([0, ""]);
    expect(statSync(join(lab.folder("A"), "raft.sqlite")).size).toBeGreaterThan(0);
  });
});
