import type { ChildProcess } from "node:child_process";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { oldNode } from "./support/lab.ts";

/**
 * The launcher on a Node that cannot run the sources. Such a Node is played by this one with type stripping switched
 * off, and the pinned Node by this one with it on again.
 */
const PROGRAM = `
const say = (line: string) => console.log(line);
say("pid " + process.pid);
say("arguments " + JSON.stringify(process.argv.slice(2)));
const [what] = process.argv.slice(2);
if (what === "exit") process.exitCode = 7;
if (what === "return") say("nothing left to do");
if (what === "wait") {
  setInterval(() => say("tick"), 20);
  process.on("SIGINT", () => say("got SIGINT"));
  process.on("SIGTERM", () => { say("got SIGTERM"); process.exit(0); });
}
if (what === "wait-without-listeners") setInterval(() => say("tick"), 20);
`;

let home: string;
let launched: { process: ChildProcess; stdout: string; stderr: string }[];

beforeEach(() => {
  launched = [];
  home = mkdtempSync(join(tmpdir(), "raft-lite-launcher-"));
  for (const folder of ["bin", "ec2-node", "node_modules/node/bin"]) {
    mkdirSync(join(home, folder), { recursive: true });
  }
  copyFileSync(resolve("bin/raft-lite.js"), join(home, "bin/raft-lite.js"));
  writeFileSync(
    join(home, "package.json"),
    `{ "type": "module", "scripts": { "start": "node bin/raft-lite.js wait" } }`,
  );
  writeFileSync(join(home, "ec2-node/main.ts"), PROGRAM);
  const pinned = `#!/bin/sh\nunset NODE_OPTIONS\nexec '${process.execPath}' "$@"\n`;
  writeFileSync(join(home, "node_modules/node/bin/node"), pinned, { mode: 0o755 });
});

afterEach(() => {
  for (const { process: child, stdout } of launched) {
    child.kill("SIGKILL");
    const pid = /^pid (\d+)$/m.exec(stdout)?.[1];
    try {
      // If it is gone, as it should be, it may have left its id to somebody else.
      if (readFileSync(`/proc/${pid}/cmdline`, "utf8").includes(home)) process.kill(Number(pid), "SIGKILL");
    } catch {
      // Gone.
    }
  }
  rmSync(home, { recursive: true, force: true });
});

function launch(...args: string[]) {
  return run(process.execPath, [join(home, "bin/raft-lite.js"), ...args], "--no-strip-types");
}

function run(command: string, args: string[], nodeOptions = "") {
  const child = spawn(command, args, {
    cwd: home,
    env: { ...process.env, NODE_OPTIONS: nodeOptions },
    stdio: ["ignore", "pipe", "pipe"],
    // A group of its own, as a terminal gives one to each command.
    detached: true,
  });
  const output = { process: child, stdout: "", stderr: "" };
  child.stdout.on("data", (data) => {
    output.stdout += data;
  });
  child.stderr.on("data", (data) => {
    output.stderr += data;
  });
  launched.push(output);
  return output;
}

/** Waits until the program runs and gives its process id. */
async function programOf(output: { stdout: string }): Promise<number> {
  await vi.waitFor(() => expect(output.stdout).toMatch(/tick/), { timeout: 20_000 });
  return Number(/^pid (\d+)$/m.exec(output.stdout)?.[1]);
}

function stateOf(pid: number): string | undefined {
  try {
    return /\) (.)/.exec(readFileSync(`/proc/${pid}/stat`, "latin1"))?.[1];
  } catch {
    return undefined;
  }
}

const count = (text: string, part: string) => text.split(part).length - 1;

