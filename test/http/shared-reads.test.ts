import type { Server, Socket } from "node:net";
import { createServer } from "node:net";
import { afterEach, describe, expect, test } from "vitest";
import type { SharedReads } from "../../ec2-node/shared-reads.ts";
import { readShared } from "../../ec2-node/shared-reads.ts";
import { RawClient } from "./raw-client.ts";

/** A server's connections read into memory that they share. Where Node gives no way to that, nobody can tell. */

const servers: Server[] = [];
const clients: RawClient[] = [];
afterEach(() => {
  for (const client of clients.splice(0)) client.socket.destroy();
  for (const server of servers.splice(0)) server.close();
});

const eventually = <Value>(value: () => Value) => expect.poll(value, { timeout: 20_000 });

interface Connection extends SharedReads {
  /** What was handed out, and the memory that it stood in. */
  text: string;
  readonly memory: Set<ArrayBufferLike>;
}

type Way = (accepted: Socket, onBytes: (bytes: Buffer) => void) => SharedReads;

const shared: Way = (accepted, onBytes) => readShared(accepted, onBytes);
const ways: readonly [string, Way][] = [
  ["into shared memory", shared],
  ["under a Node that this was never tried with", (...given) => readShared(...given, "99.0.0")],
  [
    "under a Node whose handles take no buffer",
    (accepted, onBytes) => {
      Object.defineProperty((accepted as unknown as { _handle: object })._handle, "useUserBuffer", {
        value: undefined,
      });
      return readShared(accepted, onBytes);
    },
  ],
];

