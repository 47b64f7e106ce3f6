import { afterEach, describe, expect, test } from "vitest";
import { RaftLiteError } from "../../shared/errors.ts";
import type { HandlerOptions } from "../../shared/http/handler.ts";
import type { NodeApi } from "../../shared/node/api.ts";
import type { Face } from "./support.ts";
import { FACES, fakeNode } from "./support.ts";

/** A node with another state machine than the key-value store, and with routes of the program around it. */
describe.each(FACES)("another state machine over %s", (_name, open) => {
  let face: Face | undefined;
  afterEach(async () => {
    await face?.close();
    face = undefined;
  });

  async function serve(options: HandlerOptions, node: NodeApi = fakeNode()): Promise<Face> {
    face = await open(node, null, options);
    return face;
  }
  const acceptText = (text: string) => new TextEncoder().encode(text.trim().toUpperCase());
  const answering = (result: unknown) =>
    fakeNode({ execute: async () => ({ index: 7, ordinal: 3, term: 2, leader: "B", result }) });

  test("has no routes for keys and values", async () => {
    const { call } = await serve({});
    for (const [method, path] of [
      ["GET", "/v1/kv/x"],
      ["PUT", "/v1/kv/x"],
      ["POST", "/v1/kv"],
      ["POST", "/command"],
    ] as const) {
      const { status, text } = await call(method, path, method === "GET" ? null : "{}");
      expect({ path, status }).toEqual({ path, status: 404 });
      expect(text).toContain("GET /status");
      expect(text).not.toContain("/v1/kv");
    }
    expect((await call("GET", "/status")).status).toBe(200);
    expect((await call("GET", "/health")).status).toBe(200);
  });

  describe("POST /command", () => {
    test.each(["/command", "/client", "/client_command"])("%s commits the text", async (path) => {
      const node = fakeNode();
      const { call } = await serve({ acceptText }, node);
      const { status, text } = await call("POST", `${path}?timeout=2s`, '{"cmd":" push a "}');
      expect({ status, body: JSON.parse(text) }).toEqual({
        status: 200,
        body: { ok: true, index: 0, term: 3, leader: "A", result: "OK" },
      });
      expect(node.asked).toEqual([
        { what: "execute", schema: 1, cmd: "PUSH A", options: { timeoutMs: 2000, forward: true } },
      ]);
    });

    test("answers with null where the state machine returns nothing", async () => {
      const { call } = await serve({ acceptText }, answering(undefined));
      const { text } = await call("POST", "/command", '{"cmd":"x"}');
      expect(JSON.parse(text)).toEqual({ ok: true, index: 3, term: 2, leader: "B", result: null });
    });

    test("answers with what the state machine refuses", async () => {
      const refused = { refused: "queue-full", message: "two are enough", status: 409 };
      const { call } = await serve({ acceptText }, answering(refused));
      const { status, text } = await call("POST", "/command", '{"cmd":"x"}');
      expect(status).toBe(409);
      expect(JSON.parse(text)).toMatchObject({ ok: false, code: "queue-full", outcome: "none" });
    });

    test("appends nothing for a text that is refused", async () => {
      const node = fakeNode();
      const { call } = await serve(
        {
          acceptText: () => {
            throw new RaftLiteError("unknown-command", "no command is called that", { status: 400 });
          },
        },
        node,
      );
      const { status, text } = await call("POST", "/command", '{"cmd":"x"}');
      expect({ status, code: JSON.parse(text).code }).toEqual({ status: 400, code: "unknown-command" });
      for (const body of ["", "{", '{"cmd":5}', "{}", '{"cmd":"a","command":"b"}']) {
        expect((await call("POST", "/command", body)).status).toBe(400);
      }
      expect(node.asked).toEqual([]);
    });
  });

  describe("the program's own routes", () => {
    const own = async (request: Request) => {
      const { pathname } = new URL(request.url);
      if (pathname === "/echo") return new Response(await request.text(), { status: 201 });
      if (pathname === "/refuse") throw new RaftLiteError("too-early", "come back later", { status: 425 });
      if (pathname === "/break") throw new TypeError("a fault of the program");
      return undefined;
    };

    test("answer what no route of the node takes", async () => {
      const { call } = await serve({ fetch: own });
      const { status, text } = await call("POST", "/echo?x", "hello");
      expect({ status, text }).toEqual({ status: 201, text: "hello" });
    });

    test("are not asked for what the node answers itself", async () => {
      const asked: string[] = [];
      const { call } = await serve({
        fetch: ({ method, url }) => {
          asked.push(`${method} ${new URL(url).pathname}`);
          return new Response("mine");
        },
      });
      expect((await call("GET", "/status")).text).not.toBe("mine");
      expect((await call("POST", "/raft", "{}")).text).not.toBe("mine");
      expect((await call("DELETE", "/status")).text).toBe("mine");
      expect((await call("GET", "/raft/x")).text).toBe("mine");
      expect(asked).toEqual(["DELETE /status", "GET /raft/x"]);
    });

    test("leave the rest to the node's own answers", async () => {
      const { call } = await serve({ fetch: own });
      expect((await call("GET", "/nothing")).status).toBe(404);
      expect((await call("DELETE", "/status")).status).toBe(405);
    });

    test("fail as the node's routes do", async () => {
      const errors: unknown[] = [];
      const { call } = await serve({ fetch: own, onError: (error) => errors.push(error) });
      const refused = await call("GET", "/refuse");
      expect([refused.status, JSON.parse(refused.text).code]).toEqual([425, "too-early"]);
      const broken = await call("GET", "/break");
      expect([broken.status, JSON.parse(broken.text).code]).toEqual([500, "internal"]);
      expect(broken.text).not.toContain("a fault of the program");
      expect(errors).toEqual([expect.objectContaining({ message: "a fault of the program" })]);
    });

    test("ask for the clients' token where there is one", async () => {
      const { call } = await serve({ fetch: own, token: "t0ken", secret: "s3cret" });
      expect((await call("POST", "/echo", "x")).status).toBe(401);
      expect((await call("POST", "/echo", "x", { authorization: "Bearer t0ken" })).text).toBe("x");
      expect((await call("POST", "/echo", "x", { authorization: "Bearer s3cret" })).text).toBe("x");
    });
  });
});
