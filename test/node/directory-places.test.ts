import { describe, expect, test } from "vitest";
import type { PeerDirectory } from "../../shared/node/peer-directory.ts";
import { configurationOf, directoryOf, introduction, listOf, storeOf } from "./support/directory.ts";
import { addressOf } from "./support/machine.ts";

/** Who is found where, who may speak, and who belongs to the cluster. */

const [a, b, c, n] = ["A", "B", "C", "N"].map(addressOf) as [string, string, string, string];

/** Each answers at its address, and counts as many nodes as this one does. */
const find = (directory: PeerDirectory, ...ids: readonly string[]) => {
  const size = directory.clusterSize();
  for (const id of ids) directory.recordAnswer(addressOf(id), introduction(id, { size }));
  return directory;
};

describe("the stand-in for a configuration", () => {
  test("comes when every listed address has been tried, with a slot for each", () => {
    const directory = find(directoryOf(listOf("A", "B", "C")), "A");
    expect(directory.provisional()).toBe(null);
    directory.recordSilence(b);
    expect(directory.provisional()).toBe(null);
    directory.recordRefusedBy(c, { code: "status-401", message: "no" });
    expect(directory.provisional()).toEqual({
      clusterId: "candidate",
      slots: [
        { id: "N", storeId: storeOf("N"), address: n },
        { id: "A", storeId: storeOf("A"), address: a },
        { id: null, address: b },
        { id: null, address: c },
      ],
    });
  });

  test("waits until nobody is silent any more since another was found: it may be one node at two addresses", () => {
    const directory = directoryOf(listOf("A", "B"));
    const before = directory.discoveries;
    directory.recordSilence(a);
    directory.recordSilence(b);
    expect(directory.provisional()?.slots.map(({ id }) => id)).toEqual(["N", null, null]);
    find(directory, "A");
    expect([directory.isLooking, directory.provisional()]).toEqual([true, null]);
    // What was asked before A came up says nothing of B.
    directory.recordSilence(b, before);
    expect(directory.isLooking).toBe(true);
    directory.recordSilence(b, directory.discoveries);
    expect(directory.isLooking).toBe(false);
    expect(directory.provisional()?.slots.map(({ id }) => id)).toEqual(["N", "A", null]);
    // One that is found again, and one that is found in a cluster's place, are no news.
    find(directory, "A");
    expect(directory.isLooking).toBe(false);
    directory.setConfiguration(configurationOf(["N", "A"]));
    find(directory, "B");
    expect(directory.isLooking).toBe(false);
  });

  test("of a list without others is this node alone", () => {
    expect(directoryOf([]).provisional()?.slots).toEqual([{ id: "N", storeId: storeOf("N"), address: n }]);
  });

  test("names nobody with whom something is wrong", () => {
    const directory = find(directoryOf(listOf("A")), "A");
    directory.recordAnswer(a, introduction("A", { storeId: "wiped" }));
    expect(directory.provisional()?.slots.map(({ id }) => id)).toEqual(["N", null]);
  });

  test("is none for a node that has a cluster, or whose list shows one", () => {
    const bound = find(directoryOf(listOf("A"), { clusterId: "cluster" }), "A");
    expect(bound.provisional()).toBe(null);
    const late = find(directoryOf(listOf("A", "B")), "A");
    late.recordAnswer(b, introduction("B", { clusterId: "cluster" }));
    expect(late.provisional()).toBe(null);
    expect(late.addressesToAsk()).toEqual([b]);
  });

  test("tells who is a member while there is no other", () => {
    const directory = find(directoryOf(listOf("A", "B")), "A");
    expect(directory.isMember("A")).toBe(false);
    directory.recordSilence(b);
    expect(["N", "A", "B"].map((id) => directory.isMember(id))).toEqual([true, true, false]);
  });
});

