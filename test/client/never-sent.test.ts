import { once } from "node:events";
import type { AddressInfo, Socket } from "node:net";
import { createServer } from "node:net";
import { describe, expect, test } from "vitest";
import { networkReason, wasNeverSent } from "../../shared/client/never-sent.ts";

/** What Node's own fetch tells of a failed request, with real sockets: the ground on which writes are sent again. */

const answer = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

/** A server of bare sockets; `onRequest` gets each request that arrives, and how many have arrived. */
async function serve(onRequest: (socket: Socket, count: number, close: () => void) => void) {
  let requests = 0;
  let connections = 0;
  const server = createServer((socket) => {
    connections++;
    socket.on("error", () => undefined);
    socket.on("data", (data) => {
      if (!data.includes("HTTP/1.1\r\n")) return;
      onRequest(socket, ++requests, () => server.close());
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}/`, server, counts: () => ({ requests, connections }) };
}

async function errorOf(url: string, init: RequestInit = { method: "POST", body: "5" }): Promise<unknown> {
  try {
    await fetch(new Request(url, init));
  } catch (error) {
    return error;
  }
  throw new Error("it was answered");
}

test("nobody listens: it was never sent", async () => {
  const { url, server } = await serve(() => undefined);
  server.close();
  await once(server, "close");
  const error = await errorOf(url);
  expect(wasNeverSent(error)).toBe(true);
  expect(networkReason(error)).toBe("connection refused");
});

test("a host that does not exist: it was never sent", async () => {
  const error = await errorOf("http://no-such-host.invalid/");
  expect(wasNeverSent(error)).toBe(true);
  expect(networkReason(error)).toBe("no such host");
});

const breaks: readonly [string, (socket: Socket) => void][] = [
  ["closes the connection", (socket) => socket.destroy()],
  ["resets the connection", (socket) => socket.resetAndDestroy()],
  ["answers something else than HTTP", (socket) => socket.end("hello\r\n\r\n")],
  ["answers half", (socket) => socket.end("HTTP/1.1 200 OK\r\n")],
];
const requests: readonly [string, RequestInit][] = [
  ["POST with text", { method: "POST", body: "5" }],
  ["PUT with bytes", { method: "PUT", body: Uint8Array.of(5) }],
  ["DELETE", { method: "DELETE" }],
  ["GET", {}],
];

describe.each(breaks)("a node that has the request and %s", (_name, breakOff) => {
  test.each(requests)("%s: it may have been carried out, and was sent once", async (_name, init) => {
    for (const reused of [false, true]) {
      const { url, server, counts } = await serve((socket, count, close) => {
        if (reused && count === 1) {
          socket.write(answer);
          return;
        }
        // As when a process is killed: whoever tries again is refused.
        close();
        breakOff(socket);
      });
      if (reused) {
        await (await fetch(url)).text();
        await new Promise((resolve) => setImmediate(resolve));
      }
      const error = await errorOf(url, init);
      expect(wasNeverSent(error)).toBe(false);
      expect(networkReason(error)).not.toBe("");
      expect(counts()).toEqual({ requests: reused ? 2 : 1, connections: 1 });
      server.close();
    }
  });
});

describe("by what the error holds", () => {
  const fetchFailed = (cause: unknown) => new TypeError("fetch failed", { cause });
  const system = (code: string, syscall?: string) => Object.assign(new Error(code), { code, syscall });

  test.each([
    [
      "one address after the other was refused",
      fetchFailed(
        Object.assign(
          new AggregateError([system("ECONNREFUSED", "connect"), system("EHOSTUNREACH", "connect")]),
          { code: "ECONNREFUSED" },
        ),
      ),
      true,
    ],
    [
      "one of the addresses broke later",
      fetchFailed(new AggregateError([system("ECONNREFUSED", "connect"), system("ECONNRESET", "read")])),
      false,
    ],
    ["an empty list of attempts", fetchFailed(new AggregateError([])), false],
    ["the connection took too long", fetchFailed(system("UND_ERR_CONNECT_TIMEOUT")), true],
    ["the answer took too long", fetchFailed(system("UND_ERR_HEADERS_TIMEOUT")), false],
    ["the write failed", fetchFailed(system("EPIPE", "write")), false],
    ["a code without the step", fetchFailed(system("ECONNREFUSED")), false],
    ["a browser's error", new TypeError("Failed to fetch"), false],
    ["a Worker's error", Object.assign(new Error("Network connection lost."), { retryable: true }), false],
    ["no error at all", "failed", false],
    ["null", null, false],
  ])("%s: %#", (_name, error, expected) => {
    expect(wasNeverSent(error)).toBe(expected);
    expect(networkReason(error)).not.toBe("");
  });
});
