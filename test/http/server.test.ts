import { Agent, request } from "node:http";
import { setImmediate as nextTurn } from "node:timers/promises";
import { afterEach, describe, expect, test } from "vitest";
import { nodeHttpHost } from "../../ec2-node/http-host.ts";
import type { HttpServer } from "../../ec2-node/server.ts";
import { listen } from "../../ec2-node/server.ts";
import { RaftLiteError } from "../../shared/errors.ts";
import { createHandler } from "../../shared/http/handler.ts";
import type { NodeApi } from "../../shared/node/api.ts";
import { RawClient } from "./raw-client.ts";
import { EMPTY_STORE, fakeNode } from "./support.ts";

const servers: HttpServer[] = [];
afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.close(0)));
});

async function serve(node: NodeApi = fakeNode(), host = "127.0.0.1", port = 0): Promise<HttpServer> {
  const server = await listen({
    host,
    port,
    handler: createHandler(node, EMPTY_STORE, { host: nodeHttpHost }),
    hasFastLane: true,
  });
  servers.push(server);
  return server;
}

/** An exchange over a kept-open connection. */
function get(agent: Agent, url: string): Promise<{ status: number; connection: string | undefined }> {
  return new Promise((resolve, reject) => {
    const call = request(url, { agent }, (reply) => {
      reply.resume().on("end", () => {
        resolve({ status: reply.statusCode ?? 0, connection: reply.headers.connection });
      });
    });
    call.on("error", reject).end();
  });
}

describe("listening", () => {
  test("port 0 takes a free one and says which", async () => {
    const server = await serve();
    expect(server.port).toBeGreaterThan(0);
    expect(server.url).toBe(`http://127.0.0.1:${server.port}`);
    expect((await fetch(`${server.url}/status`)).status).toBe(200);
  });

  test.each(["/v1/kv/absent", "/nowhere"])("the status line of %s names the reason", async (path) => {
    const { url } = await serve();
    expect((await fetch(`${url}${path}`)).statusText).toBe("Not Found");
  });

  test("all interfaces are reached by the loopback address", async () => {
    const server = await serve(fakeNode(), "0.0.0.0");
    expect(server.url).toBe(`http://127.0.0.1:${server.port}`);
    expect((await fetch(`${server.url}/status`)).status).toBe(200);
  });

  test("a port in use is one line that says how to mend it", async () => {
    const { port } = await serve();
    const error = await serve(fakeNode(), "127.0.0.1", port).catch((cause: unknown) => cause);
    expect(error).toBeInstanceOf(RaftLiteError);
    expect(error).toMatchObject({
      code: "port-in-use",
      message: `port ${port} is in use: stop what listens there, or choose another with --port`,
    });
  });

  test.each([
    ["192.0.2.1", 0, "bad-host"],
    ["no such host", 0, "bad-host"],
    ["127.0.0.1", 65_536, "bad-port"],
    ["127.0.0.1", -1, "bad-port"],
  ])("host %s, port %i: %s", async (host, port, code) => {
    const error = await serve(fakeNode(), host, port).catch((cause: unknown) => cause);
    expect(error).toMatchObject({ name: "RaftLiteError", code });
    expect((error as Error).message).not.toContain("\n");
  });
});

