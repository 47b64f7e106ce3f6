import { afterEach, describe, expect, test } from "vitest";
import { createHandler } from "../../shared/http/handler.ts";
import type { Face } from "./support.ts";
import { EMPTY_STORE, FACES, fakeNode } from "./support.ts";

const SECRET = "cluster-secret-0123456789";
const TOKEN = "clients-token-9876543210";

const CLIENT = [
  "GET /status",
  "POST /command",
  "POST /client",
  "POST /client_command",
  "GET /v1/status/leader",
];
const RAFT = [
  "POST /raft",
  "POST /requestVote",
  "POST /append_entries",
  "POST /timeoutNow",
  "POST /installSnapshot",
];
const OPEN = ["GET /health", "GET /metrics"];

/** Which of the three kinds of routes let a caller in. */
type Rights = readonly ("client" | "raft")[];

/** Options set, credential shown, what it opens. */
const MATRIX: readonly (readonly [string, { secret?: string; token?: string }, string | null, Rights])[] = [
  ["nothing set, nothing shown", {}, null, ["client", "raft"]],
  ["nothing set, something shown", {}, `Bearer ${SECRET}`, ["client", "raft"]],
  ["secret set, nothing shown", { secret: SECRET }, null, ["client"]],
  ["secret set and shown", { secret: SECRET }, `Bearer ${SECRET}`, ["client", "raft"]],
  ["secret set, another shown", { secret: SECRET }, `Bearer ${SECRET}x`, ["client"]],
  ["token set, nothing shown", { token: TOKEN }, null, ["raft"]],
  ["token set and shown", { token: TOKEN }, `Bearer ${TOKEN}`, ["client", "raft"]],
  ["token set, another shown", { token: TOKEN }, "Bearer x", ["raft"]],
  ["both set, nothing shown", { secret: SECRET, token: TOKEN }, null, []],
  ["both set, token shown", { secret: SECRET, token: TOKEN }, `Bearer ${TOKEN}`, ["client"]],
  ["both set, secret shown", { secret: SECRET, token: TOKEN }, `Bearer ${SECRET}`, ["client", "raft"]],
  ["both set, any case and spaces", { secret: SECRET, token: TOKEN }, `bEARER   ${TOKEN}`, ["client"]],
  ["both set, a prefix of the secret", { secret: SECRET, token: TOKEN }, `Bearer ${SECRET.slice(0, -1)}`, []],
  ["both set, the secret twice over", { secret: SECRET, token: TOKEN }, `Bearer ${SECRET}${SECRET}`, []],
  ["both set, the secret and a word", { secret: SECRET, token: TOKEN }, `Bearer ${SECRET} x`, []],
  ["both set, another scheme", { secret: SECRET, token: TOKEN }, `Basic ${btoa(`a:${SECRET}`)}`, []],
  ["both set, no scheme", { secret: SECRET, token: TOKEN }, SECRET, []],
  ["both set, an empty credential", { secret: SECRET, token: TOKEN }, "Bearer ", []],
];

describe.each(FACES)("credentials over %s", (_name, open) => {
  let face: Face | undefined;
  afterEach(async () => {
    await face?.close();
    face = undefined;
  });

  test.each(MATRIX)("%s", async (_what, options, credential, rights) => {
    const node = fakeNode();
    face = await open(node, undefined, options);
    const headers: Record<string, string> = credential === null ? {} : { authorization: credential };
    for (const [kind, routes] of [
      ["client", CLIENT],
      ["raft", RAFT],
      ["open", OPEN],
    ] as const) {
      for (const route of routes) {
        const [method = "", path = ""] = route.split(" ");
        const before = node.asked.length;
        const reply = await face.call(method, path, method === "POST" ? '{"cmd":"SET x=5"}' : null, headers);
        if (kind === "open" || rights.includes(kind)) {
          expect([route, reply.status]).not.toEqual([route, 401]);
          continue;
        }
        expect([route, reply.status]).toEqual([route, 401]);
        expect(reply.headers.get("www-authenticate")).toBe('Bearer realm="raft-lite"');
        expect(JSON.parse(reply.text)).toMatchObject({ ok: false, code: "unauthorized", status: 401 });
        expect(reply.text).not.toContain(SECRET);
        expect(reply.text).not.toContain(TOKEN);
        expect(node.asked).toHaveLength(before);
      }
    }
  });

  test("401 comes before the body and the parameters are looked at", async () => {
    face = await open(fakeNode(), undefined, { token: TOKEN });
    for (const body of ["not json", "", new Uint8Array(2_000_000), new Uint8Array([0xff])]) {
      expect((await face.call("POST", "/command?timeout=never", body)).status).toBe(401);
    }
  });

  test("a page of another origin, as a browser lets it ask: carried out without a token, and not with one", async () => {
    const page = {
      "content-type": "text/plain",
      origin: "https://elsewhere.test",
      "sec-fetch-site": "cross-site",
    };
    for (const token of [undefined, TOKEN]) {
      const node = fakeNode();
      face = await open(node, undefined, { token });
      const { status, headers } = await face.call("POST", "/command", '{"cmd":"SET x=5"}', page);
      expect(status).toBe(token === undefined ? 200 : 401);
      expect(node.asked).toHaveLength(token === undefined ? 1 : 0);
      // What it gets it cannot read, and for all else it would have to ask first.
      const asked = await face.call("OPTIONS", "/command", null, { origin: "https://elsewhere.test" });
      for (const reply of [headers, asked.headers]) {
        expect([...reply.keys()].filter((name) => name.startsWith("access-control-"))).toEqual([]);
      }
      await face.close();
      face = undefined;
    }
  });

  test("a token alone does not close the nodes' routes: that is what the secret is for", async () => {
    const node = fakeNode();
    face = await open(node, undefined, { token: TOKEN });
    expect((await face.call("POST", "/raft", "{}")).status).toBe(200);
    expect(node.asked).toEqual([{ what: "exchange", body: "{}" }]);
  });

  test("404 and 405 need no credential", async () => {
    face = await open(fakeNode(), undefined, { token: TOKEN, secret: SECRET });
    expect((await face.call("GET", "/nope")).status).toBe(404);
    expect((await face.call("GET", "/raft")).status).toBe(405);
  });
});

describe("a body that must not be read", () => {
  test.each(["/command", "/raft"])("POST %s without the credential leaves the body alone", async (path) => {
    const handler = createHandler(fakeNode(), EMPTY_STORE, { secret: SECRET, token: TOKEN });
    const request = new Request(`http://node.test${path}`, { method: "POST", body: "{}" });
    expect((await handler(request)).status).toBe(401);
    expect(request.bodyUsed).toBe(false);
  });
});

test.each([
  ["empty", ""],
  ["a line break", "abc\n"],
  ["a space", "a b"],
  ["letters that no header carries", "pässword"],
])("a credential with %s is refused at the start, not at the first request", (_what, value) => {
  expect(() => createHandler(fakeNode(), EMPTY_STORE, { secret: value })).toThrow(/the secret/);
  expect(() => createHandler(fakeNode(), EMPTY_STORE, { token: value })).toThrow(/the token/);
});