describe("a claimant", () => {
  const withOpen = (...ids: readonly string[]) => {
    const directory = directoryOf(listOf("A", "B", "C"), { clusterId: "cluster" });
    directory.setConfiguration(configurationOf(["N", "A"], ["B", "C"]));
    return find(directory, ...ids);
  };

  test("is a listed node that was found and is not a member, while there is a slot", () => {
    expect(withOpen().claimant()).toBe(null);
    expect(withOpen("A").claimant()).toBe(null);
    const directory = withOpen("A", "C");
    expect(directory.claimant()).toEqual({ id: "C", storeId: storeOf("C"), address: c });
    directory.setConfiguration(configurationOf(["N", "A", "C"], ["B"]));
    expect(directory.claimant()).toBe(null);
    find(directory, "B");
    expect(directory.claimant()?.id).toBe("B");
    directory.setConfiguration(configurationOf(["N", "A", "C", "B"]));
    expect(directory.claimant()).toBe(null);
  });

  test("is nobody with whom something is wrong", () => {
    const directory = withOpen("B");
    directory.recordAnswer(b, introduction("B", { storeId: "wiped" }));
    expect(directory.claimant()).toBe(null);
  });

  test("is nobody who came to a member's address: the open slot is not its", () => {
    const directory = withOpen();
    directory.recordAnswer(a, introduction("X"));
    expect(directory.claimant()).toBe(null);
  });

  test("may live where the leader's list names it and the log does not", () => {
    const directory = directoryOf([{ address: "http://by-proxy", id: null }], { clusterId: "cluster" });
    directory.setConfiguration(configurationOf(["N", "A"], ["B"]));
    directory.recordAnswer("http://by-proxy", introduction("B", { size: 3 }));
    expect(directory.claimant()).toEqual({ id: "B", storeId: storeOf("B"), address: "http://by-proxy" });
  });
});

describe("one that does not say how many nodes it counts, as it has not looked at its list yet", () => {
  test("is found and heard, gets no place, and is asked again before long", () => {
    const directory = directoryOf(listOf("A", "B"));
    find(directory, "A");
    directory.recordAnswer(b, introduction("B"));
    expect(directory.hears(introduction("B"))).toBe(true);
    expect(directory.provisional()?.slots.map(({ id }) => id)).toEqual(["N", "A", null]);
    expect(directory.addressesToAsk()).toEqual([b]);
    expect([a, b, c].map((address) => directory.isUnsettled(address))).toEqual([false, true, false]);
    find(directory, "B");
    expect(directory.provisional()?.slots.map(({ id }) => id)).toEqual(["N", "A", "B"]);
    expect(directory.addressesToAsk()).toEqual([]);
    expect(directory.isUnsettled(b)).toBe(false);
  });

  test("gets its place at its own call, once that says so, if it is the one that was found", () => {
    const directory = find(directoryOf(listOf("A", "B")), "A");
    directory.recordAnswer(b, introduction("B"));
    directory.recordCall(introduction("B", { size: 3, storeId: "another" }), n);
    expect(directory.isUnsettled(b)).toBe(true);
    directory.recordCall(introduction("B", { size: 3 }), n);
    expect(directory.provisional()?.slots.map(({ id }) => id)).toEqual(["N", "A", "B"]);
  });

  test("claims no slot", () => {
    const directory = directoryOf(listOf("A", "B"), { clusterId: "cluster" });
    directory.setConfiguration(configurationOf(["N", "A"], ["B"]));
    directory.recordAnswer(b, introduction("B"));
    expect(directory.claimant()).toBe(null);
    expect(directory.recordAnswer(b, introduction("B", { size: 2 }))?.code).toBe("peer-lists-differ");
    expect(directory.claimant()).toBe(null);
    // It will not count otherwise before somebody mends it.
    expect(directory.isUnsettled(b)).toBe(false);
    find(directory, "B");
    expect(directory.claimant()?.id).toBe("B");
  });

  test("is no different from one whose count was not comparable yet, and turns out to be another", () => {
    const directory = directoryOf(listOf("A", "B"));
    expect(directory.recordAnswer(b, introduction("B", { size: 2 }))).toBe(null);
    find(directory, "A");
    expect(directory.provisional()?.slots.map(({ id }) => id)).toEqual(["N", "A", null]);
    expect(directory.addressesToAsk()).toEqual([b]);
    expect(directory.recordAnswer(b, introduction("B", { size: 2 }))?.code).toBe("peer-lists-differ");
  });

  test("is settled once it belongs to the cluster: who is bound counts by the log", () => {
    const directory = directoryOf(listOf("A", "B"), { clusterId: "cluster" });
    directory.setConfiguration(configurationOf(["N", "A"], ["B"]));
    directory.recordAnswer(b, introduction("B", { clusterId: "cluster" }));
    expect(directory.claimant()?.id).toBe("B");
    expect(directory.isUnsettled(b)).toBe(false);
  });
});