describe("the launcher under a Node that is too old", () => {
  test("passes arguments, output and the exit code on", async () => {
    const output = launch("exit", "SET x=5", "--port", "8000");
    expect(await once(output.process, "close")).toEqual([7, null]);
    expect(output.stdout).toContain(`arguments ["exit","SET x=5","--port","8000"]`);
    expect(output.stdout).not.toContain(`pid ${output.process.pid}\n`);
    expect(output.stderr).toBe("");
  });

  test("keeps nothing running that has nothing left to do", async () => {
    expect(await once(launch("return").process, "close")).toEqual([0, null]);
  });

  test("forwards SIGTERM", async () => {
    const output = launch("wait");
    await programOf(output);
    output.process.kill("SIGTERM");
    expect(await once(output.process, "close")).toEqual([0, null]);
    expect(output.stdout).toContain("got SIGTERM");
  });

  test("ends by the signal that ended the program", async () => {
    const output = launch("wait-without-listeners");
    await programOf(output);
    output.process.kill("SIGTERM");
    expect(await once(output.process, "close")).toEqual([null, "SIGTERM"]);
  });

  test("delivers a CTRL+C once, though the terminal sends it to both", async () => {
    const output = launch("wait");
    await programOf(output);
    process.kill(-output.process.pid!, "SIGINT");
    await vi.waitFor(() => expect(output.stdout).toContain("got SIGINT"), { timeout: 5_000 });
    // Longer than a forwarded copy takes.
    await new Promise((done) => setTimeout(done, 500));
    expect(count(output.stdout, "got SIGINT")).toBe(1);
  });

  test("takes the program along when it is killed", async () => {
    const output = launch("wait");
    const pid = await programOf(output);
    output.process.kill("SIGKILL");
    await vi.waitFor(() => expect([undefined, "Z"]).toContain(stateOf(pid)), { timeout: 5_000 });
  });

  test.runIf(process.platform === "linux")("stops and continues the program with itself", async () => {
    const output = launch("wait");
    const pid = await programOf(output);
    output.process.kill("SIGSTOP");
    await vi.waitFor(() => expect(stateOf(pid)).toBe("T"), { timeout: 5_000 });
    const ticks = count(output.stdout, "tick");
    output.process.kill("SIGCONT");
    await vi.waitFor(() => expect(count(output.stdout, "tick")).toBeGreaterThan(ticks + 2), {
      timeout: 5_000,
    });
  });

  test("says in one line which Node it needs when none is there", async () => {
    rmSync(join(home, "node_modules"), { recursive: true });
    const output = launch("exit");
    expect(await once(output.process, "close")).toEqual([1, null]);
    expect(output.stderr).toMatch(/^raft-lite needs Node 22\.18 or newer.*npm ci.*\n$/);
  });
});

/**
 * The package holds compiled files and no sources. A Node that has SQLite behind a flag (before 22.13) is played by this
 * one with SQLite switched off.
 */
describe("the launcher of the package", () => {
  beforeEach(() => {
    rmSync(join(home, "ec2-node"), { recursive: true });
    mkdirSync(join(home, "dist/ec2-node"), { recursive: true });
    const compiled = PROGRAM.replace("(line: string)", "(line)");
    writeFileSync(join(home, "dist/ec2-node/main.js"), `${compiled}\nsay("flags " + process.execArgv);`);
  });

  function launchPackage(nodeOptions: string, ...args: string[]) {
    return run(process.execPath, [join(home, "bin/raft-lite.js"), ...args], nodeOptions);
  }

  test("runs what is compiled, in its own process", async () => {
    const output = launchPackage("", "exit", "SET x=5");
    expect(await once(output.process, "close")).toEqual([7, null]);
    expect(output.stdout).toContain(`pid ${output.process.pid}\n`);
    expect(output.stdout).toContain(`arguments ["exit","SET x=5"]`);
    expect(output.stdout).toContain("flags \n");
    expect(output.stderr).toBe("");
  });

  test("runs the same Node again with the flag for SQLite, where it takes one", async () => {
    const output = launchPackage("--no-experimental-sqlite", "exit", "SET x=5");
    expect(await once(output.process, "close")).toEqual([7, null]);
    expect(output.stdout).not.toContain(`pid ${output.process.pid}\n`);
    expect(output.stdout).toContain(`arguments ["exit","SET x=5"]`);
    expect(output.stdout).toContain("flags --experimental-sqlite\n");
    expect(output.stderr).toBe("");
  });

  test("keeps the options that Node was given", async () => {
    const child = ["--max-old-space-size=64", join(home, "bin/raft-lite.js"), "return"];
    const output = run(process.execPath, child, "--no-experimental-sqlite");
    expect(await once(output.process, "close")).toEqual([0, null]);
    expect(output.stdout).toContain("flags --experimental-sqlite,--max-old-space-size=64\n");
  });

  test("takes the program along when it is killed", async () => {
    const output = launchPackage("--no-experimental-sqlite", "wait");
    const pid = await programOf(output);
    expect(pid).not.toBe(output.process.pid);
    output.process.kill("SIGKILL");
    await vi.waitFor(() => expect([undefined, "Z"]).toContain(stateOf(pid)), { timeout: 5_000 });
  });

  const old = oldNode();
  test.runIf(old !== null)("says in one line which Node it needs", async () => {
    const output = run(old!, [join(home, "bin/raft-lite.js"), "exit"]);
    expect(await once(output.process, "close")).toEqual([1, null]);
    expect(output.stderr).toMatch(/^raft-lite needs Node 22\.12 or newer and this is v\d+\.\d+\.\d+\n$/);
  });
});

describe.runIf(process.platform === "linux")("the launcher under npm", () => {
  test.each(["SIGTERM", "SIGKILL"] as const)("stops cleanly when npm is ended by %s", async (signal) => {
    const output = run("npm", ["start"]);
    await programOf(output);
    output.process.kill(signal);
    await vi.waitFor(() => expect(output.stdout).toContain("got SIGTERM"), { timeout: 5_000 });
  });
});
