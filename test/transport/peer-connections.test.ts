import { once } from "node:events";
import type { AddressInfo, Socket } from "node:net";
import { createServer } from "node:net";
import { afterEach, describe, expect, test } from "vitest";
import { nodeHttpHost } from "../../ec2-node/http-host.ts";
import { PeerConnections } from "../../ec2-node/peer-connections.ts";
import { probe } from "../../ec2-node/probe.ts";
import type { HttpServer } from "../../ec2-node/server.ts";
import { listen } from "../../ec2-node/server.ts";
import { HttpTransport } from "../../ec2-node/transport.ts";
import { createHandler } from "../../shared/http/handler.ts";
import { EMPTY_STORE, fakeNode } from "../http/support.ts";

const LONG_MS = 20_000;

describe("connections of a peer", () => {
  let server: HttpServer | undefined;
  const transports: HttpTransport[] = [];
  afterEach(async () => {
    for (const transport of transports.splice(0)) transport.close();
    await server?.close(0);
    server = undefined;
  });

  /** A server whose callers name themselves in the body, and what it reports. */
  async function setUp(exchange = async (peer: string) => ({ status: 200, body: "", peer: peer || null })) {
    const closed: string[] = [];
    const waiting = new Set<() => void>();
    const connections = new PeerConnections((peer) => {
      closed.push(peer);
      for (const resolve of waiting) resolve();
    });
    const handler = createHandler(fakeNode({ exchange }), EMPTY_STORE, {
      host: nodeHttpHost,
      onPeerRequest: (request, peer) => connections.tag(request, peer),
    });
    const listening = await listen({ host: "127.0.0.1", port: 0, handler });
    server = listening;
    const someClosed = (): Promise<void> => new Promise((resolve) => waiting.add(resolve));
    return { address: listening.url, connections, closed, someClosed };
  }

  function dial(): HttpTransport {
    const transport = new HttpTransport();
    transports.push(transport);
    return transport;
  }

  test("the end of a peer's only connection is told, once", async () => {
    const { address, closed, someClosed } = await setUp();
    const peer = dial();
    await peer.post(address, "B", LONG_MS);
    await peer.post(address, "B", LONG_MS);
    const told = someClosed();
    peer.close();
    await told;
    expect(closed).toEqual(["B"]);
  });

  test("a connection among several is not", async () => {
    const { address, closed, someClosed } = await setUp();
    const [first, second, other] = [dial(), dial(), dial()];
    await first.post(address, "B", LONG_MS);
    await second.post(address, "B", LONG_MS);
    await other.post(address, "C", LONG_MS);
    first.close();
    const told = someClosed();
    other.close();
    await told;
    expect(closed).toEqual(["C"]);
    const toldAgain = someClosed();
    second.close();
    await toldAgain;
    expect(closed).toEqual(["C", "B"]);
  });

  test("a connection that speaks for two peers is a proxy's, and those without a peer are nobody's", async () => {
    const { address, closed, someClosed } = await setUp();
    const [proxy, stranger, peer] = [dial(), dial(), dial()];
    for (const name of ["B", "C", "B"]) await proxy.post(address, name, LONG_MS);
    await stranger.post(address, "", LONG_MS);
    await peer.post(address, "D", LONG_MS);
    proxy.close();
    stranger.close();
    const told = someClosed();
    peer.close();
    await told;
    expect(closed).toEqual(["D"]);
  });

  test("a node that closes itself reports nobody", async () => {
    const { address, connections, closed } = await setUp();
    await dial().post(address, "B", LONG_MS);
    connections.close();
    await server?.close(0);
    expect(closed).toEqual([]);
  });

  test("a request that came another way is left alone", async () => {
    const connections = new PeerConnections(() => expect.unreachable());
    connections.tag(new Request("http://node.test/raft"), "B");
  });

  test("probe: accepted while the server listens, refused afterwards", async () => {
    const { address } = await setUp();
    expect(await probe(address, LONG_MS)).toBe("accepted");
    await server?.close(0);
    expect(await probe(address, LONG_MS)).toBe("refused");
  });

  test("probe: dropped when the connection is taken and closed again, as by a process that is dying", async () => {
    for (const end of [(socket: Socket) => socket.end(), (socket: Socket) => socket.resetAndDestroy()]) {
      const dying = createServer(end).listen(0, "127.0.0.1");
      await once(dying, "listening");
      const { port } = dying.address() as AddressInfo;
      expect(await probe(`http://127.0.0.1:${port}`, LONG_MS)).toBe("dropped");
      dying.close();
    }
  });

  test("probe: a name that nobody has and what is no address are unknown", async () => {
    expect(await probe("http://no-such-host.invalid:1", LONG_MS)).toBe("unknown");
    expect(await probe("nonsense", LONG_MS)).toBe("unknown");
  });
});
