import { once } from "node:events";
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { connect, createServer as createTcpServer, Socket } from "node:net";
import { text } from "node:stream/consumers";
import { afterEach, describe, expect, test } from "vitest";
import { nodeHttpHost } from "../../ec2-node/http-host.ts";
import { encodeFrame, PEER_PROTOCOL } from "../../ec2-node/peer-frames.ts";
import { PeerStreamsIn } from "../../ec2-node/peer-streams-in.ts";
import { PeerTransport } from "../../ec2-node/peer-transport.ts";
import type { HttpServer } from "../../ec2-node/server.ts";
import { listen } from "../../ec2-node/server.ts";
import { createHandler } from "../../shared/http/handler.ts";
import { RAFT_BODY_LIMIT_BYTES } from "../../shared/http/limits.ts";
import type { ExchangeReply } from "../../shared/node/api.ts";
import type { ExchangeBody } from "../../shared/node/ports.ts";
import { RawClient } from "../http/raw-client.ts";
import { EMPTY_STORE, fakeNode } from "../http/support.ts";
import type { TransportHarness } from "./transport-conformance.ts";
import { testTransport } from "./transport-conformance.ts";

const LONG_MS = 20_000;

type Exchange = (body: ExchangeBody) => Promise<Pick<ExchangeReply, "status" | "body">>;

/** Servers and transports of one test, and their end. */
class Stage {
  readonly #ends: (() => unknown)[] = [];
  /** Peers told of, by connection, and the connections that ended. */
  readonly tagged: { readonly socket: Socket; readonly peer: string }[] = [];
  /** How each exchange came. */
  readonly heard: ("stream" | "plain")[] = [];

  transport(secret?: string): PeerTransport {
    const transport = new PeerTransport({ secret });
    this.#ends.push(() => transport.close());
    return transport;
  }

  /** A node's server, as run-node.ts makes it. */
  async node(exchange: Exchange, secret?: string): Promise<HttpServer> {
    const answer = async (way: "stream" | "plain", body: ExchangeBody) => {
      this.heard.push(way);
      return { ...(await exchange(body)), peer: "B" };
    };
    const api = fakeNode({ exchange: (body) => answer("plain", body) });
    const server = await listen({
      host: "127.0.0.1",
      port: 0,
      handler: createHandler(api, EMPTY_STORE, { host: nodeHttpHost, secret }),
      streams: new PeerStreamsIn({
        secret,
        exchange: (body) => answer("stream", body),
        onPeer: (socket, peer) => this.tagged.push({ socket, peer }),
      }),
    });
    this.#ends.push(() => server.close(0));
    return server;
  }

  /** Somebody who speaks HTTP and no streams, as a Durable Object or a proxy. */
  async plain(serve: (req: IncomingMessage, res: ServerResponse) => void): Promise<string> {
    const server = createServer((req, res) => {
      if (req.method === "POST") serve(req, res);
      else res.writeHead(405).end();
    }).listen(0, "127.0.0.1");
    await once(server, "listening");
    this.#ends.push(() => server.close().closeAllConnections());
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  async tcp(serve: (socket: Socket) => void): Promise<string> {
    const open = new Set<Socket>();
    const server = createTcpServer((socket) => {
      open.add(socket.on("error", () => undefined));
      serve(socket);
    }).listen(0, "127.0.0.1");
    await once(server, "listening");
    this.#ends.push(() => {
      server.close();
      for (const socket of open) socket.destroy();
    });
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  async nobody(): Promise<string> {
    const server = createTcpServer().listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    await once(server.close(), "close");
    return `http://127.0.0.1:${port}`;
  }

