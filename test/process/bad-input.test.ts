import { writeFileSync } from "node:fs";
import { request } from "node:http";
import { connect } from "node:net";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { Cluster } from "./support/cluster.ts";
import type { CallOptions, Reply } from "./support/http.ts";
import { call, post } from "./support/http.ts";
import { Lab, STEADY } from "./support/lab.ts";
import type { LabNode } from "./support/node.ts";
import type { Status } from "./support/test-node.ts";

/** Whatever is sent to a node: nothing is appended, no term moves, and it goes on serving. */
const lab = new Lab();
let cluster: Cluster;
let leader: LabNode;
let follower: LabNode;
let clusterId: string;

beforeAll(async () => {
  const secret = join(lab.directory, "secret");
  writeFileSync(secret, "swordfish\n");
  cluster = await lab.cluster("ABC", [...STEADY, "--secret-file", secret]);
  cluster.start();
  leader = await cluster.leader();
  follower = await cluster.follower();
  await leader.insist("SET x=5");
  clusterId = (await cluster.level()).raft.clusterId ?? "";
});

afterAll(() => lab.dispose());

const SECRET = { authorization: "Bearer swordfish" };
let before: Status[];

async function pictures(): Promise<Status[]> {
  const statuses = await cluster.statuses("?log=all");
  return statuses.map(({ raft, ...status }) => ({
    ...status,
    raft: { clusterId: raft.clusterId, lastIndex: raft.lastIndex, problem: raft.problem } as Status["raft"],
  }));
}

beforeEach(async ({ onTestFailed }) => {
  onTestFailed(() => console.error(lab.transcript()));
  before = await pictures();
});

afterEach(async () => {
  expect(await pictures()).toEqual(before);
  for (const node of cluster.nodes) expect(await node.get("x")).toBe("5");
});

interface Problem {
  readonly ok?: boolean;
  readonly error?: string;
  readonly code: string;
  readonly status: number;
  readonly title?: string;
  readonly detail: string;
  readonly outcome?: string;
}

function expectProblem(reply: Reply, status: number, code?: string): Problem {
  expect([reply.status, reply.text.slice(0, 300)]).toEqual([status, expect.any(String)]);
  expect(reply.headers["content-type"]).toBe("application/problem+json");
  const problem = JSON.parse(reply.text) as Problem;
  expect(problem.status).toBe(status);
  expect(problem.code).toMatch(/^[a-z]+(-[a-z]+)*$/);
  expect(problem.detail).not.toBe("");
  if (code !== undefined) expect(problem.code).toBe(code);
  return problem;
}

/** Both kinds of nodes are asked. */
const NODES: readonly (readonly [role: string, node: () => LabNode])[] = [
  ["the leader", () => leader],
  ["a follower", () => follower],
];

const deep = (count: number) => `${'{"cmd":'.repeat(count)}1${"}".repeat(count)}`;
const deepList = `${"[".repeat(100_000)}${"]".repeat(100_000)}`;

