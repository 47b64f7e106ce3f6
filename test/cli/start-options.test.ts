import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { claimClusterDirectory } from "../../ec2-node/cli/cluster-directory.ts";
import { awaitFreePorts } from "../../ec2-node/cli/free-ports.ts";
import { parsePeers } from "../../ec2-node/cli/peers.ts";
import { quoted } from "../../ec2-node/cli/shell-text.ts";
import type { StartFlags } from "../../ec2-node/cli/start-options.ts";
import { readStartOptions } from "../../ec2-node/cli/start-options.ts";
import { makeDirectory } from "../../ec2-node/make-directory.ts";
import { isUsageError } from "../../shared/config/usage-error.ts";

const temporary = mkdtempSync(join(tmpdir(), "raft-lite-start-"));
afterAll(() => rmSync(temporary, { recursive: true }));

const flags: StartFlags = { nodes: "3", port: "8000", dataDir: ".raft-lite", host: "127.0.0.1" };

describe("start", () => {
  test("runs A, B and C, each with the others as its peers", () => {
    const { nodes } = readStartOptions(flags);
    expect(nodes.map(({ id, port, url }) => [id, port, url])).toEqual([
      ["A", 8000, "http://127.0.0.1:8000"],
      ["B", 8001, "http://127.0.0.1:8001"],
      ["C", 8002, "http://127.0.0.1:8002"],
    ]);
    expect(nodes[1]?.args.join(" ")).toBe(
      "node --id B --port 8001 --host 127.0.0.1 --peers A=http://127.0.0.1:8000,C=http://127.0.0.1:8002 --data-dir .raft-lite/B",
    );
  });

  test("gives every node a place for its recording", () => {
    const traces = (trace?: string) =>
      readStartOptions({ ...flags, ...(trace !== undefined && { trace }) }).nodes.map(
        ({ args }) => args.join(" ").match(/--trace (\S+)/)?.[1],
      );
    expect(traces()).toEqual([undefined, undefined, undefined]);
    expect(traces("t")).toEqual(["t/A", "t/B", "t/C"]);
    expect(traces("off")).toEqual(["off", "off", "off"]);
  });

  test("gives every node the same peers by its own lights", () => {
    for (const nodes of ["1", "2", "5", "9"]) {
      const cluster = readStartOptions({ ...flags, nodes, host: "::1" }).nodes;
      for (const node of cluster) {
        const list = node.args[node.args.indexOf("--peers") + 1] ?? "";
        const peers = cluster.length === 1 ? [] : parsePeers([list]);
        expect(peers.map(({ id }) => id)).toEqual(cluster.map(({ id }) => id).filter((id) => id !== node.id));
      }
    }
  });

  test.each<[string, Partial<StartFlags>]>([
    ["--nodes", { nodes: "0" }],
    ["--nodes", { nodes: "10" }],
    ["--nodes", { nodes: "three" }],
    ["--port", { port: "0" }],
    ["--port", { port: "65534" }],
    ["--data-dir", { dataDir: "" }],
    ["--trace", { trace: "" }],
    ["--host", { host: "h:1" }],
  ])("refuses a wrong %s: %j", (flag, changes) => {
    try {
      readStartOptions({ ...flags, ...changes });
    } catch (error) {
      expect(isUsageError(error)).toBe(true);
      expect(String(error)).toContain(flag);
      return;
    }
    throw new Error("not refused");
  });
});

describe("the directory of a local cluster", () => {
  test("belongs to as many nodes as it was made for", () => {
    const directory = join(temporary, "three");
    claimClusterDirectory(directory, 3);
    claimClusterDirectory(directory, 3);
    expect(() => claimClusterDirectory(directory, 5)).toThrow(
      /holds a cluster of 3, not 5: start it with --nodes 3, .*rm -r/,
    );
    expect(JSON.parse(readFileSync(join(directory, "cluster.json"), "utf8"))).toEqual({ nodes: 3 });
  });

  test("is not guessed at when its note is damaged", () => {
    const directory = join(temporary, "damaged");
    claimClusterDirectory(directory, 3);
    for (const text of ["", "{", "{}", "null", '{"nodes":"3"}']) {
      writeFileSync(join(directory, "cluster.json"), text);
      expect(() => claimClusterDirectory(directory, 3), text).toThrow(/does not say how many nodes/);
    }
  });

  test("that cannot be used is named in one line", () => {
    const file = join(temporary, "file");
    writeFileSync(file, "");
    expect(() => claimClusterDirectory(file, 3)).toThrow(/cannot use .*file .*--data-dir/);
    expect(() => claimClusterDirectory(join(file, "below"), 3)).toThrow(/cannot use .*ENOTDIR/);
    if (process.platform === "linux") {
      expect(() => claimClusterDirectory("/proc/raft-lite/x", 3)).toThrow(/ENOENT/);
    }
    if (process.getuid?.() === 0) return;
    const locked = mkdtempSync(join(temporary, "locked-"));
    chmodSync(locked, 0o500);
    expect(() => claimClusterDirectory(join(locked, "c"), 3)).toThrow(/EACCES/);
  });
});

describe("a port in use", () => {
  test("is waited for", async () => {
    const server = createServer().listen(0, "127.0.0.1");
    await new Promise((resolve) => server.once("listening", resolve));
    const { port } = server.address() as AddressInfo;
    setTimeout(() => server.close(), 150);
    await awaitFreePorts("127.0.0.1", [port]);
    expect(server.listening).toBe(false);
  });

  test("is named when it stays so", async () => {
    const server = createServer().listen(0, "127.0.0.1");
    await new Promise((resolve) => server.once("listening", resolve));
    const { port } = server.address() as AddressInfo;
    await expect(awaitFreePorts("127.0.0.1", [port])).rejects.toThrow(`port ${port} is in use`);
    server.close();
  });
});

test("words are quoted for a shell where they have to be", () => {
  expect(["a/b", "--x=1", "", "a b", "it's", "$HOME"].map(quoted)).toEqual([
    "a/b",
    "--x=1",
    "''",
    "'a b'",
    "'it'\\''s'",
    "'$HOME'",
  ]);
});

test("a directory is made with what is missing above it, and the first one made is named", () => {
  const top = join(temporary, "top");
  expect(makeDirectory(join(top, "b", "c"))).toBe(top);
  expect(makeDirectory(join(top, "b", "d"))).toBe(join(top, "b", "d"));
  expect(makeDirectory(join(top, "b", "d"))).toBeUndefined();
  expect(statSync(top).mode & 0o777).toBe(0o700);
});
