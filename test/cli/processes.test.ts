import type { ChildProcess } from "node:child_process";
import { spawn } from "node:child_process";
import { createHash, randomInt } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";

const BIN = join(import.meta.dirname, "..", "..", "bin", "raft-lite.js");
const PATIENCE_MS = 20_000;

let directory: string;
let processes: Process[] = [];

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "raft-lite-process-"));
});
afterEach(async () => {
  for (const running of processes) running.child.kill("SIGKILL");
  await Promise.all(processes.map(({ ended }) => ended));
  processes = [];
  // Nodes whose `start` was killed go a moment after it.
  await until(() => {
    rmSync(directory, { recursive: true, force: true });
    return true;
  });
});

interface Process {
  readonly child: ChildProcess;
  readonly stdout: () => string;
  readonly stderr: () => string;
  readonly ended: Promise<number | null>;
}

function run(...args: string[]): Process {
  let stdout = "";
  let stderr = "";
  const env = { ...process.env, RAFT_SECRET: undefined };
  const child = spawn(process.execPath, [BIN, ...args], { env, stdio: ["ignore", "pipe", "pipe"] });
  child.stdout?.setEncoding("utf8").on("data", (text: string) => {
    stdout += text;
  });
  child.stderr?.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
  });
  const ended = new Promise<number | null>((resolve) => child.on("close", resolve));
  const running: Process = { child, stdout: () => stdout, stderr: () => stderr, ended };
  processes.push(running);
  return running;
}

const runNode = (port: number, ...args: string[]) =>
  run("node", "--id", "A", "--port", String(port), "--host", "127.0.0.1", "--data-dir", directory, ...args);

async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = performance.now() + PATIENCE_MS;
  for (;;) {
    let last: unknown = "it did not hold";
    try {
      if (await holds()) return;
    } catch (error) {
      last = error;
    }
    if (performance.now() > deadline) throw new Error("waited in vain", { cause: last });
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

function says(running: Process, text: string): Promise<void> {
  return until(() => running.stdout().includes(text));
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.on("error", () => resolve(false));
    server.listen({ port, host: "127.0.0.1", exclusive: true }, () => server.close(() => resolve(true)));
  });
}