describe.each(NODES)("POST /command at %s", (_role, node) => {
  const bodies: readonly (readonly [
    what: string,
    body: string | Uint8Array,
    status: number,
    code: string,
  ])[] = [
    ["no body", "", 400, "bad-json"],
    ["blanks", "  \n", 400, "bad-json"],
    ["half a body", '{"cmd":"SET x=6"', 400, "bad-json"],
    ["text", "SET x=6", 400, "bad-json"],
    ["a form", "cmd=SET+x%3D6", 400, "bad-json"],
    ["not UTF-8", new Uint8Array([0x7b, 0xff, 0xfe, 0x7d]), 400, "bad-encoding"],
    ["null", "null", 400, "bad-json"],
    ["a list", '["SET x=6"]', 400, "bad-json"],
    ["a string", '"SET x=6"', 400, "bad-json"],
    ["an empty object", "{}", 400, "bad-field"],
    ["cmd a number", '{"cmd":6}', 400, "bad-field"],
    ["cmd null", '{"cmd":null}', 400, "bad-field"],
    ["cmd a list", '{"cmd":["SET x=6"]}', 400, "bad-field"],
    ["cmd an object", '{"cmd":{"SET":"x=6"}}', 400, "bad-field"],
    ["cmd and command", '{"cmd":"SET x=6","command":"SET x=7"}', 400, "bad-field"],
    ["nested 100,000 deep", deep(100_000), 400, "bad-field"],
    ["lists nested 100,000 deep", deepList, 400, "bad-json"],
    ["an empty command", '{"cmd":""}', 400, "bad-command"],
    ["a blank command", '{"cmd":"   "}', 400, "bad-command"],
    ["an unknown verb", '{"cmd":"FROB x=6"}', 400, "unknown-verb"],
    ["SQL", '{"cmd":"DROP TABLE entries"}', 400, "unknown-verb"],
    ["SET alone", '{"cmd":"SET"}', 400, "bad-command"],
    ["SET without =", '{"cmd":"SET x 6"}', 400, "bad-command"],
    ["SET without a key", '{"cmd":"SET =6"}', 400, "bad-command"],
    ["a key with a space", '{"cmd":"SET x y=6"}', 400, "bad-command"],
    ["a newline in a value", '{"cmd":"SET x=6\\nSET y=7"}', 400, "bad-command"],
    ["a carriage return", '{"cmd":"SET x=6\\rSET y=7"}', 400, "bad-command"],
    ["a control character in a key", '{"cmd":"SET x\\u001b[2J=6"}', 400, "bad-command"],
    ["half a surrogate pair", '{"cmd":"SET x=\\ud800"}', 400, "bad-command"],
    ["GET without a key", '{"cmd":"GET"}', 400, "bad-command"],
    ["GET of two keys", '{"cmd":"GET x y"}', 400, "bad-command"],
    ["CAS with two words", '{"cmd":"CAS x 5"}', 400, "bad-command"],
    ["CAS with four words", '{"cmd":"CAS x 5 6 7"}', 400, "bad-command"],
    ["a key of 600 bytes", `{"cmd":"SET ${"k".repeat(600)}=6"}`, 413, "key-too-large"],
    [
      "a key of 600 bytes in 150 characters",
      `{"cmd":"SET ${"\u{1f511}".repeat(150)}=6"}`,
      413,
      "key-too-large",
    ],
    ["2 MiB", `{"cmd":"SET x=${"6".repeat(2 << 20)}"}`, 413, "body-too-large"],
  ];
  test.each(bodies)("%s", async (_what, body, status, code) => {
    for (const path of ["/command", "/client", "/client_command"]) {
      const problem = expectProblem(await call(`${node().url}${path}`, { body }), status, code);
      expect(problem.ok).toBe(false);
      expect(problem.error).toEqual(expect.any(String));
      // What is printed of it cannot move anybody's cursor.
      expect(problem.detail).not.toMatch(/\p{Cc}/u);
    }
  });

  test("2 MiB in chunks, without a length", async () => {
    const reply = await new Promise<Reply>((resolve, reject) => {
      const sent = request(`${node().url}/command`, { method: "POST", agent: false }, (answer) => {
        let text = "";
        answer.setEncoding("utf8").on("data", (part) => {
          text += part;
        });
        answer.on("end", () => resolve({ status: answer.statusCode ?? 0, headers: answer.headers, text }));
      });
      sent.on("error", reject);
      sent.write(`{"cmd":"SET x=`);
      for (let n = 0; n < 32; n++) sent.write("6".repeat(1 << 16));
      sent.end(`"}`);
    });
    expectProblem(reply, 413, "body-too-large");
  });

  test.each([
    "timeout=0",
    "timeout=-1",
    "timeout=61s",
    "timeout=soon",
    "timeout=1e3",
    "timeout=1s&timeout=2s",
  ])("?%s", async (query) => {
    expectProblem(await post(`${node().url}/command?${query}`, { cmd: "SET x=6" }), 400, "bad-parameter");
  });

  test("a raft-forward that is not never", async () => {
    const headers = { "raft-forward": "nevr" };
    expectProblem(await node().command("SET x=6", { headers }), 400, "bad-header");
  });
});

