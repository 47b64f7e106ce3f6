import { afterAll, beforeAll, describe, expect, onTestFailed, test as plain } from "vitest";
import type { Reply } from "../process/support/http.ts";
import { call, post } from "../process/support/http.ts";
import { Lab, test } from "../process/support/lab.ts";
import type { Status } from "../process/support/test-node.ts";
import { MiniflareEdge } from "./support/miniflare-edge.ts";

/** What the Worker turns away, over real connections. */

const RAFT_ROUTES = ["/raft", "/requestVote", "/request_vote", "/appendEntries", "/append_entries"];
const MORE_RAFT_ROUTES = ["/installSnapshot", "/install_snapshot", "/timeoutNow", "/timeout_now"];

function expectProblem(reply: Reply, status: number, code: string): Record<string, unknown> {
  expect([reply.status, reply.headers["content-type"]]).toEqual([status, "application/problem+json"]);
  const problem = JSON.parse(reply.text) as Record<string, unknown>;
  expect(problem).toMatchObject({ status, code, error: expect.any(String), detail: expect.any(String) });
  return problem;
}

/** A vote that would depose anybody. */
const ATTACK = JSON.stringify({
  ...{ clusterId: null, storeId: "0".repeat(32), term: 999, candidateId: "B", leaderId: "B" },
  ...{ lastLogIndex: 999, lastLogTerm: 999, prevLogIndex: 0, prevLogTerm: 0, leaderCommit: 0, entries: [] },
});

describe.each([
  ["no secret", undefined],
  ["a secret", "swordfish"],
])("with %s", (_what, secret) => {
  const lab = new Lab();
  let edge: MiniflareEdge;
  let before: Status[];

  const pictures = async () => {
    const statuses = await edge.cluster.statuses("?log=all");
    return statuses.map(({ term, leader, log, raft }) => ({ term, leader, log, lastIndex: raft.lastIndex }));
  };

  beforeAll(async () => {
    // Nobody may be elected anew because the machine stood still.
    const steady = { RAFT_ELECTION_TIMEOUT: "3000-3500" };
    edge = await MiniflareEdge.open(lab, { vars: { ...steady, ...(secret && { RAFT_SECRET: secret }) } });
    await (await edge.cluster.leader()).insist("SET x=5");
    before = (await edge.cluster.level()) && (await edge.cluster.statuses());
  });

  afterAll(() => lab.dispose());

  const expectUntouched = async (what: () => Promise<unknown>) => {
    onTestFailed(() => console.error(lab.transcript()));
    const were = await pictures();
    await what();
    expect(await pictures()).toEqual(were);
    for (const node of edge.cluster.nodes) expect(await node.get("x")).toBe("5");
  };

  plain.each([...RAFT_ROUTES, ...MORE_RAFT_ROUTES])(
    "%s is refused before anything is read",
    async (route) => {
      const [status, code] = secret === undefined ? [403, "raft-routes-closed"] : [401, "unauthorized"];
      await expectUntouched(async () => {
        for (const base of [edge.url, ...edge.cluster.nodes.map(({ url }) => url)]) {
          for (const body of ["", "garbage", ATTACK]) {
            for (const headers of [{}, { authorization: "Bearer wrong" }]) {
              expectProblem(await call(`${base}${route}`, { method: "POST", body, headers }), status, code);
            }
          }
        }
      });
    },
  );

  plain("names that nobody has", async () => {
    await expectUntouched(async () => {
      for (const path of ["/D/status", "/a/status", "/D", "/AA/command", "/nowhere", "/%41/status"]) {
        const problem = expectProblem(await call(`${edge.url}${path}`), 404, "unknown-node");
        expect(problem.nodes).toEqual(["A", "B", "C"]);
      }
      expectProblem(await call(`${edge.url}/A/nowhere`), 404, "unknown-route");
      expectProblem(await call(`${edge.url}/A/A/status`), 404, "unknown-route");
    });
  });

  plain("bodies that are too large, with and without a length", async () => {
    const large = JSON.stringify({ cmd: `SET x=${"6".repeat(2 << 20)}` });
    await expectUntouched(async () => {
      for (const base of [edge.url, `${edge.url}/A`, `${edge.url}/B`]) {
        for (const headers of [{}, { "transfer-encoding": "chunked" }]) {
          const reply = await call(`${base}/command`, { body: large, headers });
          expect(expectProblem(reply, 413, "body-too-large").ok).toBe(false);
          const put = { method: "PUT", body: large, headers };
          expectProblem(await call(`${base}/v1/kv/x`, put), 413, "body-too-large");
        }
      }
    });
  });

  plain("what is none of the routes' business", async () => {
    await expectUntouched(async () => {
      expectProblem(
        await call(`${edge.url}/command`, { method: "PUT", body: "{}" }),
        405,
        "method-not-allowed",
      );
      expectProblem(await call(`${edge.url}/B/command`, { body: "{" }), 400, "bad-json");
      expectProblem(await call(`${edge.url}/B/status?log=-3`), 400, "bad-parameter");
      expectProblem(await post(`${edge.url}/A/chaos/explode`, {}), 404, "unknown-route");
      expectProblem(await call(`${edge.url}/A/chaos/stop`), 405, "method-not-allowed");
      expectProblem(await post(`${edge.url}/chaos/stop`, {}), 404, "unknown-node");
    });
  });

  plain("none of that has changed who the nodes are", async () => {
    const after = await edge.cluster.statuses();
    expect(after.map(({ raft }) => raft.storeId)).toEqual(before.map(({ raft }) => raft.storeId));
  });
});