describe("where a member is reached", () => {
  test("a listed address where it was found wins over the log's", () => {
    const directory = directoryOf([{ address: "http://by-proxy", id: null }]);
    directory.setConfiguration(configurationOf(["N", "A", "B"]));
    expect(directory.addressOf("A")).toBe(a);
    directory.recordAnswer("http://by-proxy", introduction("A"));
    expect(directory.addressOf("A")).toBe("http://by-proxy");
    expect(directory.addressOf("B")).toBe(b);
    expect(directory.addressOf("C")).toBe(null);
  });

  test("a listed address that names it does too, before anybody was found there", () => {
    const directory = directoryOf([{ address: "http://by-proxy", id: "A" }]);
    directory.setConfiguration(configurationOf(["N", "A"]));
    expect(directory.addressOf("A")).toBe("http://by-proxy");
    expect(directory.peers()).toEqual([{ id: "A", address: "http://by-proxy" }]);
  });

  test("a listed address where something is wrong does not", () => {
    const directory = directoryOf([{ address: "http://by-proxy", id: "A" }]);
    directory.setConfiguration(configurationOf(["N", "A"]));
    directory.recordAnswer("http://by-proxy", introduction("X"));
    expect(directory.addressOf("A")).toBe(a);
  });
});

describe("this node's own address", () => {
  test("is what it is told, then what its peers' lists say, then a guess", () => {
    const directory = find(directoryOf(listOf("A")), "A");
    expect(directory.advertisedAddress).toBe(n);
    directory.recordCall(introduction("A"), "http://as-seen-by-a");
    expect(directory.advertisedAddress).toBe("http://as-seen-by-a");
    directory.recordCall(introduction("A"), "http://another");
    expect(directory.advertisedAddress).toBe("http://as-seen-by-a");
    const told = find(directoryOf(listOf("A"), { advertise: "http://told" }), "A");
    told.recordCall(introduction("A"), "http://as-seen-by-a");
    expect(told.advertisedAddress).toBe("http://told");
  });

  test("is what nobody says whom this node has not found", () => {
    const directory = directoryOf(listOf("A"));
    directory.recordCall(introduction("Z"), "http://evil");
    directory.recordCall(introduction("A"), "http://as-seen-by-a");
    expect(directory.advertisedAddress).toBe(n);
    find(directory, "A");
    expect(directory.advertisedAddress).toBe("http://as-seen-by-a");
  });

  test("is what nobody says who only knows the cluster's name", () => {
    const directory = directoryOf(listOf("A"), { clusterId: "cluster" });
    directory.setConfiguration(configurationOf(["N", "A"]));
    directory.recordCall(introduction("Z", { clusterId: "cluster" }), "http://evil");
    expect(directory.advertisedAddress).toBe(n);
    directory.recordCall(introduction("A", { clusterId: "cluster" }), "http://as-seen-by-a");
    expect(directory.advertisedAddress).toBe("http://as-seen-by-a");
  });

  test("is nothing that is no address", () => {
    const directory = find(directoryOf(listOf("A")), "A");
    directory.recordCall(introduction("A"), "");
    directory.recordCall(introduction("A"), "not an address");
    expect(directory.advertisedAddress).toBe(n);
  });

  test("does not fill the memory with what strangers say", () => {
    const directory = directoryOf(listOf("A"));
    for (let i = 0; i < 32; i++) directory.recordCall(introduction(`Z${i}`), "http://evil");
    directory.recordCall(introduction("A"), "http://as-seen-by-a");
    find(directory, "A");
    expect(directory.advertisedAddress).toBe(n);
    directory.recordCall(introduction("A"), "http://as-seen-by-a");
    expect(directory.advertisedAddress).toBe("http://as-seen-by-a");
  });

  test("in its own list is left out", () => {
    const listed = [...listOf("A"), { address: "http://told", id: null }, { address: n, id: "N" }];
    const directory = directoryOf(listed, { advertise: "http://told" });
    expect(directory.addressesToAsk()).toEqual([a]);
  });
});