describe("what is not a request for us", () => {
  test.each([
    ["nonsense", "hello\r\n\r\n", 400, "bad-http"],
    ["TLS", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400, "bad-http"],
    [
      "two lengths",
      "POST /raft HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n",
      400,
      "bad-http",
    ],
    [
      "headers without an end",
      `GET / HTTP/1.1\r\nhost: x\r\nx: ${"y".repeat(70_000)}\r\n\r\n`,
      431,
      "headers-too-large",
    ],
    ["no host", "GET /status HTTP/1.1\r\n\r\n", 400, "missing-host"],
    ["a host that is none", "GET /status HTTP/1.1\r\nhost: x:99999\r\n\r\n", 400, "bad-url"],
  ])("%s", async (_what, text, status, code) => {
    const { port } = await serve();
    const raw = new RawClient(port);
    raw.send(Buffer.from(text, "latin1"));
    const reply = await raw.receive(/\}$/);
    expect(reply).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
    expect(reply).toContain("application/problem+json");
    expect(JSON.parse(reply.slice(reply.indexOf("{")))).toMatchObject({ ok: false, code, status });
    raw.socket.destroy();
  });

  test.each([
    "GET /status HTTP/1.1\r\nhost: x\r\n\r\n",
    "GET http://anything.test/status HTTP/1.1\r\nhost: x\r\n\r\n",
    "GET /status HTTP/1.1\r\nhost: <>\r\n\r\n",
    "GET /status HTTP/1.1\r\nhost:\r\n\r\n",
    "GET /status HTTP/1.0\r\n\r\n",
    "GET /status HTTP/1.1\r\nhost: x\r\nexpect: nonsense\r\n\r\n",
  ])("%j is a request", async (text) => {
    const { port } = await serve();
    const raw = new RawClient(port);
    raw.send(text);
    expect(await raw.receive(/"raft":/)).toMatch(/^HTTP\/1\.[01] 200 /);
    raw.socket.destroy();
  });

  test("pipelined requests are answered in order", async () => {
    const { port } = await serve();
    const raw = new RawClient(port);
    raw.send("GET /health HTTP/1.1\r\nhost: x\r\n\r\nGET /v1/status/leader HTTP/1.1\r\nhost: x\r\n\r\n");
    expect(await raw.receive(/""$/)).toMatch(/"ok":true.*""$/s);
    raw.socket.destroy();
  });
});

/**
 * Node takes the answer to a request that comes on a connection after its last answer for one to an earlier request, and
 * ends the process. More than 64 KiB are more than one read brings: what is behind comes that much later.
 */
describe("whole requests behind the last answer of a connection", () => {
  const get = (path: string) => `GET ${path} HTTP/1.1\r\nhost: x\r\n\r\n`;
  const put = (bytes: number) =>
    `PUT /v1/kv/y HTTP/1.1\r\nhost: x\r\ncontent-length: ${bytes}\r\n\r\n${"x".repeat(bytes)}`;
  /** Reads that take a few turns of the event loop, each time another number. */
  function slowNode(): NodeApi {
    let asked = 0;
    const { read } = fakeNode();
    return fakeNode({
      async read(options) {
        for (let turns = asked++ % 5; turns >= 0; turns--) await nextTurn();
        return read(options);
      },
    });
  }
  const behind = [70_000, 65_536, 100_000].map((bytes) => put(bytes) + get("/v1/kv/z") + get("/health"));

  test("end nothing when one before them names no host", async () => {
    const { url, port } = await serve(slowNode());
    for (let round = 0; round < 15; round++) {
      const raw = new RawClient(port);
      raw.send(`GET / HTTP/1.1\r\n\r\n${behind[round % behind.length]}`);
      // All are answered: a host that is missing is no reason to part.
      const reply = await raw.receive(/"node":"A"\}$/);
      expect(reply).toMatch(/^HTTP\/1\.1 400 [\s\S]*"missing-host"[\s\S]*HTTP\/1\.1 200 /);
      raw.socket.destroy();
    }
    expect((await fetch(`${url}/health`)).status).toBe(200);
  });

  test("end nothing while the server closes", async () => {
    for (let round = 0; round < 15; round++) {
      const server = await serve(slowNode());
      const raw = new RawClient(server.port);
      raw.send(get("/health"));
      await raw.receive(/\}$/);
      const closed = server.close(20);
      raw.send(get("/health") + behind[round % behind.length]);
      expect(await raw.end()).toMatch(/connection: close/i);
      await closed;
    }
  });
});

