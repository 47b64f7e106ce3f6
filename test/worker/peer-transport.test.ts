import { runInDurableObject } from "cloudflare:test";
import { describe, expect, it, vi } from "vitest";
import type { ExchangeBody } from "../../shared/node/ports.ts";
import { packExchange } from "../../shared/node/wire-packed.ts";
import { Addresses } from "../../worker/addresses.ts";
import { readConfig } from "../../worker/config.ts";
import type { PeerObject } from "../../worker/peer-transport.ts";
import { PeerTransport } from "../../worker/peer-transport.ts";
import { leaderOf, statusOf, stubOf } from "./support/cluster.ts";

const config = readConfig({});
const addresses = new Addresses(config);
const B = addresses.of("B");
const LONG_MS = 10_000;

/** A transport to objects that do what `exchange` says; counts the stubs made. */
function transportTo(exchange: PeerObject["exchange"]) {
  const made: string[] = [];
  const stubOf = (id: string) => {
    made.push(id);
    return { exchange };
  };
  return { made, transport: new PeerTransport({ addresses, stubOf, secret: undefined }) };
}

describe("calls between objects", () => {
  it("bring back status and body", async () => {
    const { transport, made } = transportTo(async (body) => ({ status: 200, body }));
    expect(transport.carriesBytes(B)).toBe(true);
    expect(await transport.post(B, "text", LONG_MS)).toEqual({ status: 200, body: "text" });
    await transport.post(B, "again", LONG_MS);
    expect(made).toEqual(["B"]);
  });

  it("take along no more memory than the bytes of a view", async () => {
    let seen: ExchangeBody | undefined;
    const { transport } = transportTo(async (body) => {
      seen = body;
      return { status: 200, body: "" };
    });
    await transport.post(B, new Uint8Array(1000).fill(7).subarray(10, 13), LONG_MS);
    expect(seen).toEqual(new Uint8Array([7, 7, 7]));
    expect((seen as Uint8Array).buffer.byteLength).toBe(3);
  });

  it("bring no more memory back than the bytes of the reply", async () => {
    await leaderOf();
    const { clusterId, storeId } = (await statusOf("B")).raft;
    const introduction = { version: 1, clusterId, id: "B", storeId, to: addresses.of("A") };
    const { body } = await runInDurableObject(
      stubOf("A"),
      async (object) => (await object.exchange(packExchange(introduction, [])))!,
    );
    expect((body as Uint8Array).length).toBeGreaterThan(0);
    expect((body as Uint8Array).buffer.byteLength).toBe((body as Uint8Array).length);
  });

  it("are refused by a node that does not run: nothing was taken in", async () => {
    const { transport } = transportTo(async () => null);
    await expect(transport.post(B, "", LONG_MS)).rejects.toMatchObject({ failure: "refused" });
  });

  it("break with the object, and go by a new stub then", async () => {
    const { transport, made } = transportTo(async () => {
      throw new Error("internal error");
    });
    await expect(transport.post(B, "", LONG_MS)).rejects.toMatchObject({ failure: "broken" });
    await expect(transport.post(B, "", LONG_MS)).rejects.toMatchObject({ failure: "broken" });
    expect(made).toEqual(["B", "B"]);
  });

  it("end at their deadline", async () => {
    const { transport, made } = transportTo(() => new Promise(() => undefined));
    await expect(transport.post(B, "", 5)).rejects.toMatchObject({ failure: "timeout" });
    await expect(transport.post(B, "", 5)).rejects.toMatchObject({ failure: "timeout" });
    expect(made).toEqual(["B", "B"]);
  });
});

describe("calls to nodes elsewhere", () => {
  const C = "http://c.example:8002";
  const mixed = new Addresses(readConfig({ RAFT_NODES: `A=do,C=${C}`, RAFT_SECRET: "s" }));
  const stubOf = () => {
    throw new Error("no object is called");
  };

  it("take six connections at a time; one that was given up while it waited is never made", async () => {
    const calls: { readonly body: string; readonly reply: () => void }[] = [];
    const fetching = vi.spyOn(globalThis, "fetch").mockImplementation((_url, init) => {
      const { promise, resolve } = Promise.withResolvers<Response>();
      calls.push({ body: String(init?.body), reply: () => resolve(new Response(`to ${init?.body}`)) });
      return promise;
    });
    try {
      const transport = new PeerTransport({ addresses: mixed, stubOf, secret: "s" });
      const first = Array.from({ length: 6 }, (_, at) => transport.post(C, String(at), LONG_MS));
      const givenUp = transport.post(C, "given up", 5);
      const last = transport.post(C, "last", LONG_MS);
      await expect(givenUp).rejects.toMatchObject({ failure: "timeout" });
      expect(calls.map(({ body }) => body)).toEqual(["0", "1", "2", "3", "4", "5"]);
      calls[3]!.reply();
      expect((await first[3]!).body).toBe("to 3");
      await vi.waitFor(() => expect(calls.at(-1)!.body).toBe("last"));
      for (const { reply } of calls) reply();
      expect((await last).body).toBe("to last");
      await Promise.all(first);
      expect(calls).toHaveLength(7);
    } finally {
      fetching.mockRestore();
    }
  });
});

describe("addresses", () => {
  const shownAt = (settings: object) => new Addresses(readConfig(settings)).shown(B, "http://h:1");

  it("are shown under the URL by which one came", () => {
    expect(shownAt({})).toBe("http://h:1/B");
    expect(addresses.shown("https://else.example/x", "http://h:1")).toBe("https://else.example/x");
  });

  it("are what RAFT_URL makes them, and objects are still called as such", () => {
    const own = new Addresses(readConfig({ RAFT_URL: "https://edge.example" }));
    expect(own.of("B")).toBe("https://edge.example/B");
    expect(own.objectAt("https://edge.example/B")).toBe("B");
    expect(own.objectAt(B)).toBe("B");
    expect(own.shown(own.of("B"), "http://h:1")).toBe("https://edge.example/B");
  });

  it("of nodes elsewhere are their URLs", () => {
    const mixed = new Addresses(readConfig({ RAFT_NODES: "A=do,C=http://c.example:8002", RAFT_SECRET: "s" }));
    expect(mixed.of("C")).toBe("http://c.example:8002");
    expect(mixed.objectAt(mixed.of("C"))).toBeNull();
    expect(mixed.peersOf("A")).toEqual([{ id: "C", address: "http://c.example:8002" }]);
    expect(mixed.objectAt("http://object/D")).toBeNull();
  });
});
