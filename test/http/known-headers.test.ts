import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { LaneHead } from "../../ec2-node/lane-request.ts";
import { KnownHeaders, readHead } from "../../ec2-node/lane-request.ts";

/** Headers that a connection has brought before are read another way. Nobody can tell by what is found. */

const HEADERS = "host: n\r\ncontent-length: 3\r\naccept: */*\r\n";
const HEADERS_WITHOUT_BODY = "host: n\r\naccept: */*\r\n";

/** What a connection knows that has brought these headers, as often as it takes. */
function knownFrom(headers: string): KnownHeaders {
  const known = new KnownHeaders();
  const method = headers.includes("content-length") ? "PUT" : "GET";
  const head = Buffer.from(`${method} /v1/kv/x HTTP/1.1\r\n${headers}\r\n`, "latin1");
  for (let round = 0; round < 3; round++) expect(readHead(head, known).type).toBe("request");
  return known;
}

function seen(head: LaneHead) {
  if (head.type === "other") return head.type;
  const { request, bodyAt, bodyBytes } = head;
  const names = ["host", "content-length", "accept", "Authorization"];
  return {
    ...{ method: request.method, target: request.target, path: request.plainPath, url: request.url },
    headers: names.map((name) => request.headers.get(name)),
    ...{ bodyAt, bodyBytes },
  };
}

/** Returns what has been found. Fails where a connection that knows `headers` finds anything else than a new one. */
function check(bytes: Buffer, headers = HEADERS): ReturnType<typeof seen> {
  const fresh = seen(readHead(bytes, new KnownHeaders()));
  const known = knownFrom(headers);
  // The second time it may know these headers, and the third time these headers' bytes.
  for (let round = 0; round < 3; round++) expect(seen(readHead(bytes, known))).toEqual(fresh);
  return fresh;
}

const put = (target: string, headers = HEADERS) =>
  Buffer.from(`PUT ${target} HTTP/1.1\r\n${headers}\r\nabc`, "latin1");

test("known headers keep no memory but their own", () => {
  const { bytes } = knownFrom(HEADERS);
  expect(bytes?.buffer.byteLength).toBe(HEADERS.length + 2);
});

describe("known headers are not made text of", () => {
  const get = (target: string) => Buffer.from(`GET ${target} HTTP/1.1\r\n${HEADERS_WITHOUT_BODY}\r\n`);
  const long = "k".repeat(4096 - get("/v1/kv/").length + 4);

  test.each([
    ["a key", put("/v1/kv/a/b")],
    ["every character of a key", put("/v1/kv/x!$%&'()*+,-.0189:;=@AZ[]^_`az{|}~\"")],
    ["no key", put("/v1/kv")],
    ["an empty one", put("/v1/kv/")],
    ["no body", get("/v1/kv/a//b/")],
    ["the longest head", get(`/v1/kv/${long}`)],
  ])("%s", (_what, bytes) => {
    const known = knownFrom(bytes.includes(HEADERS) ? HEADERS : HEADERS_WITHOUT_BODY);
    const made: string[] = [];
    bytes.toString = (...args) => {
      const text = Buffer.prototype.toString.apply(bytes, args);
      made.push(text);
      return text;
    };
    const head = readHead(bytes, known);
    expect(head).toMatchObject({ type: "request", request: { target: made[0] } });
    expect(made).toHaveLength(1);
    expect(made[0]).toMatch(/^\/v1\/kv/);
  });
});