describe("who is heard", () => {
  test("before there is a cluster: whoever was found, once all have been looked for", () => {
    const directory = find(directoryOf(listOf("A", "B")), "A");
    expect(directory.hears(introduction("A"))).toBe(false);
    directory.recordSilence(b);
    expect(directory.hears(introduction("A"))).toBe(true);
    expect(directory.hears(introduction("B"))).toBe(false);
    expect(directory.hears(introduction("A", { storeId: "wiped" }))).toBe(false);
  });

  test("before it is bound: also the members in the log", () => {
    const directory = directoryOf([]);
    directory.setConfiguration(configurationOf(["N", "A"]));
    expect(directory.hears(introduction("A"))).toBe(true);
    expect(directory.hears(introduction("B"))).toBe(false);
  });

  test("in a cluster: whoever is of it", () => {
    const directory = find(directoryOf(listOf("A"), { clusterId: "cluster" }), "A");
    expect(directory.hears(introduction("A"))).toBe(false);
    expect(directory.hears(introduction("A", { clusterId: "elsewhere" }))).toBe(false);
    expect(directory.hears(introduction("A", { clusterId: "cluster" }))).toBe(true);
    expect(directory.hears(introduction("B", { clusterId: "cluster" }))).toBe(true);
  });
});

describe("the cluster's name", () => {
  test("is taken from a bound node whose first entry is this node's too", () => {
    const directory = find(directoryOf(listOf("A", "B")), "A");
    const bound = introduction("A", { clusterId: "cluster" });
    directory.recordAnswer(a, bound);
    expect(directory.clusterId).toBe(null);
    directory.setConfiguration(configurationOf(["N", "A", "B"], [], "another"));
    directory.adopt(bound);
    expect(directory.clusterId).toBe(null);
    directory.setConfiguration(configurationOf(["N", "A", "B"]));
    directory.adopt(introduction("A"));
    expect(directory.clusterId).toBe(null);
    directory.adopt(bound);
    expect(directory.clusterId).toBe("cluster");
  });
});

describe("whom to ask", () => {
  test("is every address where nobody was found, or where something is wrong or not yet settled", () => {
    const directory = find(directoryOf(listOf("A", "B")), "A");
    expect(directory.addressesToAsk()).toEqual([b]);
    directory.setConfiguration(configurationOf(["N", "B"], ["C"]));
    // A was found and is no member yet; C's slot is open and in no list.
    expect(directory.addressesToAsk()).toEqual([a, b, c]);
    find(directory, "B");
    directory.setConfiguration(configurationOf(["N", "B", "A"]));
    expect(directory.addressesToAsk()).toEqual([]);
  });
});

test("peers are the log's slots once there are any, the list before", () => {
  const directory = find(directoryOf([...listOf("A"), { address: b, id: "B" }]), "A");
  expect(directory.peers()).toEqual([
    { id: "A", address: a },
    { id: "B", address: b },
  ]);
  directory.setConfiguration(configurationOf(["N", "A"], ["C"]));
  expect(directory.peers()).toEqual([
    { id: "A", address: a },
    { id: null, address: c },
  ]);
  expect(directory.memberIds()).toEqual(["N", "A"]);
  expect([directory.storeIdOf("A"), directory.storeIdOf("B")]).toEqual([storeOf("A"), null]);
});
