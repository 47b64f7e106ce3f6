import type { Server, Socket } from "node:net";
import { createServer } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, describe, expect, test, vi } from "vitest";
import type { FastLaneOptions } from "../../ec2-node/fast-lane.ts";
import { FastLane } from "../../ec2-node/fast-lane.ts";
import type { LaneRequest } from "../../ec2-node/lane-request.ts";
import { KnownHeaders, readHead } from "../../ec2-node/lane-request.ts";
import { PlainResponse } from "../../ec2-node/plain-response.ts";
import { RawClient } from "./raw-client.ts";

/** How long a connection of the fast lane lives, and what it costs, whatever its client does. */

const GET = "GET /v1/kv/x HTTP/1.1\r\nhost: n\r\n\r\n";
const LONG_MS = 60_000;

const servers: Server[] = [];
const clients: RawClient[] = [];
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
  for (const client of clients.splice(0)) client.socket.destroy();
  for (const server of servers.splice(0)) server.close();
});

/** A server of nothing but the lane; `open` are its connections, `sockets` what the lane made of all there were. */
async function serve(options: Partial<FastLaneOptions> = {}, answer = "5") {
  const lane = new FastLane({
    handler: async () => new PlainResponse(answer, { status: 200, headers: {} }) as unknown as Response,
    leave: (socket) => socket.destroy(),
    onUsed: () => undefined,
    firstWithinMs: LONG_MS,
    keepAliveMs: LONG_MS,
    bodyWithinMs: LONG_MS,
    lingerMs: LONG_MS,
    ...options,
  });
  const open = new Set<Socket>();
  const sockets: Socket[] = [];
  // As node:http's own sockets are.
  const server = createServer({ allowHalfOpen: true }, (accepted) => {
    const socket = lane.take(accepted);
    sockets.push(socket);
    open.add(socket);
    socket.on("close", () => open.delete(socket));
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  const dial = (behaviour?: { readonly closes: boolean }): RawClient => {
    const client = new RawClient(port, behaviour);
    clients.push(client);
    return client;
  };
  return { open, sockets, dial };
}

const gone = (open: ReadonlySet<Socket>) => expect.poll(() => open.size, { timeout: 20_000 }).toBe(0);

describe("a connection is let go of", () => {
  test("that never says anything", async () => {
    const { open, dial } = await serve({ firstWithinMs: 50 });
    await dial().end();
    await gone(open);
  });

  test("that has been answered and says no more", async () => {
    const { open, dial } = await serve({ keepAliveMs: 50 });
    const client = dial();
    client.send(GET);
    expect(await client.end()).toMatch(/\r\n\r\n5$/);
    await gone(open);
  });

  test("no sooner than it is told, counted from what it said last", async () => {
    // Connections are looked at by an interval; all else goes by the real clock.
    vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] });
    const { open, dial } = await serve({ firstWithinMs: 4_000, keepAliveMs: 8_000 });
    const silent = dial();
    const client = dial();
    await expect.poll(() => open.size, { timeout: 20_000 }).toBe(2);
    await vi.advanceTimersByTimeAsync(4_000);
    expect(open.size).toBe(2);
    for (let round = 1; round <= 3; round++) {
      client.send(GET);
      await client.receive(new RegExp(`(?:HTTP[\\s\\S]*){${round}}`));
      await vi.advanceTimersByTimeAsync(8_000);
      if (round === 1) await silent.end();
      expect(open.size).toBe(1);
    }
    await vi.advanceTimersByTimeAsync(2_000);
    await client.end();
  });

  test("not while it waits for an answer", async () => {
    vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] });
    let isAsked = false;
    let answer = (): void => undefined;
    const mayAnswer = new Promise<void>((resolve) => {
      answer = resolve;
    });
    const { open, dial } = await serve({
      keepAliveMs: 8_000,
      handler: async () => {
        isAsked = true;
        await mayAnswer;
        return new PlainResponse("5", { status: 200, headers: {} }) as unknown as Response;
      },
    });
    const client = dial();
    client.send(GET);
    await expect.poll(() => isAsked, { timeout: 20_000 }).toBe(true);
    await vi.advanceTimersByTimeAsync(60_000);
    answer();
    await client.receive(/\r\n\r\n5$/);
    expect(open.size).toBe(1);
    await vi.advanceTimersByTimeAsync(10_000);
    await client.end();
  });

  test("whose last answer has been sent, though its client never closes it and goes on sending", async () => {
    const { open, dial } = await serve({ lingerMs: 50 });
    const client = dial({ closes: false });
    client.send(`${GET}\u0001 more than was announced`);
    await client.receive(/connection: close/);
    const sending = setInterval(() => client.send("and more "), 5);
    await gone(open);
    clearInterval(sending);
  });

  test("whose client does not read its answer", async () => {
    const { open, dial } = await serve({ keepAliveMs: 100 }, "x".repeat(8 << 20));
    const client = dial();
    client.socket.pause();
    client.send(GET.repeat(4));
    await expect.poll(() => open.size).toBe(1);
    await gone(open);
  });
});