test("a stopped object hears out what it does not want before it says so", async ({ lab }) => {
  const { url } = await MiniflareEdge.open(lab);
  expect((await post(`${url}/A/chaos/stop`, {})).status).toBe(200);
  const body = new Uint8Array(30 << 20);
  for (const headers of [{}, { "transfer-encoding": "chunked" }]) {
    expectProblem(await call(`${url}/A/v1/kv/x`, { method: "PUT", body, headers }), 503, "stopped");
    expect((await call(`${url}/A/chaos/stop`, { method: "POST", body, headers })).status).toBe(200);
  }
});

test("without RAFT_CHAOS there are no chaos routes", async ({ lab }) => {
  const edge = await MiniflareEdge.open(lab, { vars: { RAFT_CHAOS: "0" } });
  for (const what of ["stop", "start", "crash"]) {
    expectProblem(await post(`${edge.url}/A/chaos/${what}`, {}), 404, "unknown-route");
  }
  await (await edge.cluster.leader()).insist("SET x=5");
});

test.for([
  ["RAFT_NODES", "A=do,B=do,A=do", /RAFT_NODES.*\bA\b.*twice/],
  ["RAFT_NODES", "A=do,B=https://b.example", /RAFT_SECRET/],
  ["RAFT_LOCATIONS", "A=mars", /RAFT_LOCATIONS.*mars.*weur/],
  ["RAFT_HEARTBEAT", "soon", /RAFT_HEARTBEAT.*soon/],
] as const)("%s of %s is named to whoever asks, and in the log", async ([name, value, words], { lab }) => {
  const edge = await MiniflareEdge.open(lab, { vars: { [name]: value } });
  for (const path of ["/status", "/A/status", "/health"]) {
    const problem = expectProblem(await call(`${edge.url}${path}`), 500, "bad-configuration");
    expect(problem.detail).toMatch(words);
  }
  const write = expectProblem(
    await post(`${edge.url}/command`, { cmd: "SET x=5" }),
    500,
    "bad-configuration",
  );
  expect(write.outcome).toBe("none");
  expect(edge.lines.filter((line) => words.test(line))).toHaveLength(1);
});
