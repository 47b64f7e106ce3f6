import { describe, expect, test } from "vitest";
import type { PeerDirectory } from "../../shared/node/peer-directory.ts";
import type { Introduction } from "../../shared/node/wire.ts";
import { configurationOf, directoryOf, introduction, listOf } from "./support/directory.ts";
import { addressOf } from "./support/machine.ts";

/** With whom a node will have nothing to do, and the one line that says why. */

const [a, b, c] = ["A", "B", "C"].map(addressOf) as [string, string, string];
const found = (directory: PeerDirectory, address: string, other: Introduction) =>
  directory.recordAnswer(address, other)?.code ?? null;
const called = (directory: PeerDirectory, other: Introduction) =>
  directory.refusalOf(other, null)?.code ?? null;

describe.each<[string, string, () => PeerDirectory, Introduction]>([
  [
    "protocol-version",
    "speaks another protocol",
    () => directoryOf(listOf("A", "B")),
    introduction("A", { version: 2 }),
  ],
  [
    "duplicate-id",
    "answers under this node's id",
    () => directoryOf(listOf("A", "B")),
    introduction("N", { storeId: "another" }),
  ],
  [
    "foreign-cluster",
    "belongs to another cluster",
    () => directoryOf(listOf("A", "B"), { clusterId: "cluster" }),
    introduction("A", { clusterId: "elsewhere" }),
  ],
  [
    "wrong-store",
    "has another data directory than the member of its id",
    () => {
      const directory = directoryOf([], { clusterId: "cluster" });
      directory.setConfiguration(configurationOf(["N", "A", "B"]));
      return directory;
    },
    introduction("A", { clusterId: "cluster", storeId: "wiped" }),
  ],
  [
    "wrong-store",
    "has another data directory than the one found under its id",
    () => {
      const directory = directoryOf(listOf("A", "B"));
      directory.recordAnswer(a, introduction("A"));
      return directory;
    },
    introduction("A", { storeId: "wiped" }),
  ],
  [
    "peer-lists-differ",
    "counts more nodes",
    () => {
      const directory = directoryOf(listOf("A", "B"));
      directory.recordSilence(a);
      directory.recordSilence(b);
      return directory;
    },
    introduction("A", { size: 5 }),
  ],
])("%s: whoever %s", (code, _what, make, other) => {
  test("is refused where it is found, every time", () => {
    const directory = make();
    for (let i = 0; i < 3; i++) expect(found(directory, a, other)).toBe(code);
  });

  test("is refused when it calls, every time", () => {
    const directory = make();
    for (let i = 0; i < 3; i++) expect(called(directory, other)).toBe(code);
  });

  test("is told in one line who and why", () => {
    const directory = make();
    const byAnswer = directory.recordAnswer(a, other)?.message;
    const byCall = directory.refusalOf(other, null)?.message;
    for (const message of [byAnswer, byCall]) {
      expect(message).toMatch(/^[^\n]{20,200}$/);
      expect(message).toContain(other.id);
    }
    expect(byAnswer).toContain(a);
  });

  test("does not lend its address, its vote or its place", () => {
    const directory = make();
    directory.recordAnswer(a, other);
    expect(directory.claimant()).toBe(null);
    expect(
      directory.provisional()?.slots.some((slot) => "storeId" in slot && slot.storeId === other.storeId),
    ).not.toBe(true);
    expect(directory.clusterId).not.toBe("elsewhere");
  });
});

