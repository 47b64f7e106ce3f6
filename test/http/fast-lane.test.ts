import { afterEach, describe, expect, test } from "vitest";
import { nodeHttpHost } from "../../ec2-node/http-host.ts";
import { KnownHeaders, readHead } from "../../ec2-node/lane-request.ts";
import type { HttpServer } from "../../ec2-node/server.ts";
import { listen } from "../../ec2-node/server.ts";
import { createHandler } from "../../shared/http/handler.ts";
import type { CommandOutcome, NodeApi } from "../../shared/node/api.ts";
import { RawClient } from "./raw-client.ts";
import { EMPTY_STORE, fakeNode } from "./support.ts";

/** The short way of plain requests. That it answers as node:http does, every test of a route shows (support.ts). */

const servers: HttpServer[] = [];
const clients: RawClient[] = [];
afterEach(async () => {
  for (const client of clients.splice(0)) client.socket.destroy();
  await Promise.all(servers.splice(0).map((server) => server.close(0)));
});

async function serve(node: NodeApi = fakeNode(), hasFastLane = true): Promise<HttpServer> {
  const handler = createHandler(node, EMPTY_STORE, { host: nodeHttpHost });
  const server = await listen({ host: "127.0.0.1", port: 0, handler, hasFastLane });
  servers.push(server);
  return server;
}

function dial({ port }: HttpServer): RawClient {
  const client = new RawClient(port);
  clients.push(client);
  return client;
}