describe.each(NODES)("other routes and methods at %s", (_role, node) => {
  test.each(["/", "/nowhere", "/status/A", "/A/status", "/v1", "/chaos/stop", "/..%2f..%2fetc/passwd"])(
    "there is no %s",
    async (path) => {
      const { text } = await call(`${node().url}${path}`);
      const { routes } = expectProblem(
        await call(`${node().url}${path}`),
        404,
        "unknown-route",
      ) as unknown as {
        routes: string[];
      };
      expect(text).toContain("POST /command");
      expect(routes).toContain("GET /status");
    },
  );

  test.each([
    ["GET", "/command", "POST"],
    ["PUT", "/command", "POST"],
    ["DELETE", "/status", "GET"],
    ["POST", "/status", "GET"],
    ["POST", "/health", "GET"],
    ["GET", "/raft", "POST"],
    ["GET", "/requestVote", "POST"],
  ])("%s %s is not allowed, %s is", async (method, path, allowed) => {
    const reply = await call(`${node().url}${path}`, { method });
    expectProblem(reply, 405, "method-not-allowed");
    expect(reply.headers.allow?.split(", ")).toContain(allowed);
  });

  test.each(["log=-3", "log=x", "log=1.5", "log=1&log=2"])("/status?%s", async (query) => {
    expectProblem(await call(`${node().url}/status?${query}`), 400, "bad-parameter");
  });

  test("a percent that leads nowhere", async () => {
    expectProblem(await call(`${node().url}/%zz`), 400);
  });

  test.each([
    ["no HTTP", "SET x=6\r\n\r\n"],
    ["TLS", "\u0016\u0003\u0001\u0002\u0000\u0001\u0000\u0001\u00fc\u0003\u0003"],
    ["half a request", "POST /command HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n{"],
    ["two lengths", "POST /command HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\n{}"],
    ["a header without end", `GET /status HTTP/1.1\r\nx: ${"y".repeat(100_000)}\r\n\r\n`],
  ])("%s", async (_what, bytes) => {
    await new Promise<void>((resolve) => {
      const socket = connect(node().port, "127.0.0.1");
      socket.on("error", () => {});
      socket.on("close", () => resolve());
      socket.resume().end(bytes, "latin1");
    });
  });
});

const MESSAGES = [
  "RequestVote",
  "RequestVoteResponse",
  "AppendEntries",
  "AppendEntriesResponse",
  "TimeoutNow",
  "ReadIndex",
  "ReadIndexResponse",
  "Forward",
  "ForwardResponse",
];

const RAFT_ROUTES = ["/raft", "/requestVote", "/appendEntries", "/timeoutNow", "/installSnapshot"];
const ALIASES = ["/request_vote", "/append_entries", "/timeout_now", "/install_snapshot"];

