import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect } from "vitest";
import { CHECKOUT, PINNED_NODE, test } from "./support/lab.ts";
import { reservePorts } from "./support/ports.ts";

/** The AWS SDK belongs to `ec2` alone: shown by the files that the system is asked to open. */

const hasStrace = spawnSync("strace", ["-o", "/dev/null", "true"]).status === 0;

/** The files of the SDK that a command line and all that it starts open. */
function sdkFiles(directory: string, ...words: string[]): string[] {
  const trace = join(directory, "trace");
  const program = [PINNED_NODE, join(CHECKOUT, "bin/raft-lite.js"), ...words];
  const env = {
    ...process.env,
    AWS_ENDPOINT_URL: "http://127.0.0.1:1",
    AWS_REGION: "us-east-1",
    AWS_ACCESS_KEY_ID: "none",
    AWS_SECRET_ACCESS_KEY: "none",
  };
  // `timeout` stops what would go on for ever, as CTRL+C does.
  const calls = ["-f", "-s", "4096", "-e", "trace=open,openat,openat2", "-o", trace];
  spawnSync("strace", [...calls, "timeout", "--signal=INT", "4", ...program], { cwd: directory, env });
  const opened = readFileSync(trace, "utf8").split("\n");
  // It did start: otherwise it would open none of it either.
  expect(opened.some((line) => line.includes("commander"))).toBe(true);
  return opened.filter((line) => /\/(@aws-sdk|@smithy|@aws-crypto)\//.test(line));
}

describe.skipIf(!hasStrace)("the AWS SDK", () => {
  test.for([
    "--help",
    "start --port PORT",
    "node --id A --port 0",
    "status http://127.0.0.1:1",
    "command --url http://127.0.0.1:1 GET x",
    "verify .",
    "ec2 --help",
    "ec2 up --nodes 4",
  ])("is not opened by: %s", async (line, { lab }) => {
    const reserved = await reservePorts(3);
    const words = line.replace("PORT", String(reserved.ports[0])).split(" ");
    expect(sdkFiles(lab.directory, ...words)).toEqual([]);
    reserved.release();
  });

  test("is opened by a command of ec2", ({ lab }) => {
    expect(sdkFiles(lab.directory, "ec2", "status").length).toBeGreaterThan(10);
  });
});