  async close(): Promise<void> {
    for (const end of this.#ends.splice(0).reverse()) await end();
  }
}

function harness(stage: Stage, peer: TransportHarness["peer"]): TransportHarness {
  return {
    transport: stage.transport(),
    peer,
    hangingUp: () => stage.tcp((socket) => void socket.once("data", () => socket.destroy())),
    nobody: () => stage.nobody(),
    close: () => stage.close(),
  };
}

testTransport("PeerTransport, between nodes,", async () => {
  const stage = new Stage();
  return harness(stage, async (answer) => (await stage.node((body) => answer(body as string))).url);
});

testTransport("PeerTransport, where there are no streams,", async () => {
  const stage = new Stage();
  return harness(stage, (answer) =>
    stage.plain(async (req, res) => {
      const { status, body } = await answer(await text(req));
      res.writeHead(status).end(body);
    }),
  );
});

describe("a stream", () => {
  let stage = new Stage();
  afterEach(async () => {
    await stage.close();
    stage = new Stage();
  });

  const echo: Exchange = async (body) => ({ status: 200, body });

  test("carries one call after the other, and bytes as they are", async () => {
    const { url } = await stage.node(echo);
    const transport = stage.transport();
    expect(transport.carriesBytes(url)).toBe(false);
    expect(await transport.post(url, "first", LONG_MS)).toEqual({ status: 200, body: "first" });
    expect(transport.carriesBytes(url)).toBe(true);
    const bytes = Uint8Array.of(0xb1, 0, 255, 128);
    const reply = await transport.post(url, bytes, LONG_MS);
    expect(new Uint8Array(reply.body as Uint8Array)).toEqual(bytes);
    for (let i = 0; i < 5; i++) await transport.post(url, `${i}`, LONG_MS);
    expect(new Set(stage.tagged.map(({ socket }) => socket)).size).toBe(1);
    expect(stage.tagged[0]?.peer).toBe("B");
    expect(new Set(stage.heard)).toEqual(new Set(["stream"]));
  });

  test("large bodies arrive, both ways", async () => {
    const { url } = await stage.node(echo);
    const body = "\u00e4".repeat(RAFT_BODY_LIMIT_BYTES / 2);
    expect((await stage.transport().post(url, body, LONG_MS)).body === body).toBe(true);
  });

  test("a body beyond the limit is refused with 413", async () => {
    const { url } = await stage.node(echo);
    const transport = stage.transport();
    await transport.post(url, "", LONG_MS);
    const reply = await transport.post(url, "x".repeat(RAFT_BODY_LIMIT_BYTES + 1), LONG_MS);
    expect(reply.status).toBe(413);
    expect(JSON.parse(reply.body as string)).toMatchObject({ code: "body-too-large" });
    expect(stage.heard).toHaveLength(1);
  });

  test("is not given to whoever lacks the secret, who hears so over plain HTTP", async () => {
    const { url } = await stage.node(echo, "right");
    expect((await stage.transport("wrong").post(url, "{}", LONG_MS)).status).toBe(401);
    expect((await stage.transport().post(url, "{}", LONG_MS)).status).toBe(401);
    expect(stage.heard).toEqual([]);
    expect((await stage.transport("right").post(url, "{}", LONG_MS)).status).toBe(200);
    expect(stage.heard).toEqual(["stream"]);
  });

  test("is not asked for again and again where there is none", async () => {
    const methods: (string | undefined)[] = [];
    const server = createServer((req, res) => {
      methods.push(req.method);
      req.resume().on("end", () => res.writeHead(req.method === "POST" ? 200 : 404).end("{}"));
    }).listen(0, "127.0.0.1");
    await once(server, "listening");
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const transport = stage.transport();
    for (let i = 0; i < 3; i++) await transport.post(url, "{}", LONG_MS);
    expect(methods).toEqual(["GET", "POST", "POST", "POST"]);
    expect(transport.carriesBytes(url)).toBe(false);
    server.close().closeAllConnections();
  });

  test("is done without where something on the way swallows the question", async () => {
    const asked: string[] = [];
    const server = createServer((req, res) => {
      asked.push(req.method ?? "");
      if (req.method === "POST") res.end("{}");
    }).listen(0, "127.0.0.1");
    await once(server, "listening");
    const transport = stage.transport();
    try {
      const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
      for (let call = 0; call < 3; call++) {
        expect(await transport.post(address, "{}", 2_000)).toMatchObject({ status: 200, body: "{}" });
      }
      // node:http counts an upgrade that nobody takes over as a request.
      expect(asked).toEqual(["GET", "POST", "POST", "POST"]);
    } finally {
      server.close().closeAllConnections();
    }
  });

  test("is not asked for behind a path prefix, where a node process does not stand itself", async () => {
    const methods: (string | undefined)[] = [];
    const url = await stage.plain((req, res) => {
      methods.push(`${req.method} ${req.url}`);
      req.resume().on("end", () => res.end("{}"));
    });
    await stage.transport().post(`${url}/A`, "{}", LONG_MS);
    expect(methods).toEqual(["POST /A/raft"]);
  });

  test("calls under way at once each have a stream of their own", async () => {
    const waiting: (() => void)[] = [];
    const { url } = await stage.node(async (body) => {
      await new Promise<void>((resolve) => {
        waiting.push(resolve);
        if (waiting.length === 2) for (const next of waiting) next();
      });
      return { status: 200, body };
    });
    const transport = stage.transport();
    const replies = await Promise.all(["a", "b"].map((body) => transport.post(url, body, LONG_MS)));
    expect(replies.map(({ body }) => body)).toEqual(["a", "b"]);
    expect(new Set(stage.tagged.map(({ socket }) => socket)).size).toBe(2);
  });

  test("ends with the process at either end", async () => {
    const { url } = await stage.node(echo);
    const transport = stage.transport();
    await transport.post(url, "", LONG_MS);
    const socket = stage.tagged[0]!.socket;
    transport.close();
    await once(socket, "close");
  });

  test("whose peer has gone is not used again", async () => {
    const server = await stage.node(echo);
    const transport = stage.transport();
    await transport.post(server.url, "", LONG_MS);
    await server.close(0);
    await expect.poll(() => transport.carriesBytes(server.url)).toBe(false);
    await expect(transport.post(server.url, "", LONG_MS)).rejects.toMatchObject({ failure: "refused" });
  });

  test("is not taken over by a server that has closed", () => {
    const streams = new PeerStreamsIn({
      secret: undefined,
      exchange: () => Promise.reject(new Error("not to be asked")),
      onPeer: () => undefined,
    });
    streams.close();
    const socket = new Socket();
    streams.take(socket, Buffer.alloc(0));
    expect(socket.destroyed).toBe(true);
  });

  test("of a peer that does not read its replies ends, before they fill the memory", async () => {
    const reply = "x".repeat(1 << 20);
    const { port } = await stage.node(async () => ({ status: 200, body: reply }));
    const socket = connect(port, "127.0.0.1").on("error", () => undefined);
    const ended = once(socket, "close");
    socket.write(`GET /raft HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: ${PEER_PROTOCOL}\r\n\r\n`);
    await once(socket, "data");
    socket.pause();
    for (let calls = 0; calls < 100 && !stage.tagged[0]?.socket.destroyed; calls++) {
      socket.write(encodeFrame(0, "{}"));
      await expect
        .poll(() => stage.heard.length > calls || stage.tagged[0]?.socket.destroyed, { timeout: LONG_MS })
        .toBe(true);
    }
    expect(stage.heard.length).toBeLessThan(100);
    socket.resume();
    await ended;
  });

  test("a reply that is late ends it, and belongs to no later call", async () => {
    let calls = 0;
    const late = Promise.withResolvers<void>();
    const { url } = await stage.node(async (body) => {
      if (++calls === 1) await late.promise;
      return { status: 200, body };
    });
    const transport = stage.transport();
    await expect(transport.post(url, "late", 50)).rejects.toMatchObject({ failure: "timeout" });
    late.resolve();
    expect((await transport.post(url, "next", LONG_MS)).body).toBe("next");
  });

  test("every call has its own time, whatever those before it had", async () => {
    const never = new Promise<never>(() => undefined);
    const { url } = await stage.node(async (body) => (body === "silence" ? never : { status: 200, body }));
    const transport = stage.transport();
    const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
    // Each is made on the stream of the ones before.
    await transport.post(url, "first", LONG_MS);
    await transport.post(url, "short", 200);
    await pause(100);
    const startedAt = performance.now();
    await expect(transport.post(url, "silence", 300)).rejects.toMatchObject({ failure: "timeout" });
    expect(performance.now() - startedAt).toBeGreaterThan(290);

    await transport.post(url, "long", 100 * LONG_MS);
    await expect(transport.post(url, "silence", 50)).rejects.toMatchObject({ failure: "timeout" });
  });

  describe("as it is on the wire", () => {
    const ask = (...more: string[]) =>
      [
        "GET /raft HTTP/1.1",
        "host: n",
        "connection: upgrade",
        `upgrade: ${PEER_PROTOCOL}`,
        ...more,
        "",
        "",
      ].join("\r\n");

    async function open(exchange: Exchange = echo): Promise<RawClient> {
      const raw = new RawClient((await stage.node(exchange)).port);
      raw.send(ask());
      await raw.receive(/^HTTP\/1\.1 101 [\s\S]*\r\n\r\n$/);
      return raw;
    }

    test("a frame may come in pieces, and behind the request that asks for the stream", async () => {
      const raw = new RawClient((await stage.node(echo)).port);
      const frame = encodeFrame(0, "body");
      raw.send(ask(), frame.subarray(0, 3));
      await raw.receive(/101/);
      for (const byte of frame.subarray(3)) raw.send(Uint8Array.of(byte));
      await raw.receive(/body$/);
    });

    test("a second call before the first is answered ends it", async () => {
      const raw = await open(() => new Promise(() => undefined));
      raw.send(encodeFrame(0, "one"), encodeFrame(0, "two"));
      await raw.end();
      expect(stage.heard).toHaveLength(1);
    });

    test("text that is not UTF-8 is refused", async () => {
      const raw = await open();
      const frame = encodeFrame(0, "x");
      frame[frame.length - 1] = 0xff;
      raw.send(frame);
      expect(await raw.end()).toContain("bad-encoding");
      expect(stage.heard).toEqual([]);
    });

    test("the end of the caller is the end of the connection", async () => {
      const raw = await open();
      raw.socket.end();
      await raw.end();
    });

    test.each([
      ["another protocol", ask().replace(PEER_PROTOCOL, "h2c")],
      ["another method", ask().replace("GET", "POST")],
      ["another path", ask().replace("/raft", "/status")],
    ])("%s is answered as any request", async (_what, request) => {
      const raw = new RawClient((await stage.node(echo)).port);
      raw.send(request.replace("host: n", "host: n\r\ncontent-length: 0"));
      expect(await raw.receive(/\r\n\r\n/)).not.toContain("101");
    });
  });

  test.each([
    ["a reply that nobody asked for", () => Buffer.concat([encodeFrame(200, "a"), encodeFrame(200, "b")])],
    ["a reply without end", () => Buffer.from([255, 255, 255, 255, 0, 200, 0])],
  ])("%s: broken, or not used again", async (_what, reply) => {
    const url = await stage.tcp((socket) => {
      let asked = false;
      socket.on("data", () => {
        if (asked) socket.write(reply());
        else
          socket.write(
            `HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: ${PEER_PROTOCOL}\r\n\r\n`,
          );
        asked = true;
      });
    });
    const transport = stage.transport();
    await transport
      .post(url, "", LONG_MS)
      .catch((error: unknown) => expect(error).toMatchObject({ failure: "broken" }));
    await expect.poll(() => transport.carriesBytes(url)).toBe(false);
  });
});

test("an upgrade that nobody takes over leaves the connection as it is", async () => {
  const server = await listen({
    host: "127.0.0.1",
    port: 0,
    handler: createHandler(fakeNode(), EMPTY_STORE, { host: nodeHttpHost }),
  });
  const socket = connect(server.port, "127.0.0.1");
  socket.write("GET /health HTTP/1.1\r\nhost: n\r\nconnection: upgrade\r\nupgrade: h2c\r\n\r\n");
  const [reply] = (await once(socket, "data")) as [Buffer];
  expect(reply.toString()).toMatch(/^HTTP\/1\.1 200 /);
  socket.destroy();
  await server.close(0);
});