describe("the same is found", () => {
  test("for every method", () => {
    for (const method of ["GET", "PUT", "POST", "DELETE", "HEAD", "get", "PUTT", "PU", ""]) {
      for (const target of ["/v1/kv", "/v1/kv/", "/v1/kv/x", "/v1/kvx", "/v1/k", "/command", "/status"]) {
        for (const headers of [HEADERS, HEADERS_WITHOUT_BODY]) {
          check(Buffer.from(`${method} ${target} HTTP/1.1\r\n${headers}\r\nabc`), headers);
        }
      }
    }
    expect(check(put("/v1/kv"))).toMatchObject({ method: "PUT", target: "/v1/kv", bodyBytes: 3 });
  });

  test("with every byte in every place of a key", () => {
    for (let byte = 0; byte < 256; byte++) {
      const character = String.fromCharCode(byte);
      for (const key of [character, `a${character}b`, `a/${character}b`, `a${character}`]) {
        check(put(`/v1/kv/${key}`));
      }
    }
  });

  test.each([
    ".",
    "..",
    "a/../b",
    "%2e",
    "a/%2E%2e",
    "%2f",
    "%C3%A4",
    "a.b%2e",
    "//",
    "a//.b",
    "a?raw",
    "a?cas=5",
  ])("for the key %s", (key) => void check(put(`/v1/kv/${key}`)));

  test("with every byte as another one", () => {
    const bytes = put("/v1/kv/a/b");
    for (let at = 0; at < bytes.length; at++) {
      for (const change of [1, 0x20, 0x80]) {
        const other = Buffer.from(bytes);
        other[at]! ^= change;
        check(other);
      }
    }
  });

  test("cut short after every byte", () => {
    const bytes = put("/v1/kv/a/b");
    const headBytes = bytes.length - 3;
    for (let length = 0; length <= bytes.length; length++) {
      const found = check(bytes.subarray(0, length));
      expect(found === "other").toBe(length < headBytes);
    }
  });

  test("where what follows in memory would make it whole", () => {
    const bytes = Buffer.concat([put("/v1/kv/a"), put("/v1/kv/b")]);
    for (let length = 0; length <= bytes.length; length++) check(bytes.subarray(0, length));
  });

  test.each([
    ["more headers", `${HEADERS}a: b\r\n`],
    ["fewer", "host: n\r\ncontent-length: 3\r\n"],
    ["others of the same length", HEADERS.replace("host: n", "host: m")],
    ["another length of the body", HEADERS.replace("3", "2")],
    ["none", ""],
    ["an empty line before", `\r\n${HEADERS}`],
    ["an empty line in their midst", HEADERS.replace("accept", "\r\naccept")],
    ["no empty line behind, but one in the body", `${HEADERS}abc\r\n`],
    ["some that the lane does not take", `${HEADERS}expect: 100-continue\r\n`],
  ])("with %s", (_what, headers) => {
    const found = check(put("/v1/kv/x", headers));
    if (found !== "other") check(put("/v1/kv/x"), headers);
  });

  test("with two kinds of headers in turn", () => {
    const known = knownFrom(HEADERS);
    const other = HEADERS.replace("host: n", "host: m");
    for (const headers of [HEADERS, other, HEADERS, HEADERS, other, other, HEADERS, other, other, other]) {
      const bytes = put("/v1/kv/x", headers);
      expect(seen(readHead(bytes, known))).toEqual(seen(readHead(bytes, new KnownHeaders())));
    }
  });

  test("at the length that a head may have", () => {
    const found = [4095, 4096, 4097].map((end) => {
      const around = `PUT /v1/kv/ HTTP/1.1\r\n${HEADERS}`.length - 2;
      const bytes = put(`/v1/kv/${"k".repeat(end - around)}`);
      expect(bytes.indexOf("\r\n\r\n")).toBe(end);
      return check(bytes) === "other" ? "other" : "request";
    });
    expect(found).toEqual(["request", "request", "other"]);
  });

  test("for anything", () => {
    const among = (...texts: string[]) => fc.constantFrom(...texts);
    const segment = fc.oneof(
      fc.stringMatching(/^[a-z0-9_-]{1,9}$/),
      fc.string({ maxLength: 4 }),
      among("", ".", "..", "%2e", "%2E", "%c3", "a.b", ":@", '"', "?raw", "?cas=1", "#", "\\", " ", "\u00e4"),
    );
    const target = fc
      .tuple(among("/v1/kv", "/v1/kv/", "/command", "/v1", "/"), fc.array(segment, { maxLength: 4 }))
      .map(([route, segments]) => route + segments.join("/"));
    const header = among(
      "host: n",
      "accept: */*",
      "content-length: 3",
      "content-length: 12",
      "a:",
      "te: x",
      "",
    );
    const headers = fc.oneof(
      fc.constant(HEADERS),
      fc.constant(HEADERS_WITHOUT_BODY),
      fc.array(header, { maxLength: 4 }).map((lines) => lines.map((line) => `${line}\r\n`).join("")),
    );
    const head = fc
      .tuple(
        among("GET", "PUT", "POST", "DELETE", "HEAD"),
        target,
        fc.oneof(
          { weight: 9, arbitrary: among(" HTTP/1.1\r\n") },
          among(" HTTP/1.0\r\n", " HTTP/1.1\n", "  HTTP/1.1\r\n"),
        ),
        headers,
        among("\r\n", "\r\n", "\n", ""),
        among("", "abc", "\r\n\r\n", "GET /v1/kv/x HTTP/1.1\r\n\r\n"),
      )
      .map((parts) => Buffer.from(parts.join(""), "latin1"));
    const flips = fc.array(fc.tuple(fc.nat(), fc.integer({ min: 1, max: 255 })), { maxLength: 2 });
    fc.assert(
      fc.property(
        fc.array(fc.tuple(head, flips, fc.oneof(fc.constant(0), fc.nat(30))), { minLength: 1, maxLength: 6 }),
        (all) => {
          const known = knownFrom(HEADERS);
          for (const [bytes, changes, cut] of all) {
            for (const [at, change] of changes) bytes[at % bytes.length]! ^= change;
            const sent = bytes.subarray(0, Math.max(0, bytes.length - cut));
            const fresh = seen(readHead(sent, new KnownHeaders()));
            for (let round = 0; round < 2; round++) expect(seen(readHead(sent, known))).toEqual(fresh);
          }
        },
      ),
      { numRuns: 2000 },
    );
  });
});
