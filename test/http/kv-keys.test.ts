import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { nodeHttpHost } from "../../ec2-node/http-host.ts";
import type { HttpServer } from "../../ec2-node/server.ts";
import { listen } from "../../ec2-node/server.ts";
import { createHandler } from "../../shared/http/handler.ts";
import { Kv, SoloNode } from "./kv-support.ts";
import { RawClient } from "./raw-client.ts";
import { FACES } from "./support.ts";

describe.each(FACES)("keys in paths over %s", (_name, open) => {
  let kv: Kv;
  beforeEach(async () => {
    kv = await Kv.open(open);
  });
  afterEach(() => kv.close());

  test.each([
    "x",
    "a/b/c",
    "a//b",
    "//",
    "/a",
    "a/",
    " ",
    " a b ",
    "a+b",
    "a%2Fb",
    "100%",
    "a?b#c&d=e",
    "schl\u00fcssel",
    "\u{1f600}",
    "\ufeffx",
    "e\u0301",
    "\u00e9",
    "\u0000",
    "line\nbreak\ttab\u007f",
    "\\back\\slash",
    "..%2f",
    "../up",
    "a/../b",
    "a/./b",
    "a/..",
    "*",
    ":key+",
    "__proto__",
    "constructor",
    "A",
    "a",
  ])("%j is kept byte for byte", async (key) => {
    const path = `/${encodeURIComponent(key)}`;
    expect((await kv.put(path, key)).body).toBe(true);
    expect(kv.contents).toEqual({ [key]: key });
    expect((await kv.get(path)).body).toMatchObject([{ Key: key }]);
    expect((await kv.get(`${path}?raw`)).text).toBe(key.replace(/^\ufeff/, ""));
    expect((await kv.get(`${path}?recurse`)).body).toMatchObject([{ Key: key }]);
    expect((await kv.call("GET", `${path}?keys`)).body).toEqual([key]);
    expect((await kv.delete(path)).body).toBe(true);
    expect(kv.contents).toEqual({});
  });

  test.each(["a/b", "a//b", "/a", "a/", "a///"])("slashes may stand as they are: %s", async (key) => {
    await kv.put(`/${key}`, "v");
    expect(Object.keys(kv.contents)).toEqual([key]);
    expect((await kv.get(`/${encodeURIComponent(key)}`)).status).toBe(200);
  });

  test.each([
    ["512 bytes", "k".repeat(512), 200],
    ["513 bytes", "k".repeat(513), 413],
    ["512 bytes of UTF-8", "\u00e4".repeat(256), 200],
    ["513 bytes of UTF-8", `${"\u00e4".repeat(256)}k`, 413],
    ["512 bytes of slashes", "/".repeat(512), 200],
    ["128 emoji", "\u{1f600}".repeat(128), 200],
  ])("a key of %s", async (_what, key, status) => {
    const path = `/${encodeURIComponent(key)}`;
    const reply = await kv.put(path);
    expect(reply.status).toBe(status);
    if (status === 200) return;
    expect(reply.body).toMatchObject({ code: "key-too-large" });
    for (const [method, query] of [
      ["GET", ""],
      ["GET", "?recurse"],
      ["GET", "?keys"],
      ["DELETE", ""],
      ["DELETE", "?recurse"],
    ] as const) {
      expect((await kv.call(method, path + query)).status, method + query).toBe(413);
    }
    expect(kv.contents).toEqual({});
  });

  test.each(["%", "%f", "%zz", "a%2", "%ff", "%c3", "%c3%28", "%ed%a0%80", "%c0%af"])(
    "%s is malformed",
    async (encoded) => {
      for (const method of ["GET", "PUT", "DELETE"]) {
        const reply = await kv.call(method, `/${encoded}?recurse`, method === "PUT" ? "v" : null);
        expect(reply, method).toMatchObject({ status: 400, body: { code: "bad-path" } });
      }
      expect(kv.contents).toEqual({});
    },
  );
});

describe("keys as a client may send them that does not use the URL class", () => {
  let solo: SoloNode;
  let server: HttpServer;
  beforeEach(async () => {
    solo = new SoloNode();
    const handler = createHandler(solo.api, solo.bench.store, { host: nodeHttpHost });
    server = await listen({ host: "127.0.0.1", port: 0, handler, hasFastLane: true });
  });
  afterEach(() => server.close(0));

  async function send(
    method: string,
    target: string | Uint8Array,
  ): Promise<{ status: number; text: string }> {
    const client = new RawClient(server.port);
    client.send(
      `${method} `,
      target,
      " HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\nconnection: close\r\n\r\n",
    );
    const text = await client.end();
    return { status: Number(/^HTTP\/1\.1 (\d+)/.exec(text)?.[1]), text };
  }

  const keys = () => solo.bench.store.list("").map(({ key }) => key);

  test.each([
    ["/v1/kv/a/../b", "a/../b"],
    ["/v1/kv/a/./b", "a/./b"],
    ["/v1/kv/a/%2e%2E/b", "a/../b"],
    ["/v1/kv/a/..", "a/.."],
    ["/v1/kv/.", "."],
    ["/v1/kv/..", ".."],
    ["/v1/kv/../status", "../status"],
    ["/v1/kv/%2e%2e/../command", "../../command"],
    ["/v1/kv/a\\b", "a\\b"],
    ["/v1/kv/a\\..\\..\\..\\b", "a\\..\\..\\..\\b"],
    ["/v1/kv/a#b", "a#b"],
    ['/v1/kv/"<>{}|^`', '"<>{}|^`'],
    ["http://elsewhere/v1/kv/a/../b", "a/../b"],
    ["http://elsewhere:81/v1/kv/x?flags=1", "x"],
  ])("PUT %s", async (target, key) => {
    expect((await send("PUT", target)).status).toBe(200);
    expect(keys()).toEqual([key]);
    expect((await send("GET", target)).text).toContain(`"Key":${JSON.stringify(key)}`);
  });

  test("bytes beyond ASCII that are not percent-encoded are refused with what to do", async () => {
    const reply = await send("PUT", Buffer.from("/v1/kv/schl\u00fcssel", "utf8"));
    expect(reply.status).toBe(400);
    expect(reply.text).toContain('"code":"bad-url"');
    expect(reply.text).toContain("percent-encoded");
    expect(keys()).toEqual([]);
  });

  test.each([
    ["/v1/kv/..?recurse", 200],
    ["/v1/kv/a/../..?recurse", 200],
    ["/v1/kv/a/../../kv/?recurse", 200],
    ["/v1/kv/.?recurse", 200],
    ["/x/../v1/kv/?recurse", 400],
    ["/x/%2e%2e/v1/kv/k", 400],
  ])("DELETE %s does not reach more than it says: %d", async (target, status) => {
    solo.bench.command("SET k=v");
    expect((await send("DELETE", target)).status).toBe(status);
    expect(keys()).toEqual(["k"]);
  });
});