async function serve(way: Way) {
  const connections: Connection[] = [];
  const server = createServer({ allowHalfOpen: true }, (accepted) => {
    const memory = new Set<ArrayBufferLike>();
    const reads = way(accepted, (bytes) => {
      connection.text += bytes.toString("latin1");
      memory.add(bytes.buffer);
    });
    const connection: Connection = { ...reads, text: "", memory };
    connections.push(connection);
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  const dial = async (): Promise<{ client: RawClient; connection: Connection }> => {
    const before = connections.length;
    const client = new RawClient(port);
    clients.push(client);
    await eventually(() => connections.length).toBe(before + 1);
    return { client, connection: connections[before]! };
  };
  return { server, dial };
}

test("with the Node that runs this the memory is one for all connections and reads", async () => {
  const { dial } = await serve(shared);
  const [a, b] = [await dial(), await dial()];
  for (const { client, connection } of [a, b, a, b]) {
    const before = connection.text.length;
    client.send("some bytes");
    await eventually(() => connection.text.length).toBe(before + 10);
  }
  expect(new Set([...a.connection.memory, ...b.connection.memory]).size).toBe(1);
});

test("the end of the socket that was accepted means nothing any more", async () => {
  let first: Socket | undefined;
  const { server, dial } = await serve((accepted, onBytes) => {
    first = accepted;
    return shared(accepted, onBytes);
  });
  const { client, connection } = await dial();
  first?.destroy();
  client.send("still here");
  await eventually(() => connection.text).toBe("still here");
  const connections = await new Promise((resolve) =>
    server.getConnections((_error, count) => resolve(count)),
  );
  expect(connections).toBe(1);
});

test("a stream that nobody reads after its release is full at some time, and no more is read", async () => {
  const { dial } = await serve(shared);
  const { client, connection } = await dial();
  connection.release();
  const other = await dial();
  client.send("x".repeat(32 << 20));
  await eventually(() => connection.socket.readableLength).toBeGreaterThan(0);
  // In each of these rounds there would be something to be read.
  for (let round = 1; round <= 50; round++) {
    other.client.send("x");
    await eventually(() => other.connection.text.length).toBe(round);
  }
  expect(connection.socket.readableLength).toBeLessThan(1 << 20);
});

test("with another every read has memory of its own", async () => {
  const { dial } = await serve(ways[1]![1]);
  const [a, b] = [await dial(), await dial()];
  for (const { client, connection } of [a, b]) {
    client.send("some bytes");
    await eventually(() => connection.text).toBe("some bytes");
  }
  expect(new Set([...a.connection.memory, ...b.connection.memory]).size).toBe(2);
});

describe.each(ways)("%s", (_name, way) => {
  test("every connection is told what its client sent, all of it and in order", async () => {
    const { dial } = await serve(way);
    const all = [await dial(), await dial(), await dial()];
    const sent = all.map((_, number) => String(number).repeat(300_000 + number));
    for (const [number, { client }] of all.entries()) client.send(sent[number]!);
    await eventually(() => all.map(({ connection }) => connection.text.length)).toEqual(
      sent.map((text) => text.length),
    );
    expect(all.map(({ connection }) => connection.text)).toEqual(sent);
  });

  test("what is written arrives", async () => {
    const { dial } = await serve(way);
    const { client, connection } = await dial();
    connection.socket.write("an answer");
    await client.receive(/^an answer$/);
  });

  test("from its release on what comes is the stream's, and stays what it was", async () => {
    const { dial } = await serve(way);
    const [{ client, connection }, other] = [await dial(), await dial()];
    client.send("before");
    await eventually(() => connection.text).toBe("before");
    connection.release();
    const pieces: Buffer[] = [];
    connection.socket.on("data", (piece: Buffer) => pieces.push(piece));
    for (let round = 0; round < 3; round++) {
      client.send(`after ${round};`);
      await eventually(() => pieces.length).toBe(round + 1);
      other.client.send("something else");
      await eventually(() => other.connection.text.length).toBe(14 * (round + 1));
    }
    expect(Buffer.concat(pieces).toString()).toBe("after 0;after 1;after 2;");
    expect(connection.text).toBe("before");
  });

  test("a stream that is paused after its release is not read on", async () => {
    const { dial } = await serve(way);
    const { client, connection } = await dial();
    connection.release();
    connection.socket.pause();
    client.send("x".repeat(32 << 20));
    await eventually(() => client.socket.writableLength).toBeGreaterThan(1 << 20);
    expect(connection.socket.readableLength).toBeLessThan(1 << 20);
    let length = 0;
    connection.socket.on("data", (piece: Buffer) => {
      length += piece.length;
    });
    connection.socket.resume();
    await eventually(() => length).toBe(32 << 20);
  });

  test("nothing is handed out while it is paused, and nothing is lost", async () => {
    const { dial } = await serve(way);
    const { client, connection } = await dial();
    client.send("one,");
    await eventually(() => connection.text).toBe("one,");
    connection.socket.pause();
    client.send("x".repeat(16 << 20));
    await eventually(() => client.socket.writableLength).toBeGreaterThan(1 << 20);
    expect(connection.text).toBe("one,");
    connection.socket.resume();
    await eventually(() => connection.text.length).toBe(4 + (16 << 20));
  });

  test("the client's end is heard, and there may still be an answer", async () => {
    const { dial } = await serve(way);
    const { client, connection } = await dial();
    const ended = new Promise<void>((resolve) => connection.socket.once("end", resolve));
    client.socket.end("the last");
    await ended;
    expect(connection.text).toBe("the last");
    connection.socket.end("an answer");
    expect(await client.end()).toBe("an answer");
  });

  test("a connection that breaks is heard of", async () => {
    const { dial } = await serve(way);
    const { client, connection } = await dial();
    connection.socket.on("error", () => undefined);
    const closed = new Promise<void>((resolve) => connection.socket.once("close", () => resolve()));
    client.socket.resetAndDestroy();
    await closed;
  });

  test("the server is closed when the last connection is, and not before", async () => {
    const { server, dial } = await serve(way);
    const [a, b] = [await dial(), await dial()];
    let isClosed = false;
    const closed = new Promise<void>((resolve) => {
      server.close(() => {
        isClosed = true;
        resolve();
      });
    });
    a.connection.socket.destroy();
    await a.client.end();
    b.client.send("still here");
    await eventually(() => b.connection.text).toBe("still here");
    expect(isClosed).toBe(false);
    b.client.socket.end();
    b.connection.socket.end();
    await closed;
  });
});
