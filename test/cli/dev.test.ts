import type { ChildProcess } from "node:child_process";
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterEach, expect, test } from "vitest";

/** `npm run dev`, where it does not come to nodes: test/edge runs whole clusters of it. */
const DEV = resolve(import.meta.dirname, "../../scripts/dev.ts");

const directory = mkdtempSync(join(tmpdir(), "raft-lite-dev-"));
let child: ChildProcess | null = null;

afterEach(() => {
  child?.kill();
  rmSync(directory, { recursive: true, force: true });
});

/** Runs it until it ends; `onOutput` sees all that was said so far. */
async function run(words: readonly string[], onOutput: (text: string, child: ChildProcess) => void) {
  const running = spawn(process.execPath, [DEV, "--persist-to", directory, ...words], { stdio: "pipe" });
  child = running;
  let stdout = "";
  let stderr = "";
  running.stdout.on("data", (data) => {
    stdout += data;
    onOutput(stdout, running);
  });
  running.stderr.on("data", (data) => {
    stderr += data;
  });
  const [code, signal] = await new Promise<unknown[]>((end) => running.on("close", (...how) => end(how)));
  return { code, signal, stdout, stderr };
}

test.each(["--port N", "--port=N"])("a port in use is said in one line: %s", async (words) => {
  const server = createServer();
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  const { port } = server.address() as AddressInfo;
  const said = await run(words.replace("N", String(port)).split(" "), () => undefined);
  server.close();
  expect(said).toEqual({
    ...{ code: 1, signal: null, stdout: "" },
    stderr: `port ${port} is in use: stop what listens there, or choose another with -- --port\n`,
  });
});

test.each<[string, RegExp, NodeJS.Signals]>([
  ["before it is ready", /Starting local server/, "SIGTERM"],
  ["as soon as it is ready", /Ready on/, "SIGTERM"],
  ["with its nodes running", /Nodes: /, "SIGINT"],
])("stopping it %s is no failure", async (_, when, how) => {
  let isAsked = false;
  const { code, signal } = await run(["--port", "0"], (text, running) => {
    if (isAsked || !when.test(text)) return;
    isAsked = true;
    running.kill(how);
  });
  expect({ isAsked, code, signal }).toEqual({ isAsked: true, code: 0, signal: null });
});