describe.each(NODES)("the nodes' routes at %s", (_role, node) => {
  const send = (path: string, body: string, headers: CallOptions["headers"] = SECRET) =>
    call(`${node().url}${path}`, { body, headers: { "content-type": "application/json", ...headers } });

  /** As true as a stranger can make it: every message the protocol has, with a term to depose anybody. */
  const message = (path: string, more: Record<string, unknown>, sender = "Z") => {
    const vote = { candidateId: sender, lastLogIndex: 999, lastLogTerm: 999 };
    const append = { leaderId: sender, prevLogIndex: 0, prevLogTerm: 0, leaderCommit: 999 };
    const entries = [{ term: 999, kind: "command", time: 0, cmd: "SET x=6" }];
    const single = { term: 999, storeId: "0".repeat(32), ...vote, ...append, entries };
    const granted = { voteGranted: true, requestTerm: 999 };
    const taken = { success: true, matchIndex: 999, conflictIndex: 0, conflictTerm: 0, round: 999 };
    const confirmed = { readId: 0, readIndex: 0 };
    const forward = { boot: 1, call: 1, commands: [{ sequence: 1, floor: 1, cmd: "SET x=6" }] };
    const all = { ...single, ...granted, ...taken, ...confirmed, ...forward, results: [] };
    const batch = MESSAGES.map((type) => ({ type, ...all }));
    const exchange = { version: 1, id: sender, storeId: "0".repeat(32), to: "", messages: batch };
    return JSON.stringify({ ...(path === "/raft" ? exchange : single), ...more });
  };

  describe.each(RAFT_ROUTES)("%s", (path) => {
    const isSnapshot = path.startsWith("/install");

    test("no secret, a wrong one, one in another way", async () => {
      const wrong = [
        "Bearer wrong",
        "Bearer",
        "Basic swordfish",
        "swordfish",
        "Bearer swordfish2",
        "Bearer swordfis",
      ];
      for (const headers of [{}, ...wrong.map((authorization) => ({ authorization }))]) {
        for (const body of [message(path, { clusterId }), "garbage", ""]) {
          const reply = await send(path, body, headers as CallOptions["headers"]);
          expectProblem(reply, 401, "unauthorized");
          expect(reply.headers["www-authenticate"]).toMatch(/^Bearer/);
        }
      }
    });

    test.each([
      ["nothing", ""],
      ["text", "garbage"],
      ["null", "null"],
      ["a list", "[]"],
      ["a number", "7"],
      ["no field", "{}"],
      ["nested 100,000 deep", deep(100_000)],
      ["lists nested 100,000 deep", deepList],
    ])("%s", async (_what, body) => {
      expectProblem(await send(path, body), isSnapshot ? 501 : 400);
    });

    test.each([
      ["no clusterId", {}],
      ["a clusterId that is a number", { clusterId: 7 }],
      [
        "a term that is text",
        { clusterId: "", term: "999", messages: [{ type: "RequestVote", term: "999" }] },
      ],
      ["a negative term", { clusterId: "", term: -1, messages: [{ type: "TimeoutNow", term: -1 }] }],
      ["a term of 2^60", { clusterId: "", term: 2 ** 60, messages: [{ type: "TimeoutNow", term: 2 ** 60 }] }],
      ["a fraction of a term", { clusterId: "", term: 1.5, messages: [{ type: "TimeoutNow", term: 1.5 }] }],
      ["a sender that is a list", { clusterId: "", id: [], candidateId: [], leaderId: [] }],
      ["messages that are none", { clusterId: "", messages: "RequestVote", term: null }],
      ["entries that are none", { clusterId: "", entries: 7, term: [], messages: [7] }],
    ])("%s", async (_what, more) => {
      const own = "clusterId" in more && more.clusterId === "" ? { ...more, clusterId } : more;
      expectProblem(await send(path, message(path, own)), isSnapshot ? 501 : 400);
    });

    test("a foreign clusterId", async () => {
      const reply = await send(path, message(path, { clusterId: "f".repeat(32) }));
      expectProblem(reply, isSnapshot ? 501 : 403, isSnapshot ? undefined : "foreign-cluster");
    });

    test("the clusterId of one that has none yet: it is told ours, and no more", async () => {
      const reply = await send(path, message(path, { clusterId: null }));
      if (isSnapshot) expectProblem(reply, 501);
      else expect([reply.status, JSON.parse(reply.text).clusterId]).toEqual([200, clusterId]);
    });

    test("one of our own ids, with another directory", async () => {
      const other = cluster.others(node())[0]!.id;
      const reply = await send(path, message(path, { clusterId }, other));
      expectProblem(reply, isSnapshot ? 501 : 403, isSnapshot ? undefined : "wrong-store");
    });

    test("its own id", async () => {
      const reply = await send(path, message(path, { clusterId }, node().id));
      expectProblem(reply, isSnapshot ? 501 : path === "/raft" ? 403 : 400);
    });

    test("17 MiB", async () => {
      const reply = await send(path, message(path, { clusterId, filler: "x".repeat(17 << 20) }));
      expectProblem(reply, isSnapshot ? 501 : 413);
    });
  });

  test.each(ALIASES)("%s is the same", async (path) => {
    const foreign = message(path, { clusterId: "f".repeat(32) });
    const isSnapshot = path.startsWith("/install");
    expectProblem(await send(path, foreign, {}), 401, "unauthorized");
    expectProblem(await send(path, "garbage"), isSnapshot ? 501 : 400);
    expectProblem(await send(path, foreign), isSnapshot ? 501 : 403);
  });
});
