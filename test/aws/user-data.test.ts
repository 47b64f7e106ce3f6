import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { parse } from "yaml";
import { NODE_IDS } from "../../ec2-node/aws/names.ts";
import type { NodeLaunch } from "../../ec2-node/aws/user-data.ts";
import { installLine, USER_DATA_LIMIT_BYTES, userData } from "../../ec2-node/aws/user-data.ts";
import { RaftLiteError } from "../../shared/errors.ts";
import type { CloudConfig } from "./support/launch.ts";
import { launchOf, SHA256 } from "./support/launch.ts";
import { has, runTool } from "./support/tool.ts";

const directory = mkdtempSync(join(tmpdir(), "raft-lite-user-data-"));
afterAll(() => rmSync(directory, { recursive: true }));

function configOf(launch: NodeLaunch): CloudConfig {
  const text = userData(launch);
  expect(text.split("\n")[0]).toBe("#cloud-config");
  return parse(text) as CloudConfig;
}

function contentOf(config: CloudConfig, path: string): string {
  return config.write_files.find((file) => file.path === path)?.content ?? "";
}

/** A file of variables as a shell takes it. */
function variablesOf(content: string): Record<string, string> {
  const file = join(directory, "node.env");
  writeFileSync(file, content);
  const { stdout } = spawnSync("env", ["-i", "bash", "-c", `set -a; . ${file}; env -0`], {
    encoding: "utf8",
  });
  const pairs = stdout
    .split("\0")
    .map((pair): [string, string] => [pair.slice(0, pair.indexOf("=")), pair.slice(pair.indexOf("=") + 1)]);
  return Object.fromEntries(pairs.filter(([name]) => /^(RAFT|AWS)_/.test(name)));
}

test("a node is told who it is and whom it talks to", () => {
  const content = contentOf(configOf(launchOf("B")), "/etc/raft-lite/node.env");
  const expected = {
    RAFT_CLUSTER: "abcdefghijklmnopqrstuvwx",
    RAFT_ID: "B",
    RAFT_PORT: "7000",
    RAFT_CLIENT_PORT: "8000",
    RAFT_PEERS: "A=http://172.31.100.10:7000,C=http://172.31.100.12:7000",
    RAFT_ADVERTISE: "http://203.0.113.10:8000",
    RAFT_VOLUME: "vol-0123456789abcdef0",
    RAFT_SECRET_PARAMETER: "/raft-lite/abcdefghijklmnopqrstuvwx/secret",
    AWS_REGION: "ap-southeast-2",
  };
  expect(variablesOf(content)).toEqual(expected);
  // systemd knows no shell: what it reads is what stands there.
  expect(
    Object.fromEntries(
      content
        .trim()
        .split("\n")
        .map((line) => line.split(/=(.*)/s).slice(0, 2)),
    ),
  ).toEqual(expected);
});

test("without a public address clients are told the private one", () => {
  const content = contentOf(configOf({ ...launchOf("B"), publicAddress: null }), "/etc/raft-lite/node.env");
  expect(variablesOf(content).RAFT_ADVERTISE).toBe("http://172.31.100.11:8000");
});

test("the last thing it does is to fetch the bundle, by its hash", () => {
  const { bundle, region } = launchOf();
  const words = [bundle.bucket, `bundles/${SHA256}.tar.gz`, SHA256, "ap-southeast-2"];
  const config = configOf(launchOf());
  expect(config.runcmd).toEqual([["/opt/raft-lite/boot", ...words]]);
  expect(contentOf(config, "/opt/raft-lite/boot")).toMatch(/\n {2}until \/opt\/raft-lite\/fetch "\$@"; do\n/);
  expect(installLine(bundle, region)).toBe(`/opt/raft-lite/fetch ${words.join(" ")}`);
});

describe("as cloud-init reads it", () => {
  test("it holds nothing but keys that cloud-init knows", () => {
    for (const id of NODE_IDS) {
      const config = configOf(launchOf(id, 5));
      expect(Object.keys(config)).toEqual(["write_files", "runcmd"]);
      for (const file of config.write_files) {
        expect(Object.keys(file)).toEqual(["path", "permissions", "content"]);
        expect(file.permissions).toMatch(/^0[0-7]{3}$/);
        expect(file.content).toMatch(/\n$/);
      }
      for (const command of config.runcmd) for (const word of command) expect(typeof word).toBe("string");
    }
  });

  test("every line of a script arrives as it is", () => {
    const config = configOf(launchOf());
    for (const path of ["/opt/raft-lite/boot", "/opt/raft-lite/fetch"]) {
      const script = join(directory, "script");
      writeFileSync(script, contentOf(config, path));
      expect(runTool("bash", ["-n", script])).toEqual({ status: 0, output: "" });
      expect(contentOf(config, path)).toMatch(/^#!\/bin\/bash\n/);
    }
  });

  test.skipIf(!has("cloud-init"))("its schema is kept", () => {
    for (const launch of [launchOf("A", 5), launchOf()]) {
      const file = join(directory, "user-data");
      writeFileSync(file, userData(launch));
      const { status, output } = runTool("cloud-init", ["schema", "--config-file", file]);
      expect([status, output]).toEqual([0, expect.stringMatching(/^Valid (cloud-config|schema)/)]);
    }
  });
});

describe("its size", () => {
  test("leaves room with five nodes and the longest names", () => {
    const size = Buffer.byteLength(userData(launchOf("A", 5)));
    expect(size).toBeLessThan(USER_DATA_LIMIT_BYTES / 2);
  });

  test("is refused where EC2 would", () => {
    const launch = { ...launchOf(), cluster: "x".repeat(USER_DATA_LIMIT_BYTES) };
    expect(() => userData(launch)).toThrow(
      expect.objectContaining({
        code: "user-data-too-large",
        message: expect.stringMatching(/node A has \d+ bytes and EC2 takes 16384/),
      }),
    );
  });
});

describe("a value that a shell would not take as it stands is refused", () => {
  test.each<[string, Partial<NodeLaunch>]>([
    ["a space", { cluster: "a b" }],
    ["a quote", { cluster: 'a"b' }],
    ["a dollar", { secretParameter: "/raft-lite/$(id)/secret" }],
    ["a line's end", { region: "us-east-1\nRAFT_ID=B" }],
    ["a semicolon", { bundle: { ...launchOf().bundle, key: "a;reboot" } }],
    ["nothing", { volumeId: "" }],
  ])("%s", (_what, change) => {
    expect(() => userData({ ...launchOf(), ...change })).toThrow(RaftLiteError);
    expect(() => userData({ ...launchOf(), ...change })).toThrow(
      expect.objectContaining({ code: "bad-user-data" }),
    );
  });

  test("in the line that updates, too", () => {
    expect(() => installLine({ ...launchOf().bundle, bucket: "a b" }, "us-east-1")).toThrow(
      /^bucket: "a b" cannot/,
    );
  });
});
