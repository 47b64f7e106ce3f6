import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { errorLine } from "../../ec2-node/cli/error-line.ts";
import type { NodeFlags } from "../../ec2-node/cli/node-options.ts";
import { readNodeOptions } from "../../ec2-node/cli/node-options.ts";
import { isUsageError } from "../../shared/config/usage-error.ts";
import { RaftLiteError } from "../../shared/errors.ts";

const directory = mkdtempSync(join(tmpdir(), "raft-lite-options-"));
afterAll(() => rmSync(directory, { recursive: true }));

const flags: NodeFlags = { id: "A", port: "8000", host: "0.0.0.0", log: "text" };
const read = (changes: Partial<NodeFlags>, env: { RAFT_SECRET?: string } = {}) =>
  readNodeOptions({ ...flags, ...changes }, env);

function fileOf(name: string, content: string): string {
  const file = join(directory, name);
  writeFileSync(file, content);
  return file;
}

test("the lab's command line says all there is to say", () => {
  expect(read({ peers: ["http://172.31.20.250:8001,http://172.31.16.147:8002"] })).toEqual({
    id: "A",
    port: 8000,
    clientPort: null,
    host: "0.0.0.0",
    peers: [
      { id: null, address: "http://172.31.20.250:8001" },
      { id: null, address: "http://172.31.16.147:8002" },
    ],
    dataDirectory: join(".raft-lite", "A"),
    traceDirectory: join(".raft-lite", "A", "trace"),
    advertise: null,
    timings: { heartbeatMs: 100, electionTimeoutMinMs: 500, electionTimeoutMaxMs: 1000 },
    quiesceAfterMs: 0,
    electionPriority: "normal",
    secret: null,
    token: null,
    verbose: false,
    logFormat: "text",
  });
});

test.each<[Partial<NodeFlags>, string | null]>([
  [{ dataDir: "d" }, join("d", "trace")],
  [{ dataDir: "d", trace: "t" }, "t"],
  [{ trace: "off" }, null],
  [{ trace: "./off" }, "./off"],
])("with %j a node records to %s", (changes, expected) => {
  expect(read(changes).traceDirectory).toBe(expected);
});

test("without --peers a node is alone", () => {
  expect(read({}).peers).toEqual([]);
});

describe("timings", () => {
  const timings = (changes: Partial<NodeFlags>) => {
    const { heartbeatMs, electionTimeoutMinMs, electionTimeoutMaxMs } = read(changes).timings;
    return [heartbeatMs, electionTimeoutMinMs, electionTimeoutMaxMs];
  };
  test.each<[string, Partial<NodeFlags>, number[]]>([
    ["the handout's", { labTiming: true }, [50, 150, 300]],
    ["a short heartbeat leaves the election timeout alone", { heartbeat: "20" }, [20, 500, 1000]],
    ["a long heartbeat takes the election timeout with it", { heartbeat: "1000" }, [1000, 5000, 10_000]],
    ["an election timeout takes the heartbeat with it", { electionTimeout: "150-300" }, [50, 150, 300]],
    ["both", { heartbeat: "50", electionTimeout: "300-301" }, [50, 300, 301]],
    ["flags win over the handout's", { labTiming: true, heartbeat: "30" }, [30, 150, 300]],
  ])("%s", (_name, changes, expected) => {
    expect(timings(changes)).toEqual(expected);
  });
});

test("falls silent and gives way only where it is told to", () => {
  expect(read({ quiesceAfter: "10000", electionPriority: "low" })).toMatchObject({
    quiesceAfterMs: 10_000,
    electionPriority: "low",
  });
  expect(read({ quiesceAfter: "off" }).quiesceAfterMs).toBe(0);
});

describe("a secret", () => {
  test("comes from its file without the line's end", () => {
    expect(read({ secretFile: fileOf("secret", "s3cret\r\n") }).secret).toBe("s3cret");
    expect(read({ tokenFile: fileOf("token", "t0ken\n") }).token).toBe("t0ken");
  });

  test("comes from RAFT_SECRET, and from the file where both are given", () => {
    expect(read({}, { RAFT_SECRET: "env" }).secret).toBe("env");
    expect(read({ secretFile: fileOf("secret", "file") }, { RAFT_SECRET: "env" }).secret).toBe("file");
  });

  test.each([
    ["an unreadable file", () => read({ secretFile: join(directory, "missing") }), "ENOENT"],
    ["a directory", () => read({ tokenFile: directory }), "EISDIR"],
    ["an empty file", () => read({ secretFile: fileOf("empty", "\n") }), "is empty"],
    ["an empty variable", () => read({}, { RAFT_SECRET: "" }), "RAFT_SECRET is empty"],
    ["two lines", () => read({ secretFile: fileOf("two", "a\nb\n") }), "one line"],
    ["a control character", () => read({}, { RAFT_SECRET: "a\u0000b" }), "one line"],
  ])("is refused: %s", (_name, act, reason) => {
    const error = thrown(act);
    expect(error).toBeInstanceOf(RaftLiteError);
    expect(isUsageError(error)).toBe(false);
    expect(String(error)).toContain(reason);
  });
});

describe("wrong flags are wrong usage, in one line that names the flag", () => {
  test.each<[string, Partial<NodeFlags>]>([
    ["--id", { id: "../x" }],
    ["--id", { id: "" }],
    ["--id", { id: "a".repeat(33) }],
    ["--id", { id: "raft" }],
    ["--id", { id: "A\n" }],
    ["--port", { port: "65536" }],
    ["--port", { port: "-1" }],
    ["--port", { port: "8e3" }],
    ["--port", { port: "" }],
    ["--port", { port: "80.5" }],
    ["--host", { host: "" }],
    ["--host", { host: "http://h" }],
    ["--host", { host: "h:8000" }],
    ["--peers", { peers: [""] }],
    ["--advertise", { advertise: "http://h:1/?x" }],
    ["--advertise", { advertise: "h" }],
    ["--heartbeat", { heartbeat: "0" }],
    ["--heartbeat", { heartbeat: "1.5" }],
    ["--heartbeat", { heartbeat: "99999999" }],
    ["--election-timeout", { electionTimeout: "500" }],
    ["--election-timeout", { electionTimeout: "1000-500" }],
    ["--election-timeout", { electionTimeout: "500-500" }],
    ["--election-timeout", { electionTimeout: "1-2" }],
    ["--election-timeout", { electionTimeout: "-500-1000" }],
    ["--election-timeout", { electionTimeout: "500-1000", heartbeat: "167" }],
    ["--quiesce-after", { quiesceAfter: "" }],
    ["--quiesce-after", { quiesceAfter: "0" }],
    ["--quiesce-after", { quiesceAfter: "10s" }],
    ["--quiesce-after", { quiesceAfter: "86400001" }],
    ["--election-priority", { electionPriority: "" }],
    ["--election-priority", { electionPriority: "LOW" }],
    ["--log", { log: "xml" }],
    ["--data-dir", { dataDir: "" }],
    ["--trace", { trace: "" }],
  ])("%s %j", (flag, changes) => {
    const error = thrown(() => read(changes));
    expect(isUsageError(error)).toBe(true);
    expect(String(error)).toContain(flag);
    expect(errorLine(error)).not.toContain("\n");
  });
});

function thrown(act: () => unknown): unknown {
  try {
    act();
  } catch (error) {
    return error;
  }
  throw new Error("nothing was thrown");
}
