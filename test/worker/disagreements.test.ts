import { describe, expect, it } from "vitest";
import { readConfig } from "../../worker/config.ts";
import { disagreements } from "../../worker/disagreements.ts";

const C_URL = "https://c.example";
const peer = (id: string | null, address: string) => ({
  ...{ id, address },
  ...{ matchIndex: null, lag: null, contactMs: null },
});
const MEMBERS = { clusterId: "0".repeat(32), peers: [peer("B", "http://object/B"), peer("C", C_URL)] };

function messages(RAFT_NODES: string, raft = MEMBERS): string[] {
  const { nodes } = readConfig({ RAFT_NODES, RAFT_SECRET: "s".repeat(32) });
  return disagreements(nodes, "A", raft).map(({ message }) => message);
}

describe("RAFT_NODES and the log", () => {
  it("agree where they name the same nodes, wherever these are", () => {
    expect(messages(`A=do,B=do,C=${C_URL}`)).toEqual([]);
    expect(messages("A=do,B=do,C=https://elsewhere.example")).toEqual([]);
  });

  it("disagree about each node that only one of them names", () => {
    expect(messages("A=do,B=do,D=https://d.example,E=do")).toEqual([
      "RAFT_NODES does not name node C, which is a member, at https://c.example: it stays one, name it again",
      "RAFT_NODES names node D, which is no member: it takes no part, the members are A, B, C",
      "RAFT_NODES names node E, which is no member: it takes no part, the members are A, B, C",
    ]);
  });

  it("have nothing to disagree about before there is a cluster, or while a place in it is open", () => {
    expect(messages("A=do,B=do,D=do", { ...MEMBERS, clusterId: null as never })).toEqual([]);
    const peers = [peer("B", "http://object/B"), peer(null as never, C_URL)];
    expect(messages(`A=do,B=do,C=${C_URL}`, { ...MEMBERS, peers })).toEqual([]);
  });
});