describe("what the list itself says", () => {
  test("another id than the list gives is refused", () => {
    const directory = directoryOf([{ address: a, id: "A" }]);
    expect(found(directory, a, introduction("B"))).toBe("wrong-id");
    expect(directory.problem()).toContain("listed as node A but answers as node B");
  });

  test("two ids at one address, one after the other, are refused", () => {
    const directory = directoryOf(listOf("A", "B"));
    expect(found(directory, a, introduction("A"))).toBe(null);
    expect(found(directory, a, introduction("X"))).toBe("two-ids-at-one-address");
    expect(found(directory, a, introduction("X"))).toBe("two-ids-at-one-address");
  });

  test("two nodes of one id at two addresses are refused", () => {
    const directory = directoryOf(listOf("A", "B"));
    expect(found(directory, a, introduction("A"))).toBe(null);
    expect(found(directory, b, introduction("A", { storeId: "another" }))).toBe("duplicate-id");
  });

  test("one node at two addresses is refused, and the node whose list it is takes no part", () => {
    const directory = directoryOf(listOf("A", "B"));
    expect(found(directory, a, introduction("A", { size: 3 }))).toBe(null);
    expect(directory.provisional()).toBe(null);
    expect(found(directory, b, introduction("A"))).toBe("one-node-at-two-addresses");
    expect(directory.provisional()).toBe(null);
    expect(called(directory, introduction("A"))).toBe("peer-list-wrong");
    expect(directory.problem()).toContain("list it once");
    // Somebody else has been put there meanwhile.
    expect(found(directory, b, introduction("B", { size: 3 }))).toBe(null);
    expect(called(directory, introduction("A"))).toBe(null);
    expect(directory.provisional()?.slots.map(({ id }) => id)).toEqual(["N", "A", "B"]);
  });

  test("one node at two addresses does not put a member out", () => {
    const directory = directoryOf(listOf("A", "B"), { clusterId: "cluster" });
    directory.setConfiguration(configurationOf(["N", "A", "B"]));
    const A = introduction("A", { clusterId: "cluster" });
    directory.recordAnswer(a, A);
    expect(found(directory, b, A)).toBe("one-node-at-two-addresses");
    expect(called(directory, A)).toBe(null);
    expect(directory.hears(A)).toBe(true);
  });
});

describe("the size of the cluster", () => {
  const known = (peers: readonly string[], overrides = {}) => {
    const directory = directoryOf(listOf(...peers), overrides);
    for (const id of peers) directory.recordSilence(addressOf(id));
    return directory;
  };

  test("of nobody is compared before the own list is known", () => {
    const directory = directoryOf(listOf("A", "B"));
    directory.recordSilence(a);
    expect(directory.introduction()).not.toHaveProperty("size");
    expect(called(directory, introduction("A", { size: 7 }))).toBe(null);
    directory.recordSilence(b);
    expect(directory.introduction().size).toBe(3);
    expect(called(directory, introduction("A", { size: 7 }))).toBe("peer-lists-differ");
    expect(called(directory, introduction("A", { size: 3 }))).toBe(null);
    expect(called(directory, introduction("A"))).toBe(null);
  });

  test("does not count an entry that is this node itself", () => {
    const directory = known(["A", "B", "C"]);
    expect(directory.introduction().size).toBe(4);
    expect(directory.recordAnswer(c, introduction("N"))).toBe(null);
    expect(directory.introduction().size).toBe(3);
    expect(directory.clusterSize()).toBe(3);
    expect(directory.peers().map(({ address }) => address)).toEqual([a, b]);
    expect(directory.addressesToAsk()).not.toContain(c);
  });

  test("is the log's, once it has one, and is not announced by who is bound", () => {
    const directory = known(["A"]);
    directory.setConfiguration(configurationOf(["N", "A"], ["B"]));
    expect(directory.clusterSize()).toBe(3);
    expect(called(directory, introduction("A", { size: 2 }))).toBe("peer-lists-differ");
    expect(called(directory, introduction("A", { size: 3 }))).toBe(null);
    directory.bind("cluster");
    expect(directory.introduction()).toEqual(introduction("N", { clusterId: "cluster" }));
  });
});

describe("a problem", () => {
  test("is gone when the right node is back", () => {
    const directory = directoryOf(listOf("A", "B"));
    directory.recordAnswer(a, introduction("A"));
    for (const other of [introduction("A", { storeId: "wiped" }), introduction("X")]) {
      expect(found(directory, a, other)).not.toBe(null);
      expect(directory.problem()).not.toBe(null);
      expect(directory.addressesToAsk()).toContain(a);
      expect(found(directory, a, introduction("A", { size: 3 }))).toBe(null);
      expect(directory.problem()).toBe(null);
      expect(directory.addressesToAsk()).not.toContain(a);
    }
  });

  test("is also what the other side says", () => {
    const directory = directoryOf(listOf("A", "B"));
    directory.recordRefusedBy(a, { code: "status-401", message: "A refuses this node" });
    expect(directory.problem()).toBe("A refuses this node");
    directory.recordRefusedBy("http://nobody.lists.it", { code: "status-401", message: "no" });
    directory.recordAnswer(a, introduction("A"));
    expect(directory.problem()).toBe(null);
  });

  test("does not make a node forget who was found there", () => {
    const directory = directoryOf(listOf("A"));
    directory.recordAnswer(a, introduction("A"));
    directory.recordRefusedBy(a, { code: "status-401", message: "no" });
    expect(called(directory, introduction("A", { storeId: "wiped" }))).toBe("wrong-store");
    expect(directory.hears(introduction("A"))).toBe(true);
  });
});
