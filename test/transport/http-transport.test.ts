import type { IncomingMessage, Server, ServerResponse } from "node:http";
import { createServer } from "node:http";
import type { AddressInfo, Socket, Server as TcpServer } from "node:net";
import { createServer as createTcpServer } from "node:net";
import { text } from "node:stream/consumers";
import { afterEach, describe, expect, test } from "vitest";
import { HttpTransport } from "../../ec2-node/transport.ts";
import type { TransportHarness } from "./transport-conformance.ts";
import { testTransport } from "./transport-conformance.ts";

const LONG_MS = 20_000;

/** Servers and transports of one test, and their end. */
class Stage {
  readonly #ends: (() => Promise<void> | void)[] = [];

  transport(secret?: string): HttpTransport {
    const transport = new HttpTransport({ secret });
    this.#ends.push(() => transport.close());
    return transport;
  }

  async http(serve: (req: IncomingMessage, res: ServerResponse) => void): Promise<string> {
    const server = createServer(serve);
    this.#ends.push(() => server.closeAllConnections());
    return await this.#listen(server);
  }

  async tcp(serve: (socket: Socket) => void): Promise<string> {
    const open = new Set<Socket>();
    this.#ends.push(() => {
      for (const socket of open) socket.destroy();
    });
    return await this.#listen(
      createTcpServer((socket) => {
        open.add(socket);
        socket.on("error", () => undefined);
        serve(socket);
      }),
    );
  }

  /** A port that was free a moment ago. */
  async nobody(): Promise<string> {
    const server = createTcpServer();
    const address = await this.#listen(server);
    await new Promise((resolve) => server.close(resolve));
    return address;
  }

  async close(): Promise<void> {
    for (const end of this.#ends.splice(0).reverse()) await end();
  }

  async #listen(server: Server | TcpServer): Promise<string> {
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    this.#ends.unshift(() => void server.close());
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }
}

testTransport("HttpTransport", async (): Promise<TransportHarness> => {
  const stage = new Stage();
  return {
    transport: stage.transport(),
    peer: (answer) =>
      stage.http(async (req, res) => {
        const { status, body } = await answer(await text(req));
        res.writeHead(status).end(body);
      }),
    hangingUp: () => stage.tcp((socket) => void socket.once("data", () => socket.destroy())),
    nobody: () => stage.nobody(),
    close: () => stage.close(),
  };
});

describe("HttpTransport", () => {
  const stage = new Stage();
  afterEach(() => stage.close());

  test.each([
    ["", "/raft"],
    ["/", "/raft"],
    ["/A", "/A/raft"],
    ["/A/", "/A/raft"],
    ["/cluster/A", "/cluster/A/raft"],
  ])("base path %j posts to %s", async (base, path) => {
    const address = await stage.http((req, res) => res.end(`${req.method} ${req.url}`));
    expect((await stage.transport().post(address + base, "{}", LONG_MS)).body).toBe(`POST ${path}`);
  });

  test("sends the secret, the type and the length", async () => {
    const address = await stage.http((req, res) => res.end(JSON.stringify(req.headers)));
    const { body } = await stage.transport("s3cret").post(address, "\u00e4", LONG_MS);
    expect(JSON.parse(String(body))).toMatchObject({
      ...{ authorization: "Bearer s3cret", "content-type": "application/json", "content-length": "2" },
    });
  });

  test("without a secret sends none", async () => {
    const address = await stage.http((req, res) => res.end(JSON.stringify(req.headers)));
    expect(JSON.parse(String((await stage.transport().post(address, "", LONG_MS)).body))).not.toHaveProperty(
      "authorization",
    );
  });

  test("a secret that no header carries is refused at the start", () => {
    expect(() => new HttpTransport({ secret: "a\nb" })).toThrow(/the secret/);
  });

  test("one connection serves one call after the other", async () => {
    const ports = new Set<number | undefined>();
    const address = await stage.http((req, res) => {
      ports.add(req.socket.remotePort);
      res.end();
    });
    const transport = stage.transport();
    for (let i = 0; i < 5; i++) await transport.post(address, "{}", LONG_MS);
    expect(ports.size).toBe(1);
  });

  test("a kept connection found dead is reported, and the call is not repeated", async () => {
    let requests = 0;
    const address = await stage.tcp((socket) => {
      socket.on("data", () => {
        requests += 1;
        if (requests === 1) socket.write("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
        else socket.destroy();
      });
    });
    const transport = stage.transport();
    await transport.post(address, "{}", LONG_MS);
    await expect(transport.post(address, "{}", LONG_MS)).rejects.toMatchObject({ failure: "broken" });
    expect(requests).toBe(2);
  });

  test("a redirect is a reply: nobody else is called", async () => {
    const address = await stage.http((_req, res) =>
      res.writeHead(307, { location: "http://127.0.0.1:1/" }).end(),
    );
    expect((await stage.transport().post(address, "{}", LONG_MS)).status).toBe(307);
  });

  test.each([
    ["what is not HTTP", "SSH-2.0-OpenSSH_9.2\r\n"],
    ["half a header", "HTTP/1.1 200 OK\r\ncontent-le"],
    ["half a body", "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf"],
    ["half a chunk", "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n10\r\nhalf"],
  ])("%s: broken", async (_what, reply) => {
    const address = await stage.tcp((socket) => void socket.once("data", () => socket.end(reply)));
    await expect(stage.transport().post(address, "{}", LONG_MS)).rejects.toMatchObject({
      ...{ name: "TransportError", failure: "broken" },
    });
  });

  test("the time limit covers the reply's body", async () => {
    const address = await stage.http((_req, res) => {
      res.write("{");
    });
    await expect(stage.transport().post(address, "{}", 50)).rejects.toMatchObject({ failure: "timeout" });
  });

  test("a reply without end is broken off", async () => {
    const piece = Buffer.alloc(1_048_576, 0x20);
    const address = await stage.http((_req, res) => {
      const more = (): void => {
        while (!res.destroyed && res.write(piece));
      };
      res.on("drain", more);
      more();
    });
    await expect(stage.transport().post(address, "{}", LONG_MS)).rejects.toMatchObject({
      ...{ failure: "broken", message: expect.stringContaining("larger than") },
    });
  });

  test("a reply of 16 MiB arrives", async () => {
    const whole = "x".repeat(16 * 1_048_576);
    const address = await stage.http((_req, res) => res.end(whole));
    expect((await stage.transport().post(address, "{}", LONG_MS)).body).toHaveLength(whole.length);
  });

  test("TLS where none is spoken: broken", async () => {
    const address = (await stage.http((_req, res) => res.end())).replace("http:", "https:");
    await expect(stage.transport().post(address, "{}", LONG_MS)).rejects.toMatchObject({ failure: "broken" });
  });

  test("close breaks off what is under way and refuses what comes later", async () => {
    const asked = Promise.withResolvers<Socket>();
    const address = await stage.http((req) => asked.resolve(req.socket));
    const transport = stage.transport();
    const call = transport.post(address, "{}", LONG_MS);
    call.catch(() => undefined);
    const socket = await asked.promise;
    const closed = new Promise((resolve) => socket.once("close", resolve));
    transport.close();
    await expect(call).rejects.toMatchObject({ failure: "broken" });
    await expect(transport.post(address, "{}", LONG_MS)).rejects.toMatchObject({ failure: "broken" });
    await closed;
  });
});
