import { afterEach, describe, expect, test } from "vitest";
import type { HandlerOptions } from "../../shared/http/handler.ts";
import { expositionText } from "../../shared/http/metrics.ts";
import type { NodeApi } from "../../shared/node/api.ts";
import type { Face, Reply } from "./support.ts";
import { FACES, fakeNode, STATUS } from "./support.ts";

describe.each(FACES)("over %s", (_name, open) => {
  let face: Face | undefined;
  afterEach(async () => {
    await face?.close();
    face = undefined;
  });

  async function call(
    method: string,
    path: string,
    { node = fakeNode(), body, options }: { node?: NodeApi; body?: BodyInit; options?: HandlerOptions } = {},
  ): Promise<Reply> {
    face = await open(node, undefined, options);
    return await face.call(method, path, body);
  }

  describe("GET /status", () => {
    test("has the lab's keys first, in the lab's order", async () => {
      const reply = await call("GET", "/status");
      expect(reply.status).toBe(200);
      expect(reply.text).toMatch(
        /^\{"node":"A","state":"Leader","term":3,"leader":"A","log":\[\{"term":3,"cmd":"SET x=5"\},\{"term":4,"cmd":"SET y=10"\}\],"commitIndex":1,/,
      );
      expect(Object.keys(JSON.parse(reply.text))).toEqual([
        ...["node", "state", "term", "leader", "log", "commitIndex", "logStart", "raft"],
      ]);
    });

    test("shows an unknown leader as null and an empty log as -1", async () => {
      const status = () => ({
        ...STATUS,
        state: "Follower" as const,
        leader: null,
        log: [],
        commitIndex: -1,
      });
      const reply = await call("GET", "/status", { node: fakeNode({ status }) });
      expect(JSON.parse(reply.text)).toMatchObject({ leader: null, log: [], commitIndex: -1 });
    });

    test("a line of the log has exactly term and cmd, in this order", async () => {
      const line = { ordinal: 9, cmd: "SET x=5", term: 3, more: true };
      const reply = await call("GET", "/status", {
        node: fakeNode({ status: () => ({ ...STATUS, log: [line] }) }),
      });
      expect(reply.text).toContain('"log":[{"term":3,"cmd":"SET x=5"}]');
    });

    test("control characters of a command are escaped", async () => {
      const log = [{ term: 1, cmd: "SET x=\u001b]0;\u0007\u007f\u009b" }];
      const reply = await call("GET", "/status", { node: fakeNode({ status: () => ({ ...STATUS, log }) }) });
      expect(reply.text).not.toMatch(/\p{Cc}/u);
      expect(JSON.parse(reply.text).log).toEqual(log);
    });

    test.each([
      ["", 100],
      ["?log=5", 5],
      ["?log=0", 0],
      ["?log=all", Number.POSITIVE_INFINITY],
      ["?other=1", 100],
    ])("%s asks for the newest %d commands", async (query, limit) => {
      const asked: number[] = [];
      const status = (logLimit: number) => {
        asked.push(logLimit);
        return STATUS;
      };
      expect((await call("GET", `/status${query}`, { node: fakeNode({ status }) })).status).toBe(200);
      expect(asked).toEqual([limit]);
    });

    test.each(["-3", "", "abc", "1.5", "1e3", "ALL", "+1", "99999999999999999999", "1&log=2", "%ff"])(
      "?log=%s is refused",
      async (text) => {
        const reply = await call("GET", `/status?log=${text}`);
        expect(reply.status).toBe(400);
        expect(JSON.parse(reply.text)).toMatchObject({ code: "bad-parameter", parameter: "log" });
      },
    );
  });

  describe("GET /v1/status", () => {
    const addresses = () => ({
      leader: "http://10.0.0.2:8001",
      peers: ["http://10.0.0.1:8000/", "http://10.0.0.2:8001", "https://raft.example/C", "http://[::1]:8002"],
    });

    test("leader: the address without the scheme", async () => {
      const reply = await call("GET", "/v1/status/leader", { node: fakeNode({ addresses }) });
      expect(reply.text).toBe('"10.0.0.2:8001"');
    });

    test("leader: empty when none is known", async () => {
      expect((await call("GET", "/v1/status/leader")).text).toBe('""');
    });

    test("peers: a path prefix stays", async () => {
      const reply = await call("GET", "/v1/status/peers", { node: fakeNode({ addresses }) });
      expect(reply.text).toBe('["10.0.0.1:8000","10.0.0.2:8001","raft.example/C","[::1]:8002"]');
    });
  });

  describe("GET /health", () => {
    test("200 when all is well", async () => {
      const reply = await call("GET", "/health");
      expect(reply).toMatchObject({ status: 200, text: '{"ok":true,"node":"A"}' });
    });

    test("503 with the reason", async () => {
      const health = () => ({ healthy: false, reason: "no leader heard for 2.1 s" }) as const;
      const reply = await call("GET", "/health", { node: fakeNode({ health }) });
      expect(reply.status).toBe(503);
      expect(JSON.parse(reply.text)).toMatchObject({
        ...{ ok: false, node: "A", code: "unhealthy", reason: "no leader heard for 2.1 s" },
      });
    });
  });

  test("GET /metrics is Prometheus text", async () => {
    const metrics = () =>
      [
        { name: "commands_total", help: "Commands applied.", type: "counter", value: 12 },
        { name: "term", help: "Current term.", type: "gauge", value: 3 },
      ] as const;
    const reply = await call("GET", "/metrics", { node: fakeNode({ metrics }) });
    expect(reply.headers.get("content-type")).toBe("text/plain; version=0.0.4; charset=utf-8");
    expect(reply.text).toBe(
      [
        ...["# HELP raft_lite_commands_total Commands applied.", "# TYPE raft_lite_commands_total counter"],
        ...["raft_lite_commands_total 12", "# HELP raft_lite_term Current term."],
        ...["# TYPE raft_lite_term gauge", "raft_lite_term 3", ""],
      ].join("\n"),
    );
  });

  describe("the nodes' routes", () => {
    test("POST /raft hands the body over as it is and tells who called", async () => {
      const node = fakeNode();
      const peers: [string, string][] = [];
      const onPeerRequest = (request: Request, peer: string) =>
        void peers.push([new URL(request.url).pathname, peer]);
      const reply = await call("POST", "/raft", {
        node,
        body: '{"clusterId":null,"ä":1}',
        options: { onPeerRequest },
      });
      expect(reply).toMatchObject({ status: 200, text: '{"messages":[]}' });
      expect(reply.headers.get("content-type")).toBe("application/json");
      expect(node.asked).toEqual([{ what: "exchange", body: '{"clusterId":null,"ä":1}' }]);
      expect(peers).toEqual([["/raft", "B"]]);
    });

    test.each([
      ["/requestVote", "RequestVote"],
      ["/request_vote", "RequestVote"],
      ["/appendEntries", "AppendEntries"],
      ["/append_entries", "AppendEntries"],
      ["/timeoutNow", "TimeoutNow"],
      ["/timeout_now", "TimeoutNow"],
    ])("POST %s is one %s", async (path, type) => {
      const node = fakeNode();
      expect(await call("POST", path, { node, body: '{"term":1}' })).toMatchObject({
        status: 200,
        text: '{"term":3}',
      });
      expect(node.asked).toEqual([{ what: "single", type, body: '{"term":1}' }]);
    });

    test("the node's refusal goes out as it is, and no peer is told of", async () => {
      const refusal = { status: 403, body: '{"code":"foreign-cluster"}', peer: null };
      const peers: string[] = [];
      const reply = await call("POST", "/raft", {
        node: fakeNode({ exchange: async () => refusal }),
        body: "{}",
        options: { onPeerRequest: (_request, peer) => void peers.push(peer) },
      });
      expect(reply).toMatchObject({ status: 403, text: refusal.body });
      expect(reply.headers.get("content-type")).toBe("application/problem+json");
      expect(peers).toEqual([]);
    });

    test("an empty body is the node's to judge", async () => {
      const node = fakeNode();
      await call("POST", "/raft", { node });
      expect(node.asked).toEqual([{ what: "exchange", body: "" }]);
    });

    test("bytes that are not UTF-8 never reach the node", async () => {
      const node = fakeNode();
      const reply = await call("POST", "/raft", { node, body: new Uint8Array([0xff, 0xfe]) });
      expect(reply.status).toBe(400);
      expect(node.asked).toEqual([]);
    });

    test.each(["/installSnapshot", "/install_snapshot"])("POST %s comes later", async (path) => {
      const reply = await call("POST", path, { body: "{}" });
      expect(reply.status).toBe(501);
      expect(JSON.parse(reply.text)).toMatchObject({
        ok: false,
        code: "snapshots-not-supported",
        outcome: "none",
      });
    });
  });

  describe("what no route takes", () => {
    test.each([
      "/",
      "/nope",
      "/statusx",
      "/status/x",
      "/Status",
      "/v1/kvx",
      "/v1",
      "/command/../nope",
      "//",
      "/chaos/stop",
    ])("GET %s: 404 with the list of routes", async (path) => {
      const reply = await call("GET", path);
      expect(reply.status).toBe(404);
      expect(reply.headers.get("content-type")).toBe("application/problem+json");
      const body = JSON.parse(reply.text);
      expect(body).toMatchObject({ ok: false, code: "unknown-route" });
      expect(body.routes).toContain("GET /status");
      expect(body.routes).toContain("POST /command");
      expect(body.routes).not.toContain("HEAD /status");
    });

    test.each([
      ["PUT", "/command", "POST, OPTIONS"],
      ["GET", "/command", "POST, OPTIONS"],
      ["GET", "/client", "POST, OPTIONS"],
      ["HEAD", "/command", "POST, OPTIONS"],
      ["POST", "/status", "GET, HEAD, OPTIONS"],
      ["DELETE", "/status/", "GET, HEAD, OPTIONS"],
      ["PATCH", "/v1/status/leader", "GET, HEAD, OPTIONS"],
      ["GET", "/raft", "POST, OPTIONS"],
      ["GET", "/installSnapshot", "POST, OPTIONS"],
    ])("%s %s: 405 with Allow", async (method, path, allow) => {
      const reply = await call(method, path);
      expect(reply.status).toBe(405);
      expect(reply.headers.get("allow")).toBe(allow);
      if (method === "HEAD") return;
      expect(JSON.parse(reply.text)).toMatchObject({
        ok: false,
        code: "method-not-allowed",
        allow: allow.split(", "),
      });
    });

    test("OPTIONS names the methods", async () => {
      const reply = await call("OPTIONS", "/status");
      expect(reply).toMatchObject({ status: 204, text: "" });
      expect(reply.headers.get("allow")).toBe("GET, HEAD, OPTIONS");
    });

    test("OPTIONS of nothing is 404", async () => {
      expect((await call("OPTIONS", "/nope")).status).toBe(404);
    });

    test.each(["/%zz", "/%", "/status%f", "/v1/kv/%ff", "/%E0%A4%A"])(
      "%s: malformed percent-encoding",
      async (path) => {
        const reply = await call("GET", path);
        expect(reply.status).toBe(400);
        expect(JSON.parse(reply.text)).toMatchObject({ ok: false, code: "bad-path" });
      },
    );
  });

  test.each(["/status", "/health", "/metrics", "/v1/status/leader"])(
    "HEAD %s is GET without the body",
    async (path) => {
      const reply = await call("HEAD", path);
      expect(reply.status).toBe(200);
      expect(reply.headers.get("content-type")).not.toBeNull();
    },
  );

  test("a route that breaks answers 500 and says nothing of why", async () => {
    const heard: unknown[] = [];
    const error = new Error("inner workings");
    const status = () => {
      throw error;
    };
    const reply = await call("GET", "/status", {
      node: fakeNode({ status }),
      options: { onError: (unforeseen) => heard.push(unforeseen) },
    });
    expect(reply.status).toBe(500);
    expect(JSON.parse(reply.text)).toMatchObject({ ok: false, code: "internal" });
    expect(reply.text).not.toContain("inner");
    expect(heard).toEqual([error]);
  });
});

test("metrics: help is escaped and every float has its spelling", () => {
  const metric = { name: "m", help: "a\\b\nc", type: "gauge" } as const;
  const text = expositionText(
    [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, Number.NaN, 1.5, 1e21].map((value) => ({
      ...metric,
      value,
    })),
  );
  expect(text).toContain("# HELP raft_lite_m a\\\\b\\nc\n");
  expect(text.match(/^raft_lite_m .*$/gm)).toEqual([
    ...["raft_lite_m +Inf", "raft_lite_m -Inf", "raft_lite_m NaN", "raft_lite_m 1.5", "raft_lite_m 1e+21"],
  ]);
});