/** The first of `count` ports that are free side by side, below those the system gives to clients. */
async function freePorts(count: number): Promise<number> {
  for (;;) {
    const first = randomInt(12_000, 32_000 - count);
    const free = await Promise.all(Array.from({ length: count }, (_, i) => isFree(first + i)));
    if (free.every(Boolean)) return first;
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

describe("a node's process", () => {
  test.each(["SIGINT", "SIGTERM"] as const)(
    "starts when it says so and stops cleanly at %s",
    async (signal) => {
      const node = runNode(0);
      await says(node, "[Node A] Started on port ");
      const port = /Started on port (\d+)/.exec(node.stdout())?.[1];
      const { status } = await fetch(`http://127.0.0.1:${port}/status`);
      expect(status).toBe(200);
      node.child.kill(signal);
      expect(await node.ended).toBe(0);
      expect(node.stdout()).toMatch(/\[Node A\] Stopped\n$/);
      expect(node.stderr()).toBe("");
    },
  );

  test("ends at a second signal, too", async () => {
    const node = runNode(0);
    await says(node, "Started");
    node.child.kill("SIGINT");
    const again = setInterval(() => node.child.kill("SIGINT"), 50);
    expect(await node.ended).toBe(0);
    clearInterval(again);
  });

  test("says in one line that its port is in use, and leaves nothing behind", async () => {
    const server = createServer().listen(0, "127.0.0.1");
    await new Promise((resolve) => server.once("listening", resolve));
    const { port } = server.address() as AddressInfo;
    const node = runNode(port);
    expect(await node.ended).toBe(1);
    expect(node.stderr()).toMatch(/^raft-lite: port \d+ is in use: [^\n]*--port\n$/);
    server.close();
    const second = runNode(0);
    await says(second, "Started");
  });

  test("says in one line that its directory is in use or cannot be one", async () => {
    await says(runNode(0), "Started");
    for (const args of [[], ["--data-dir", BIN]]) {
      const node = runNode(0, ...args);
      expect(await node.ended).toBe(1);
      expect(node.stdout()).toBe("");
      expect(node.stderr()).toMatch(/^raft-lite: [^\n]*\n$/);
    }
  });

  test.each([
    ["a token alone", ["token"], 1],
    ["a token and a secret", ["token", "secret"], 0],
    ["a secret alone", ["secret"], 0],
  ])("with %s warns of what that does not guard", async (_what, files, warnings) => {
    const flags = files.flatMap((name) => {
      const file = join(directory, `${name}-file`);
      writeFileSync(file, "a-word\n");
      return [`--${name}-file`, file];
    });
    const node = runNode(0, ...flags);
    await says(node, "Became Leader");
    node.child.kill("SIGTERM");
    expect(await node.ended).toBe(0);
    expect(
      node.stderr().match(/^warning: a token alone keeps nobody out.* --secret-file$/gm) ?? [],
    ).toHaveLength(warnings);
    expect(node.stderr()).not.toContain("a-word");
  });

  test("outlives whoever read its log", async () => {
    const node = runNode(0, "--verbose");
    await says(node, "Became Leader");
    const port = /Started on port (\d+)/.exec(node.stdout())?.[1];
    node.child.stdout?.destroy();
    for (let i = 0; i < 50; i++) {
      const response = await fetch(`http://127.0.0.1:${port}/command`, {
        method: "POST",
        body: JSON.stringify({ cmd: `SET x=${i}` }),
      });
      expect(response.status).toBe(200);
    }
    node.child.kill("SIGTERM");
    expect(await node.ended).toBe(0);
  });

  test("does not wait for whoever reads its log slowly", async () => {
    const node = runNode(0, "--verbose");
    await says(node, "Became Leader");
    const port = /Started on port (\d+)/.exec(node.stdout())?.[1];
    node.child.stdout?.pause();
    const value = createHash("sha512").update("x").digest("hex").repeat(8);
    for (let i = 0; i < 2000; i += 100) {
      const batch = Array.from({ length: 100 }, (_, j) =>
        fetch(`http://127.0.0.1:${port}/command`, {
          method: "POST",
          body: JSON.stringify({ cmd: `SET k${i + j}=${value}` }),
        }),
      );
      for (const response of await Promise.all(batch)) expect(response.status).toBe(200);
    }
    node.child.stdout?.resume();
    node.child.kill("SIGTERM");
    expect(await node.ended).toBe(0);
  });

  test("--log json gives one object a line", async () => {
    const node = runNode(0, "--log", "json");
    await says(node, '"leader"');
    node.child.kill("SIGTERM");
    await node.ended;
    const events = node
      .stdout()
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(events.map(({ event }) => event)).toEqual(
      expect.arrayContaining(["started", "candidate", "leader", "stopped"]),
    );
    for (const { node: name, time } of events) {
      expect(name).toBe("A");
      expect(Date.parse(time)).toBeGreaterThan(0);
    }
  });
});

describe("start", () => {
  const start = (port: number, ...args: string[]) =>
    run("start", "--port", String(port), "--data-dir", directory, ...args);

  test("runs three nodes that serve, says how to use them, and stops them all", async () => {
    const port = await freePorts(3);
    const cluster = start(port);
    await says(cluster, "Became Leader");
    for (const [i, id] of ["A", "B", "C"].entries()) {
      await says(cluster, `[Node ${id}] Started on port ${port + i}`);
      expect(cluster.stdout()).toContain(`  ${id}  http://127.0.0.1:${port + i}`);
    }
    expect(cluster.stdout()).toContain(`curl -X POST http://127.0.0.1:${port}/command`);
    expect(cluster.stdout()).toContain(`rm -r ${directory}`);

    const urls = [0, 1, 2].map((i) => `127.0.0.1:${port + i}`);
    await until(async () => (await run("status", ...urls).ended) === 0);
    const status = run("status", ...urls);
    expect(await status.ended).toBe(0);
    expect(status.stdout()).toMatch(/^node +role +term +leader +log +commit +lag/);
    expect(status.stdout()).toContain("3 of 3 nodes follow");

    const command = run("command", "SET x=5", "--url", urls[2]!);
    expect(await command.ended).toBe(0);
    expect(command.stdout()).toMatch(/^OK\n/);
    const unknown = run("command", "FOO", "--url", urls[0]!);
    expect(await unknown.ended).toBe(1);
    expect(unknown.stderr()).toMatch(/^raft-lite: [^\n]*verb[^\n]*\n$/);

    const second = start(port);
    expect(await second.ended).toBe(1);
    expect(second.stderr()).toMatch(/^raft-lite: port \d+ is in use/);

    cluster.child.kill("SIGINT");
    expect(await cluster.ended).toBe(0);
    for (const i of [0, 1, 2]) expect(await isFree(port + i)).toBe(true);

    const other = start(port, "--nodes", "5");
    expect(await other.ended).toBe(1);
    expect(other.stderr()).toMatch(/^raft-lite: .*holds a cluster of 3, not 5[^\n]*\n$/);
  });

  test("says how to start a node again that died, and goes on with the others", async () => {
    const port = await freePorts(3);
    const cluster = start(port);
    await says(cluster, "Became Leader");
    const before = pidOf(directory, "B");
    process.kill(before, "SIGKILL");
    const advice = /\[Node B\] Ended unexpectedly \(SIGKILL\)\. Start it again with:\n {2}(.*)\n/;
    await until(() => advice.test(cluster.stdout()));
    const line = advice.exec(cluster.stdout())?.[1] ?? "";
    const again = spawn(line, { shell: true, detached: true, stdio: "ignore" });
    try {
      await until(async () => (await fetch(`http://127.0.0.1:${port + 1}/health`)).status === 200);
    } finally {
      process.kill(-(again.pid ?? 0), "SIGTERM");
    }
    const urls = [0, 1, 2].map((i) => `127.0.0.1:${port + i}`);
    await until(async () => (await run("status", ...urls).ended) === 0);
  });

  test("ends with exit code 1 when no node is left", async () => {
    const cluster = start(await freePorts(1), "--nodes", "1");
    await says(cluster, "Started");
    process.kill(pidOf(directory, "A"), "SIGKILL");
    expect(await cluster.ended).toBe(1);
  });

  test("leaves no node behind when it is killed", async () => {
    const port = await freePorts(3);
    const cluster = start(port);
    await says(cluster, "Became Leader");
    const pids = ["A", "B", "C"].map((id) => pidOf(directory, id));
    cluster.child.kill("SIGKILL");
    await until(() => !pids.some(isAlive));
    await says(start(port), "Became Leader");
  });
});

/** The process that holds a node's directory. */
function pidOf(cluster: string, id: string): number {
  return Number.parseInt(readFileSync(join(cluster, id, "raft.pid"), "utf8"), 10);
}