test("what comes behind the last answer is dropped, however much", async () => {
  const { dial } = await serve();
  const client = dial({ closes: false });
  client.send(`${GET}\u0001`);
  await client.receive(/connection: close/);
  client.send("x".repeat(32 << 20));
  await expect.poll(() => client.socket.writableLength, { timeout: 20_000 }).toBe(0);
});

test("what a connection leaves with stays what it was, whatever comes on others before it is read", async () => {
  const left: Socket[] = [];
  const { dial } = await serve({
    leave: (socket) => {
      socket.pause();
      left.push(socket);
    },
  });
  const odd = "GET /health HTTP/1.1\r\nhost: n\r\n\r\n";
  const client = dial();
  client.send(odd);
  await expect.poll(() => left.length, { timeout: 20_000 }).toBe(1);
  const other = dial();
  other.send(GET.repeat(3));
  await other.receive(/(?:HTTP[\s\S]*){3}/);
  const pieces: Buffer[] = [];
  left[0]?.on("data", (piece: Buffer) => pieces.push(piece)).resume();
  await expect.poll(() => Buffer.concat(pieces).toString(), { timeout: 20_000 }).toBe(odd);
});

test("a client that has read its answer after all may wait for the next one for as long as it takes", async () => {
  const { sockets, dial } = await serve({}, "x".repeat(8 << 20));
  const client = dial();
  client.socket.pause();
  client.send(GET);
  await expect.poll(() => sockets[0]?.timeout, { timeout: 20_000 }).toBe(LONG_MS);
  client.socket.resume();
  await expect.poll(() => client.received.length, { timeout: 20_000 }).toBeGreaterThan(8 << 20);
  await expect.poll(() => sockets[0]?.timeout, { timeout: 20_000 }).toBe(0);
});

test("a last answer is read to its end, however slowly", async () => {
  const body = "x".repeat(8 << 20);
  const { dial } = await serve({ lingerMs: 10 }, body);
  const client = dial();
  client.socket.pause();
  client.send(`${GET}\u0001`);
  await sleep(200);
  client.socket.resume();
  const received = await client.end();
  expect(received.slice(received.indexOf("\r\n\r\n") + 4).length).toBe(body.length);
});

test("an empty line behind a body is no end of the conversation", async () => {
  const { dial } = await serve({ leave: (socket) => socket.end("left") });
  const client = dial();
  client.send("PUT /v1/kv/x HTTP/1.1\r\nhost: n\r\ncontent-length: 1\r\n\r\nv\r\n");
  await client.receive(/connection: keep-alive/);
  // node:http takes it from there.
  client.send(GET);
  await client.receive(/left$/);
});

test("a body stays what it was, whatever comes on other connections meanwhile", async () => {
  const asked: LaneRequest[] = [];
  let answer = (): void => undefined;
  const mayAnswer = new Promise<void>((resolve) => {
    answer = resolve;
  });
  const { dial } = await serve({
    handler: async (request) => {
      asked.push(request as unknown as LaneRequest);
      await mayAnswer;
      return new PlainResponse("", { status: 200, headers: {} }) as unknown as Response;
    },
  });
  const put = (body: string) =>
    `PUT /v1/kv/x HTTP/1.1\r\nhost: n\r\ncontent-length: ${body.length}\r\n\r\n${body}`;
  // Short ones share memory, long ones do not; what comes behind a body has to wait.
  const bodies = ["first", "second", "x".repeat(5_000), "y".repeat(5_000), "z".repeat(200_000)];
  const conversations = [];
  for (const [at, body] of bodies.entries()) {
    const client = dial();
    client.send(put(body) + put(`behind ${at}`));
    conversations.push(client);
    await expect.poll(() => asked.length, { timeout: 20_000 }).toBe(at + 1);
  }
  const texts = () => asked.map(({ body }) => Buffer.from(body).toString("latin1"));
  expect(texts()).toEqual(bodies);
  answer();
  for (const client of conversations) await client.receive(/(?:HTTP[\s\S]*){2}/);
  expect(texts().slice(bodies.length).sort()).toEqual(bodies.map((_, at) => `behind ${at}`));
});

test("a body in many pieces is put together once", async () => {
  const { dial } = await serve();
  const concat = vi.spyOn(Buffer, "concat");
  const client = dial();
  client.socket.setNoDelay(true);
  const pieces = 2_000;
  client.send(`PUT /v1/kv/x HTTP/1.1\r\nhost: n\r\ncontent-length: ${pieces * 100}\r\n\r\n`);
  for (let sent = 0; sent < pieces; sent++) {
    client.send("v".repeat(100));
    await new Promise((resolve) => setImmediate(resolve));
  }
  await client.receive(/\r\n\r\n5$/);
  expect(concat.mock.calls.length).toBeLessThan(10);
});

/** A pattern that tries every split of the blanks takes some 20 ms for each of these. */
test("a head of blanks costs no more than others", () => {
  const head = Buffer.from(`GET /v1/kv/x HTTP/1.1\r\nhost: n\r\nx: a${" ".repeat(3900)}b \t\r\n\r\n`);
  for (let round = 0; round < 5_000; round++) {
    const found = readHead(head, new KnownHeaders());
    if (found.type !== "request") throw new Error("taken before");
    if (round === 0) expect(found.request.headers.get("x")).toMatch(/^a {3900}b$/);
  }
}, 20_000);
