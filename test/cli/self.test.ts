import { describe, expect, test } from "vitest";
import { parsePeers } from "../../ec2-node/cli/peers.ts";
import type { SelfDescription } from "../../ec2-node/cli/self.ts";
import { withoutSelf } from "../../ec2-node/cli/self.ts";
import { isUsageError } from "../../shared/config/usage-error.ts";

const self: SelfDescription = {
  id: "A",
  host: "0.0.0.0",
  port: 8000,
  advertise: null,
  interfaces: ["127.0.0.1", "::1", "172.31.28.165", "fd00::5"],
};

function kept(list: string, changes: Partial<SelfDescription> = {}): string[] {
  return withoutSelf(parsePeers([list]), { ...self, ...changes }).map(({ address }) => address);
}

describe("a list that names the node itself loses that entry", () => {
  test.each([
    ["its own id, wherever it points", "A=http://10.9.9.9:1,B=h:2"],
    ["loopback under the own port", "127.0.0.1:8000,h:2"],
    ["another loopback address", "127.0.1.1:8000,h:2"],
    ["localhost", "localhost:8000,h:2"],
    ["an address of this machine", "172.31.28.165:8000,h:2"],
    ["the wildcard address", "0.0.0.0:8000,h:2"],
    ["nobody else", "localhost:8000"],
  ])("%s", (_name, list) => {
    expect(kept(list)).toEqual(list.includes(",") ? ["http://h:2"] : []);
  });

  test("its advertised URL", () => {
    expect(kept("http://lb.example:80/A,h:2", { advertise: "http://lb.example/A" })).toEqual(["http://h:2"]);
  });

  test("IPv6, where it listens on it", () => {
    expect(kept("[::1]:8000", { host: "::" })).toEqual([]);
    expect(kept("[fd00::5]:8000", { host: "::" })).toEqual([]);
    expect(kept("[::1]:8000", { host: "::1" })).toEqual([]);
  });
});

describe("others stay", () => {
  test.each([
    ["another port of this machine", "localhost:8001", {}],
    ["another machine under the same port", "172.31.20.250:8000", {}],
    ["a name that only the network can tell", "node-a:8000", {}],
    ["a path: something in front of nodes answers there", "http://127.0.0.1:8000/B", {}],
    ["https, which a node does not speak", "https://127.0.0.1:8000", {}],
    ["an interface it does not listen on", "172.31.28.165:8000", { host: "127.0.0.1" }],
    ["IPv6, when it listens on IPv4 alone", "[::1]:8000", {}],
  ])("%s", (_name, list, changes) => {
    expect(kept(list, changes)).toHaveLength(1);
  });
});

test("the node's own address under another id is wrong usage", () => {
  let caught: unknown;
  try {
    kept("B=127.0.0.1:8000");
  } catch (error) {
    caught = error;
  }
  expect(isUsageError(caught)).toBe(true);
  expect(String(caught)).toContain("B=http://127.0.0.1:8000");
});
