import { afterEach, describe, expect, test } from "vitest";
import { nodeHttpHost } from "../../ec2-node/http-host.ts";
import type { HttpServer } from "../../ec2-node/server.ts";
import { listen } from "../../ec2-node/server.ts";
import { createHandler } from "../../shared/http/handler.ts";
import { RawClient } from "./raw-client.ts";
import type { Face } from "./support.ts";
import { EMPTY_STORE, FACES, fakeNode } from "./support.ts";

const CLIENT_LIMIT = 1_048_576;
const RAFT_LIMIT = 16 * 1_048_576;

/** A good command in a body of exactly `size` bytes. */
function paddedCommand(size: number): Uint8Array<ArrayBuffer> {
  const [head, tail] = ['{"cmd":"SET x=5","pad":"', '"}'];
  return Uint8Array.from(Buffer.from(head + "p".repeat(size - head.length - tail.length) + tail));
}

/** The same bytes in pieces, without a length announced. */
function inChunks(bytes: Uint8Array<ArrayBuffer>): ReadableStream<Uint8Array> {
  let at = 0;
  return new ReadableStream({
    pull(controller) {
      if (at >= bytes.length) return controller.close();
      controller.enqueue(bytes.subarray(at, at + 65_536));
      at += 65_536;
    },
  });
}

describe.each(FACES)("the size of a body over %s", (_name, open) => {
  let face: Face | undefined;
  afterEach(async () => {
    await face?.close();
    face = undefined;
  });

  describe.each([
    ["announced", (bytes: Uint8Array<ArrayBuffer>) => bytes],
    ["in chunks", inChunks],
  ] as const)("%s", (_how, body) => {
    test.each(["/command", "/client", "/client_command"])(
      "POST %s: exactly the limit is accepted",
      async (path) => {
        const node = fakeNode();
        face = await open(node);
        expect((await face.call("POST", path, body(paddedCommand(CLIENT_LIMIT)))).status).toBe(200);
        expect(node.asked).toHaveLength(1);
      },
    );

    test.each(["/command", "/client", "/client_command"])("POST %s: a byte more is refused", async (path) => {
      const node = fakeNode();
      face = await open(node);
      const reply = await face.call("POST", path, body(paddedCommand(CLIENT_LIMIT + 1)));
      expect(reply.status).toBe(413);
      expect(JSON.parse(reply.text)).toMatchObject({
        ok: false,
        code: "body-too-large",
        limitBytes: CLIENT_LIMIT,
      });
      expect(node.asked).toEqual([]);
    });

    test.each(["/raft", "/appendEntries"])("POST %s takes sixteen times as much", async (path) => {
      const node = fakeNode();
      face = await open(node);
      expect((await face.call("POST", path, body(new Uint8Array(RAFT_LIMIT).fill(0x20)))).status).toBe(200);
      expect((await face.call("POST", path, body(new Uint8Array(RAFT_LIMIT + 1).fill(0x20)))).status).toBe(
        413,
      );
      expect(node.asked).toHaveLength(1);
    });
  });
});

test("with fetch's objects, a body is left as soon as it passes the limit", async () => {
  let pulled = 0;
  let cancelled = false;
  const endless = new ReadableStream({
    pull(controller) {
      pulled += 65_536;
      controller.enqueue(new Uint8Array(65_536).fill(0x20));
    },
    cancel: () => {
      cancelled = true;
    },
  });
  const init = { method: "POST", body: endless, duplex: "half" } as RequestInit;
  const reply = await createHandler(fakeNode(), EMPTY_STORE)(new Request("http://node.test/command", init));
  expect(reply.status).toBe(413);
  expect(cancelled).toBe(true);
  expect(pulled).toBeLessThan(CLIENT_LIMIT + 4 * 65_536);
});

describe("on the wire", () => {
  let server: HttpServer | undefined;
  let client: RawClient | undefined;
  const node = fakeNode();

  afterEach(async () => {
    client?.socket.destroy();
    await server?.close(0);
    node.asked.length = 0;
  });

  async function dial(): Promise<RawClient> {
    const handler = createHandler(node, EMPTY_STORE, { host: nodeHttpHost });
    server = await listen({ host: "127.0.0.1", port: 0, handler, hasFastLane: true });
    client = new RawClient(server.port);
    return client;
  }

  const head = (...headers: string[]): string =>
    ["POST /command HTTP/1.1", "host: x", ...headers, "", ""].join("\r\n");

  test("an announced ten gigabytes are refused before a byte of them is sent", async () => {
    const raw = await dial();
    raw.send(head("content-length: 10737418240"));
    expect(await raw.receive(/body-too-large/)).toMatch(/^HTTP\/1\.1 413 /);
  });

  test("a chunked body is refused while it is still coming", async () => {
    const raw = await dial();
    const chunk = Buffer.alloc(65_536, 0x20);
    raw.send(head("transfer-encoding: chunked"));
    for (let sent = 0; sent <= CLIENT_LIMIT; sent += chunk.length) raw.send("10000\r\n", chunk, "\r\n");
    expect(await raw.receive(/body-too-large/)).toMatch(/^HTTP\/1\.1 413 /);
    expect(node.asked).toEqual([]);
  });

  test("the connection serves the next request when the refused body has come to its end", async () => {
    const raw = await dial();
    raw.send(head(`content-length: ${3_000_000}`));
    await raw.receive(/body-too-large/);
    raw.send(new Uint8Array(3_000_000));
    const body = '{"cmd":"SET x=5"}';
    raw.send(head(`content-length: ${body.length}`), body);
    expect(await raw.receive(/"result":"OK"/)).toContain("HTTP/1.1 200 ");
  });

  test("who wants the connection closed still reads the refusal", async () => {
    const raw = await dial();
    raw.send(head(`content-length: ${8_000_000}`, "connection: close"));
    for (let i = 0; i < 8; i++) raw.send(new Uint8Array(1_000_000));
    expect(await raw.end()).toMatch(/^HTTP\/1\.1 413 .*body-too-large.*\}$/s);
  });

  test("a refused sender that never ends its body is cut off", async () => {
    const raw = await dial();
    raw.send(head(`content-length: ${8_000_000}`));
    await raw.receive(/body-too-large/);
    await raw.end();
  });

  test("expect: 100-continue: nothing is asked for when the length is refused", async () => {
    const raw = await dial();
    raw.send(head(`content-length: ${CLIENT_LIMIT + 1}`, "expect: 100-continue"));
    expect(await raw.receive(/body-too-large/)).toMatch(/^HTTP\/1\.1 413 /);
  });

  test("expect: 100-continue: the body is asked for when it is wanted", async () => {
    const raw = await dial();
    const body = '{"cmd":"SET x=5"}';
    raw.send(head(`content-length: ${body.length}`, "expect: 100-continue"));
    await raw.receive(/^HTTP\/1\.1 100 Continue\r\n\r\n$/);
    raw.send(body);
    expect(await raw.receive(/"result":"OK"/)).toContain("HTTP/1.1 200 ");
  });

  test("a body that breaks off executes nothing and the node goes on", async () => {
    const raw = await dial();
    raw.send(head("content-length: 100"), '{"cmd":"SET x=5"}');
    raw.socket.end();
    await raw.end();
    const next = await fetch(`${server!.url}/command`, { method: "POST", body: '{"cmd":"SET x=6"}' });
    expect(next.status).toBe(200);
    expect(node.asked).toMatchObject([{ cmd: "SET x=6" }]);
  });
});