const command = (cmd: string, ...headers: string[]) => {
  const body = JSON.stringify({ cmd });
  return ["POST /command HTTP/1.1", "host: n", `content-length: ${body.length}`, ...headers, "", body].join(
    "\r\n",
  );
};
const put = (path: string, body = "v") =>
  `PUT ${path} HTTP/1.1\r\nHost: 127.0.0.1:8000\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;

/** A node whose commands wait until they are let go, and say which they were. */
function slowNode() {
  const asked: { readonly text: string; answer(): void }[] = [];
  const node = fakeNode({
    execute: (_schema, bytes) =>
      new Promise((resolve) => {
        const text = new TextDecoder().decode(bytes);
        const outcome: CommandOutcome = { index: 1, ordinal: 0, term: 1, leader: "A", result: text };
        asked.push({ text, answer: () => resolve(outcome) });
      }),
  });
  return { node, asked };
}

describe("which requests take it", () => {
  const head = (text: string) => readHead(Buffer.from(text, "latin1"), new KnownHeaders()).type;
  const get = (path: string, ...headers: string[]) =>
    [`GET ${path} HTTP/1.1`, "host: n", ...headers, "", ""].join("\r\n");

  test.each([
    ["a command", command("SET x=1")],
    ["a put", put("/v1/kv/x")],
    ["a put of nothing", put("/v1/kv/x", "")],
    ["a batch", put("/v1/kv").replace("PUT", "POST")],
    ["a read", get("/v1/kv/a/b//c")],
    ["a key in percent-encoding", get("/v1/kv/%C3%A4%2F%2e")],
    ["a key with what may stand in a path", get("/v1/kv/!$&'()*+,-;=:@[]{}|^~\"")],
    ["a condition", put("/v1/kv/x?cas=5&flags=7")],
    ["a form of reading", get("/v1/kv/x?raw&stale&timeout=500ms")],
    ["a deletion", get("/v1/kv/x").replace("GET", "DELETE")],
    ["credentials", get("/v1/kv/x", "authorization: Bearer t")],
    [
      "a client's usual headers",
      get("/v1/kv/x", "user-agent: curl/8.0 (x; y)", "accept: */*", "connection: keep-alive"),
    ],
    ["the host as an address", get("/v1/kv/x").replace("host: n", "host: [::1]:8000")],
  ])("%s does", (_what, text) => expect(head(text)).toBe("request"));

  test.each([
    ["another route", get("/status")],
    ["another method", get("/v1/kv/x").replace("GET", "HEAD")],
    ["a method in other letters", get("/v1/kv/x").replace("GET", "get")],
    ["a path in other letters", get("/V1/KV/x")],
    ["a waiting read", get("/v1/kv/x?index=5")],
    ["a list", get("/v1/kv/x?recurse")],
    ["an unknown parameter", get("/v1/kv/x?more=1")],
    ["a segment that leads elsewhere", get("/v1/kv/../../status")],
    ["one that does in percent-encoding", get("/v1/kv/%2E%2e/x")],
    ["one further down", get("/v1/kv/a/%2e%2e/b")],
    ["a backslash", get("/v1/kv/a\\b")],
    ["a fragment", get("/v1/kv/a#b")],
    ["what is not ASCII", get("/v1/kv/\u00e4")],
    ["a path and an address", get("http://n/v1/kv/x")],
    ["HTTP/1.0", get("/v1/kv/x").replace("1.1", "1.0")],
    ["no host", get("/v1/kv/x").replace("host: n\r\n", "")],
    ["two hosts", get("/v1/kv/x", "host: m")],
    ["a host that is none", get("/v1/kv/x").replace("host: n", "host: n:99999")],
    ["two lengths", put("/v1/kv/x").replace("\r\n\r\n", "\r\ncontent-length: 1\r\n\r\n")],
    ["a length that is no number", put("/v1/kv/x").replace("Length: 1", "Length: +1")],
    ["a put without a length", put("/v1/kv/x").replace("Content-Length: 1\r\n", "")],
    ["a read with a body", get("/v1/kv/x", "content-length: 0")],
    ["a body beyond the limit", put("/v1/kv/x").replace("Length: 1", "Length: 1048577")],
    ["chunks", put("/v1/kv/x").replace("Content-Length: 1", "transfer-encoding: chunked")],
    ["an expectation", put("/v1/kv/x").replace("\r\n\r\n", "\r\nexpect: 100-continue\r\n\r\n")],
    ["an upgrade", get("/v1/kv/x", "upgrade: h2c", "connection: upgrade")],
    ["the end of a connection", get("/v1/kv/x", "connection: close")],
    ["a header in two lines", get("/v1/kv/x", "a: b", " c")],
    ["a header without a name", get("/v1/kv/x", ": b")],
    ["a space before the colon", get("/v1/kv/x", "content-length : 5")],
    ["a line that ends in less", get("/v1/kv/x").replace("host: n\r\n", "host: n\n")],
    ["control characters", get("/v1/kv/x", "a: \u0000")],
    ["half a head", "GET /v1/kv/x HTTP/1.1\r\nhost: n\r\n"],
    ["a long head", get("/v1/kv/x", `a: ${"b".repeat(5000)}`)],
  ])("%s does not", (_what, text) => expect(head(text)).toBe("other"));
});

test("answers look the same on both ways", async () => {
  const fields = async (server: HttpServer) => {
    const raw = dial(server);
    raw.send(command("SET x=1"));
    const [head = "", body] = (await raw.receive(/\}$/)).split("\r\n\r\n");
    const [status, ...lines] = head.split("\r\n");
    const names = lines.map((line) => line.toLowerCase().replace(/^(date: ).*/, "$1"));
    return { status: status?.split(" ")[1], names: names.sort(), body };
  };
  expect(await fields(await serve())).toEqual(await fields(await serve(fakeNode(), false)));
});

test("requests that come together are answered one after the other, in their order", async () => {
  const { node, asked } = slowNode();
  const raw = dial(await serve(node));
  raw.send(command("SET x=1") + command("SET x=2"), command("SET x=3"));
  for (const number of [1, 2, 3]) {
    await expect.poll(() => asked.length).toBe(number);
    asked[number - 1]?.answer();
    await raw.receive(new RegExp(`"result":"SET x=${number}"\\}$`));
  }
});

test("a body may come in pieces", async () => {
  const { node, asked } = slowNode();
  const raw = dial(await serve(node));
  const request = command("SET x=1");
  raw.send(request.slice(0, -8));
  for (const letter of request.slice(-8)) {
    await new Promise((resolve) => setImmediate(resolve));
    raw.send(letter);
  }
  await expect.poll(() => asked.map(({ text }) => text)).toEqual(["SET x=1"]);
  asked[0]?.answer();
  await raw.receive(/"result":"SET x=1"\}$/);
});

test("a connection goes over to node:http with the first other request, and nothing of it is lost", async () => {
  const raw = dial(await serve());
  raw.send(command("SET x=1"));
  await raw.receive(/\}$/);
  raw.send("GET /health HT");
  raw.send("TP/1.1\r\nhost: n\r\n\r\n");
  await raw.receive(/"node":"A"\}$/);
  raw.send(command("SET x=2"));
  await raw.receive(/"node":"A"\}HTTP\/1\.1 200 [\s\S]*\}$/);
});

test("a request behind one of the lane may be another", async () => {
  const raw = dial(await serve());
  raw.send(`${command("SET x=1")}GET /health HTTP/1.1\r\nhost: n\r\n\r\n`);
  await raw.receive(/"node":"A"\}$/);
});

test("what is not HTTP is refused as ever", async () => {
  const raw = dial(await serve());
  raw.send("\u0016\u0003\u0001 not HTTP\r\n\r\n");
  expect(await raw.end()).toMatch(/^HTTP\/1\.1 400 /);
});

test("a client that has said all it will say still gets its answer, and the connection ends", async () => {
  const { node, asked } = slowNode();
  const raw = dial(await serve(node));
  raw.send(command("SET x=1"));
  await expect.poll(() => asked.length).toBe(1);
  raw.socket.end();
  asked[0]?.answer();
  expect(await raw.end()).toMatch(/"result":"SET x=1"\}$/);
});

test("a client that goes away takes nobody along", async () => {
  const { node, asked } = slowNode();
  const server = await serve(node);
  const raw = dial(server);
  raw.send(command("SET x=1"));
  await expect.poll(() => asked.length).toBe(1);
  raw.socket.resetAndDestroy();
  await raw.end();
  asked[0]?.answer();
  const other = dial(server);
  other.send(command("SET x=2"));
  await expect.poll(() => asked.length).toBe(2);
  asked[1]?.answer();
  await other.receive(/"result":"SET x=2"\}$/);
});

describe("when the server closes", () => {
  test("what is under way is answered, and says that it was the last", async () => {
    const { node, asked } = slowNode();
    const server = await serve(node);
    const raw = dial(server);
    raw.send(command("SET x=1"));
    await expect.poll(() => asked.length).toBe(1);
    const closed = server.close();
    asked[0]?.answer();
    expect(await raw.end()).toMatch(/connection: close[\s\S]*"result":"SET x=1"\}$/);
    await closed;
  });

  test("idle connections are dropped", async () => {
    const server = await serve();
    const raw = dial(server);
    raw.send(command("SET x=1"));
    await raw.receive(/\}$/);
    await server.close();
    await raw.end();
  });

  test("what is not answered in time is dropped too", async () => {
    const { node, asked } = slowNode();
    const server = await serve(node);
    const raw = dial(server);
    raw.send(command("SET x=1"));
    await expect.poll(() => asked.length).toBe(1);
    await server.close(10);
    await raw.end();
  });
});

test("a client that does not read its answers is not asked for more", async () => {
  const large = "x".repeat(1 << 20);
  let asked = 0;
  const node = fakeNode({
    execute: async () => {
      asked++;
      return { index: 1, ordinal: 0, term: 1, leader: "A", result: large };
    },
  });
  const raw = dial(await serve(node));
  raw.socket.pause();
  const requests = 200;
  raw.send(command("SET x=1").repeat(requests));
  await expect.poll(() => asked).toBeGreaterThan(0);
  await new Promise((resolve) => setTimeout(resolve, 200));
  expect(asked).toBeLessThan(requests / 2);
  raw.socket.resume();
  await expect.poll(() => asked, { timeout: 20_000 }).toBe(requests);
});
