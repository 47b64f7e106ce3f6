import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { joinPeerWords } from "../../ec2-node/cli/peer-words.ts";
import { parsePeers } from "../../ec2-node/cli/peers.ts";
import { isUsageError } from "../../shared/config/usage-error.ts";

const plain = (...addresses: string[]) => addresses.map((address) => ({ id: null, address }));

describe("every dialect of --peers is read", () => {
  test.each([
    [
      "report 1",
      ["http://172.31.20.250:8001,http://172.31.16.147:8002"],
      plain("http://172.31.20.250:8001", "http://172.31.16.147:8002"),
    ],
    [
      "report 2, as the shell splits it",
      ["172.31.12.2:8000,", "172.31.1.6:8001"],
      plain("http://172.31.12.2:8000", "http://172.31.1.6:8001"),
    ],
    ["quoted with a space", ["h1:1, h2:2"], plain("http://h1:1", "http://h2:2")],
    ["a comma of its own", ["h1:1", ",", "h2:2"], plain("http://h1:1", "http://h2:2")],
    ["trailing commas", ["h1:1,,h2:2,"], plain("http://h1:1", "http://h2:2")],
    ["trailing slashes", ["http://h1:1/,http://h2:2//"], plain("http://h1:1", "http://h2:2")],
    [
      "id=host:port",
      ["B=h:1,C=h:2"],
      [
        { id: "B", address: "http://h:1" },
        { id: "C", address: "http://h:2" },
      ],
    ],
    [
      "id:host:port",
      ["B:h:1,C:h:2"],
      [
        { id: "B", address: "http://h:1" },
        { id: "C", address: "http://h:2" },
      ],
    ],
    [
      "id=URL with a path prefix",
      ["B=http://127.0.0.1:8787/B/"],
      [{ id: "B", address: "http://127.0.0.1:8787/B" }],
    ],
    ["id:URL", ["B:http://h:1"], [{ id: "B", address: "http://h:1" }]],
    ["host:port is not id:port", ["localhost:8001,B:8001"], plain("http://localhost:8001", "http://b:8001")],
    ["IPv6", ["[::1]:8000,http://[fe80::1]:8001"], plain("http://[::1]:8000", "http://[fe80::1]:8001")],
    [
      "IPv6 with an id",
      ["B:[::1]:8000,C=[::1]:8001"],
      [
        { id: "B", address: "http://[::1]:8000" },
        { id: "C", address: "http://[::1]:8001" },
      ],
    ],
    ["a prefix without a scheme", ["h:8787/B"], plain("http://h:8787/B")],
    ["https without a port", ["https://nodes.example.dev/A"], plain("https://nodes.example.dev/A")],
    ["capitals", ["HTTP://Host:08000/A"], plain("http://host:8000/A")],
    ["an equals sign in a path", ["http://h:1/a=b"], plain("http://h:1/a=b")],
    ["names with underscores", ["node_a:8000"], plain("http://node_a:8000")],
    ["the same peer twice", ["h:1,http://h:1/"], plain("http://h:1")],
    ["the same peer with and without its id", ["h:1,B=h:1"], [{ id: "B", address: "http://h:1" }]],
  ])("%s", (_name, words, expected) => {
    expect(parsePeers(words)).toEqual(expected);
  });
});

describe("what is no peer is refused by name", () => {
  test.each([
    ["h", '"h"', "no port"],
    ["h:", '"h:"', "no port"],
    ["h:0", '"h:0"', "not a port"],
    ["h:65536", '"h:65536"', "not a port"],
    ["h1:1,h2:x", '"h2:x"', "not a port"],
    ["::1:8000", '"::1:8000"', "brackets"],
    ["[::1]", '"[::1]"', "no port"],
    ["[x]:1", '"[x]:1"', "not a URL"],
    ["1:2:3", '"1:2:3"', "not a host"],
    ["B=", '"B="', "no address"],
    ["=h:1", '"=h:1"', "no id"],
    ["B==h:1", '"B==h:1"', "not a host"],
    ["a.b=h:1", '"a.b=h:1"', "no id"],
    ["status=h:1", '"status=h:1"', "route"],
    ["ftp://h:1", '"ftp://h:1"', "neither http nor https"],
    ["http://", '"http://"', "no host"],
    ["http://u:p@h:1", '"http://u:p@h:1"', "too many colons"],
    ["http://u@h:1", '"http://u@h:1"', "not a host"],
    ["http://h:1/?x", '"http://h:1/?x"', "no ?"],
    ["http://h:1/#", '"http://h:1/#"', "no ?"],
    ["", "no peer", "single node"],
    [" , ", "no peer", "single node"],
    ["B=h:1,C=h:1", "B and C", "same address"],
    ["B=h:1,B=h:2", "B is listed", "two addresses"],
  ])("%j", (text, piece, reason) => {
    const error = refusal(text);
    expect(error.message).toContain(piece);
    expect(error.message).toContain(reason);
    expect(error.message).not.toContain("\n");
  });

  test("the message shows the dialects and no control characters", () => {
    const { message } = refusal("h\u001b[31m:1");
    expect(message).toContain("ID=host:port");
    expect(message).toContain("\\u001b[31m");
    expect(message).not.toContain("\u001b");
  });
});

test("whatever is typed is a list of peers or wrong usage", () => {
  const piece = fc.oneof(
    fc.string(),
    fc.string({ unit: "binary" }),
    fc.string({ unit: fc.constantFrom(..."AB19:=/[],.@?#%_- ") }),
    fc.webUrl(),
    fc
      .tuple(fc.constantFrom("B=", "B:", ""), fc.domain(), fc.nat(99_999))
      .map(([id, h, p]) => `${id}${h}:${p}`),
  );
  fc.assert(
    fc.property(fc.array(piece), (words) => {
      let peers: ReturnType<typeof parsePeers>;
      try {
        peers = parsePeers(words);
      } catch (error) {
        expect(isUsageError(error)).toBe(true);
        return;
      }
      for (const { address } of peers) {
        // Normalised for good: read again, it stays as it is.
        expect(parsePeers([address])).toEqual([{ id: null, address }]);
        expect(address).toMatch(/^https?:\/\/\S+[^/]$/);
      }
      expect(new Set(peers.map(({ address }) => address)).size).toBe(peers.length);
    }),
    { numRuns: 2000 },
  );
});

describe("words after --peers belong to it", () => {
  test.each([
    [
      ["--peers", "h:1,", "h:2", "--port", "8000"],
      ["--peers=h:1, h:2", "--port", "8000"],
    ],
    [["--peers=h:1,", "h:2"], ["--peers=h:1, h:2"]],
    [["--peers", "h:1", ",", "h:2"], ["--peers=h:1 , h:2"]],
    [
      ["--peers", "h:1", "--peers", "h:2"],
      ["--peers=h:1", "--peers=h:2"],
    ],
    [["--peers"], ["--peers"]],
    [
      ["--peers", "--port", "1"],
      ["--peers", "--port", "1"],
    ],
    [
      ["node", "--id", "A"],
      ["node", "--id", "A"],
    ],
  ])("%j", (argv, expected) => {
    expect(joinPeerWords(argv)).toEqual(expected);
  });
});

function refusal(text: string): Error {
  try {
    parsePeers([text]);
  } catch (error) {
    if (isUsageError(error)) return error;
  }
  throw new Error(`${JSON.stringify(text)} was not refused as wrong usage`);
}