describe("what comes behind a request and is none", () => {
  /** Both announce three bytes and send five: as much as is announced is a request, and the rest is not. */
  test.each(["connection: close\r\n", "x: y\r\n"])("leaves its answer alone (%j)", async (header) => {
    let carryOut = () => {};
    const execute = new Promise<void>((resolve) => {
      carryOut = resolve;
    });
    const outcome = {
      index: 7,
      ordinal: 0,
      term: 3,
      leader: "A",
      result: { ok: true, results: [{ ok: true, ModifyIndex: 7 }] },
    };
    const node = fakeNode({ execute: () => execute.then(() => outcome) });
    const server = await serve(node);
    const client = new RawClient(server.port);
    client.send(`PUT /v1/kv/x HTTP/1.1\r\nhost: x\r\ncontent-length: 3\r\n${header}\r\nvalue`);
    // A reply to the rest would be here by now: it needs nobody.
    const witness = new RawClient(server.port);
    witness.send("nonsense\r\n\r\n");
    await witness.end();
    expect(client.received).toBe("");
    carryOut();
    expect(await client.end()).toMatch(/^HTTP\/1\.1 200 .*true$/s);
  });

  test("is told so where nothing is under way, and in the body of a request that is", async () => {
    const server = await serve();
    for (const sent of [
      "GET /status HTTP/1.1\r\n\u0000\r\n\r\n",
      "PUT /v1/kv/x HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\nnonsense\r\n",
    ]) {
      const client = new RawClient(server.port);
      client.send(sent);
      expect(await client.end()).toMatch(/^HTTP\/1\.1 400 .*"code":"bad-http"/s);
    }
  });
});

describe("a request that is answered before its body has come", () => {
  test.each(["GET", "HEAD"])("%s gets the whole answer", async (method) => {
    const server = await serve();
    const client = new RawClient(server.port);
    client.send(`${method} /status HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n`);
    expect(await client.receive(/\r\n\r\n/)).toMatch(/^HTTP\/1\.1 200 /);
    client.socket.destroy();
  });
});

describe("close", () => {
  test("drops idle connections at once, those never used too", async () => {
    const server = await serve();
    const agent = new Agent({ keepAlive: true });
    await get(agent, `${server.url}/status`);
    const unused = new RawClient(server.port);
    await new Promise((resolve) => unused.socket.once("connect", resolve));
    // The server has taken the connection in once it answers a later one.
    await fetch(`${server.url}/status`, { headers: { connection: "close" } });
    await server.close(60_000);
    await unused.end();
    agent.destroy();
  });

  test("lets what is being answered finish, and ends its connection with the answer", async () => {
    const asked = Promise.withResolvers<void>();
    const answer = Promise.withResolvers<void>();
    const execute: NodeApi["execute"] = async () => {
      asked.resolve();
      await answer.promise;
      return { index: 1, ordinal: 0, term: 1, leader: "A", result: "OK" };
    };
    const server = await serve(fakeNode({ execute }));
    const reply = fetch(`${server.url}/command`, { method: "POST", body: '{"cmd":"SET x=5"}' });
    await asked.promise;
    const closed = server.close(60_000);
    answer.resolve();
    expect((await reply).status).toBe(200);
    expect((await reply).headers.get("connection")).toBe("close");
    expect((await (await reply).json()).ok).toBe(true);
    await closed;
    await expect(fetch(`${server.url}/status`)).rejects.toThrow();
  });

  test("cuts off what does not finish in time", async () => {
    const asked = Promise.withResolvers<void>();
    const execute = (): Promise<never> => {
      asked.resolve();
      return new Promise(() => undefined);
    };
    const server = await serve(fakeNode({ execute }));
    const reply = fetch(`${server.url}/command`, { method: "POST", body: '{"cmd":"SET x=5"}' });
    reply.catch(() => undefined);
    await asked.promise;
    await server.close(20);
    await expect(reply).rejects.toThrow();
  });

  test("may be called again", async () => {
    const server = await serve();
    await Promise.all([server.close(), server.close()]);
    await server.close();
  });
});
