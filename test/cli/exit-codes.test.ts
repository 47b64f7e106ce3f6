import { execFile } from "node:child_process";
import { join } from "node:path";
import { describe, expect, test } from "vitest";

const BIN = join(import.meta.dirname, "..", "..", "bin", "raft-lite.js");

interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

function run(...args: string[]): Promise<Ended> {
  return new Promise((resolve) => {
    const env = { ...process.env, RAFT_SECRET: undefined };
    const child = execFile(process.execPath, [BIN, ...args], { env }, (_error, stdout, stderr) => {
      resolve({ code: child.exitCode ?? -1, stdout, stderr });
    });
  });
}

describe("exit code 0", () => {
  test.each([
    ["--help", "status"],
    ["node --help", "--election-timeout"],
    ["start --help", "--nodes"],
    ["status --help", "--token-file"],
    ["command --help", "--url"],
    ["verify --help", "--json"],
    ["help node", "--peers"],
  ])("%s, with help on stdout", async (line, word) => {
    const { code, stdout, stderr } = await run(...line.split(" "));
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toContain("Usage: raft-lite");
    expect(stdout).toContain(word);
  });

  test("--version", async () => {
    expect(await run("--version")).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^\d+\.\d+\.\d+\n$/),
    });
  });
});

describe("exit code 2, one line and the usage on stderr", () => {
  test.each([
    [[], "Usage: raft-lite"],
    [["foo"], "unknown command 'foo'"],
    [["--foo"], "unknown option '--foo'"],
    [["node"], "--id"],
    [["node", "--id"], "argument missing"],
    [["node", "--id", "A", "--foo"], "unknown option '--foo'"],
    [["node", "--id", "../x"], '"../x"'],
    [["node", "--id", "A", "stray"], "stray"],
    [["node", "--id", "A", "--port", "70000"], '--port: "70000"'],
    [["node", "--id", "A", "--peers", "h:1,", "h:x", "--port", "8000"], '"h:x" is not a peer'],
    [["node", "--id", "A", "--peers"], "argument missing"],
    [["node", "--id", "A", "--election-timeout", "9-1"], "--election-timeout"],
    [["start", "--nodes", "0"], "--nodes"],
    [["start", "stray"], "stray"],
    [["status", "not-a-url"], '"not-a-url"'],
    [["command"], "missing required argument"],
    [["command", "GET x", "--url", "ftp://h"], "--url"],
    [["\u001b[31mfoo"], "unknown command '\\u001b[31mfoo'"],
  ])("%j", async (args, message) => {
    const { code, stdout, stderr } = await run(...args);
    expect(code).toBe(2);
    expect(stdout).toBe("");
    expect(stderr).toContain(message);
    expect(stderr).toContain("Usage: raft-lite");
    expect(stderr).not.toContain("    at ");
    expect(stderr).not.toContain("\u001b");
    if (args.length > 0) expect(stderr).toMatch(/^raft-lite: /);
  });
});

describe("exit code 1, one line on stderr", () => {
  test.each([
    [["node", "--id", "A", "--secret-file", "/nowhere/secret"], "/nowhere/secret"],
    [["command", "SET x=5", "--url", "127.0.0.1:1"], "cannot reach 127.0.0.1:1: nobody listens there"],
    [["start", "--port", "1", "--nodes", "1", "--data-dir", "/dev/null/x"], "/dev/null/x"],
  ])("%j", async (args, message) => {
    const { code, stderr } = await run(...args);
    expect(code).toBe(1);
    expect(stderr).toMatch(/^raft-lite: [^\n]*\n$/);
    expect(stderr).toContain(message);
  });

  test("status without a quorum, with its table on stdout", async () => {
    const { code, stdout, stderr } = await run("status", "127.0.0.1:1", "http://127.0.0.1:2/");
    expect({ code, stderr }).toEqual({ code: 1, stderr: "" });
    expect(stdout).toContain("http://127.0.0.1:1  (nobody listens there)");
    expect(stdout).toContain("http://127.0.0.1:2  (nobody listens there)");
    const json = await run("status", "--json", "127.0.0.1:1");
    expect(JSON.parse(json.stdout)).toMatchObject({ quorum: false, leader: null });
  });
});
