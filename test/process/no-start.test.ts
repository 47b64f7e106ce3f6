import { chmodSync, existsSync, readdirSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { describe, expect } from "vitest";
import type { Lab } from "./support/lab.ts";
import { test } from "./support/lab.ts";
import type { LabNode } from "./support/node.ts";
import type { Running } from "./support/running.ts";

/** What keeps a node from starting is said in one line, and hurts nobody who runs already. */
async function expectOneLine(running: Running, line: RegExp): Promise<void> {
  expect(await running.ended()).toEqual({ code: 1, signal: null });
  expect(running.stderr).toMatch(/^raft-lite: [^\n]*\n$/);
  expect(running.stderr).toMatch(line);
  expect(running.stdout).toBe("");
}

async function runningNode(lab: Lab): Promise<LabNode> {
  const cluster = await lab.cluster("A");
  const [node] = cluster.nodes as [LabNode];
  node.start();
  await node.insist("SET x=5");
  return node;
}

describe.concurrent("a port in use", () => {
  test("by another node", async ({ lab }) => {
    const node = await runningNode(lab);
    const second = lab.raftLite("B", ["node", "--id", "B", "--port", String(node.port)]);
    await expectOneLine(second, new RegExp(`port ${node.port} is in use: .*--port`));
    expect(await node.get("x")).toBe("5");
  });

  test("by another program, for node and for start", async ({ lab }) => {
    const [first, second] = (await lab.ports(3)) as [number, number, number];
    const server = createServer().listen({ host: "127.0.0.1", port: second });
    lab.atEnd(() => server.close());
    await expectOneLine(lab.raftLite("A", ["node", "--id", "A", "--port", String(second)]), /is in use/);
    const start = lab.raftLite("start", ["start", "--port", String(first)]);
    await expectOneLine(start, new RegExp(`port ${second} is in use: .*--port`));
  });
});

describe.concurrent("a data directory", () => {
  test("of a node that runs", async ({ lab }) => {
    const node = await runningNode(lab);
    const [port] = await lab.ports(1);
    const args = ["node", "--id", "A", "--port", String(port), "--data-dir", node.dataDirectory];
    await expectOneLine(
      lab.raftLite("A again", args),
      new RegExp(`^raft-lite: Data directory .* is in use by process ${node.process.pid}\\. .*--data-dir`),
    );
    await node.insist("SET x=6");
    expect(await node.get("x")).toBe("6");
  });

  test("of another id", async ({ lab }) => {
    const node = await runningNode(lab);
    await node.kill();
    const args = ["node", "--id", "B", "--port", String(node.port), "--data-dir", node.dataDirectory];
    await expectOneLine(lab.raftLite("B", args), /This data belongs to node A, not to node B\. .*--id A/);
    node.start();
    expect(await node.insist("GET x")).toMatchObject({ result: "5" });
  });

  test("that is a file", async ({ lab }) => {
    const file = join(lab.directory, "file");
    writeFileSync(file, "");
    const [port] = await lab.ports(1);
    for (const directory of [file, join(file, "below")]) {
      const args = ["node", "--id", "A", "--port", String(port), "--data-dir", directory];
      await expectOneLine(lab.raftLite("A", args), /--data-dir/);
    }
  });

  test("with a database that is none", async ({ lab }) => {
    const node = await runningNode(lab);
    await node.kill();
    for (const entry of readdirSync(node.dataDirectory, { withFileTypes: true })) {
      if (!entry.isFile()) continue;
      writeFileSync(join(node.dataDirectory, entry.name), "something else entirely\n".repeat(1000));
    }
    const again = node.start();
    await expectOneLine(again, /is damaged|made by another program/);
  });

  // Root may read everything, so somebody else has to try.
  const isRoot = process.getuid?.() === 0;
  test("that this user may not read", async ({ lab }) => {
    chmodSync(lab.directory, 0o755);
    const directory = lab.folder("private");
    chmodSync(directory, isRoot ? 0o700 : 0o000);
    const [port] = await lab.ports(1);
    const args = ["node", "--id", "A", "--port", String(port), "--data-dir"];
    const options = isRoot ? { uid: 65_534 } : {};
    await expectOneLine(
      lab.raftLite("A", [...args, directory], options),
      /private cannot be used: .*--data-dir/,
    );
    await expectOneLine(
      lab.raftLite("A", [...args, join(directory, "A")], options),
      /cannot be used: .*--data-dir/,
    );
  });
});

describe.concurrent("an id", () => {
  test.for(["../x", "..", "a/b", "", "a b", "status", "x".repeat(33), "\u001b[2J"])(
    "%j",
    async (id, { lab }) => {
      const [port] = await lab.ports(1);
      const cwd = lab.folder("here");
      const node = lab.raftLite("node", ["node", "--id", id, "--port", String(port)], { cwd });
      expect(await node.ended()).toEqual({ code: 2, signal: null });
      const [line, usage] = node.stderr.split("\n");
      expect(line).toMatch(
        /^raft-lite: --id: ".*" (is not 1 to 32 of the characters|is the name of a route)/,
      );
      expect(usage).toMatch(/^Usage: raft-lite node --id ID/);
      expect(node.stderr).not.toContain("\u001b");
      expect([readdirSync(cwd), existsSync(join(lab.directory, "x"))]).toEqual([[], false]);
    },
  );
});
