import { expect, test, vi } from "vitest";
import type { Script, Seen } from "./support.ts";
import {
  A,
  B,
  breathe,
  broken,
  C,
  failure,
  found,
  json,
  problem,
  refused,
  row,
  scripted,
  silent,
  status,
  success,
  useVirtualTimeInEachTest,
  written,
} from "./support.ts";

/** Whom the client asks, and how it finds out. */

useVirtualTimeInEachTest();

const nodes = [A, B, C];
const ids: Readonly<Record<string, string>> = { [A]: "A", [B]: "B", [C]: "C" };

/** Nodes of which one leads; all else goes to `script`. */
function led(leader: { url: string }, script: Script = answer): Script {
  return (request) => {
    if (request.path !== "/status") return script(request);
    const { node } = request;
    return status(ids[node]!, node === leader.url ? "Leader" : "Follower", 3, ids[leader.url]);
  };
}

/** A reply that suits the request. */
function answer({ method, path }: Seen): Response {
  if (path === "/command") return json({ ok: true, index: 0, term: 3, leader: "A", result: "OK" });
  return method === "GET" ? found(9, row("x", "5", 9)) : written(9);
}

test.each(nodes)("%s leads: it is asked from the first call on, after one search", async (leader) => {
  const { client, network } = scripted(led({ url: leader }), { nodes });
  for (let i = 0; i < 3; i++) {
    await success(client.put("x", "5"));
    await success(client.get("x"));
  }
  expect(new Set(network.asked)).toEqual(new Set([leader]));
  expect(network.seen.filter(({ path }) => path === "/status")).toHaveLength(3);
  expect(network.seen[0]!.query.get("log")).toBe("0");
});

test("a single node is not searched for", async () => {
  const { client, network } = scripted(led({ url: A }), { nodes: [A] });
  await success(client.put("x", "5"));
  expect(network.seen).toHaveLength(1);
});

test("the search ends when the leader has answered, and lets go of those that have not", async () => {
  const { client, network } = scripted(
    (request) =>
      request.path === "/status" && request.node === B ? silent(request) : led({ url: C })(request),
    { nodes },
  );
  const startedAt = performance.now();
  await success(client.put("x", "5"));
  expect(performance.now() - startedAt).toBe(0);
  expect(network.asked).toEqual([C]);
  expect(network.seen.find(({ node }) => node === B)!.signal.aborted).toBe(true);
});

test("a search without a leader costs half a second at most, and the next one waits longer each time", async () => {
  const searches: number[] = [];
  const { client } = scripted(
    (request) => {
      if (request.path !== "/status") return answer(request);
      if (request.node === A) searches.push(performance.now());
      return request.node === A ? silent(request) : status(ids[request.node]!);
    },
    { nodes },
  );
  const startedAt = performance.now();
  while (performance.now() - startedAt < 120_000) {
    await success(client.put("x", "5"));
    await vi.advanceTimersByTimeAsync(100);
  }
  expect(searches[0]).toBe(startedAt);
  const pauses = searches.slice(1).map((time, at) => time - searches[at]!);
  for (const [at, pauseMs] of [2000, 4000, 8000, 16_000, 30_000, 30_000].entries()) {
    expect(pauses[at]).toBeGreaterThanOrEqual(pauseMs);
    expect(pauses[at]).toBeLessThan(pauseMs + 700);
  }
});

test("many calls at once make one search", async () => {
  const { client, network } = scripted(led({ url: B }), { nodes });
  await success(Promise.all(Array.from({ length: 20 }, () => client.put("x", "5"))));
  expect(network.seen.filter(({ path }) => path === "/status")).toHaveLength(3);
  expect(network.calls).toHaveLength(20);
});

test("of two that believe they lead, the one of the newer term is asked", async () => {
  for (const order of [nodes, [...nodes].reverse()]) {
    const { client, network } = scripted(
      async (request) => {
        if (request.path !== "/status") return answer(request);
        if (request.node === B) return status("B", "Follower", 4, null);
        await breathe();
        return request.node === A ? status("A", "Leader", 3, "A") : status("C", "Leader", 4, "C");
      },
      { nodes: order },
    );
    await success(client.put("x", "5"));
    expect(network.asked).toEqual([C]);
  }
});

test("a leader that refuses connections: others take the write, and then the new leader is found", async () => {
  const leader = { url: A };
  let dead: string | null = null;
  const script = led(leader);
  const { client, network } = scripted(
    (request) => (request.node === dead ? refused(request) : script(request)),
    { nodes },
  );
  await success(client.put("x", "5"));
  dead = A;
  leader.url = C;
  await vi.advanceTimersByTimeAsync(5_000);
  await success(client.put("x", "6"));
  expect(network.asked.slice(0, 2)).toEqual([A, A]);
  expect(network.asked[2]).not.toBe(A);
  await success(client.put("x", "7"));
  await success(client.put("x", "8"));
  expect(network.asked.slice(3)).toEqual([C, C]);
});

test("a reply that names another leader is believed", async () => {
  const { client, network } = scripted(led({ url: B }), { nodes });
  await success(client.get("x"));
  // The script's commands name A.
  await success(client.command("SET x=5"));
  await success(client.put("x", "5"));
  expect(network.asked).toEqual([B, B, A]);
});

test("a refusal that names the leader is believed", async () => {
  const script = led({ url: B }, (request) =>
    request.node === B ? problem(403, "not-leader", { leader: "C" })(request) : answer(request),
  );
  // Clients begin anywhere: by chance one of two is right.
  for (let i = 0; i < 20; i++) {
    const { client, network } = scripted(script, { nodes });
    await success(client.put("x", "5"));
    expect(network.asked).toEqual([B, C]);
  }
});

test("a reply that names a leader that is none of ours: nobody is preferred any more", async () => {
  const { client, network } = scripted(
    led({ url: B }, (request) =>
      request.path === "/command"
        ? json({ ok: true, index: 0, term: 4, leader: "Z", result: "OK" })
        : answer(request),
    ),
    { nodes },
  );
  await success(client.command("SET x=5"));
  for (let i = 0; i < 3; i++) await success(client.put("x", "5"));
  expect(network.asked[0]).toBe(B);
  expect(network.asked.slice(1).sort()).toEqual([...nodes].sort());
});

test("once a leader was found, the next search does not wait long", async () => {
  const leader = { url: "" };
  const searches: number[] = [];
  const { client } = scripted(
    (request) => {
      if (request.path === "/status" && request.node === A) searches.push(performance.now());
      if (request.path === "/command")
        return json({ ok: true, index: 0, term: 4, leader: "Z", result: "OK" });
      return led(leader)(request);
    },
    { nodes },
  );
  const pass = async (ms: number): Promise<void> => {
    for (const endsAt = performance.now() + ms; performance.now() < endsAt; ) {
      await success(client.put("x", "5"));
      await vi.advanceTimersByTimeAsync(100);
    }
  };
  await pass(100_000);
  leader.url = B;
  await pass(31_000);
  // The leader is known now; somebody says that it leads no more.
  const before = searches.length;
  await success(client.command("SET x=5"));
  await pass(2_500);
  expect(searches.length).toBeGreaterThan(before);
});

test("whoever is away at the search is not given the write, where nobody tells whether one was sent", async () => {
  for (let i = 0; i < 20; i++) {
    const { client, network } = scripted(
      (request) => (request.node === A ? broken(request) : led({ url: "" })(request)),
      { nodes },
    );
    await success(client.put("x", "5"));
    expect(network.asked).not.toContain(A);
  }
});

test("a node that kept us waiting is left alone for twice as long", async () => {
  const { client, network } = scripted(
    (request) => (request.node === B ? silent(request) : answer(request)),
    { nodes },
  );
  const asked = () => network.asked.filter((node) => node === B).length;
  while (asked() === 0) await success(client.get("x", { stale: true }));
  const lateAt = performance.now();
  while (asked() === 1) {
    await success(client.get("x", { stale: true }));
    await vi.advanceTimersByTimeAsync(50);
  }
  // Two seconds and a half were lost by it.
  expect(performance.now() - lateAt).toBeGreaterThanOrEqual(5_000);
});

test("a leader that has failed us is left alone for a while, though others still name it", async () => {
  const { client, network } = scripted(
    led({ url: A }, (request) =>
      request.node === A
        ? broken(request)
        : problem(503, "no-leader", { leader: "A", outcome: "none" })(request),
    ),
    { nodes, timeoutMs: 300 },
  );
  await failure(client.put("x", "5"));
  expect(network.asked).toEqual([A]);
  await failure(client.put("x", "5", { timeoutMs: 100 }));
  expect(network.asked.length).toBeGreaterThan(2);
  expect(network.asked.slice(1, 3).sort()).toEqual([B, C]);
});

test("a leader of whom nothing was heard for half a minute is asked for again", async () => {
  const leader = { url: A };
  const { client, network } = scripted(led(leader), { nodes });
  await success(client.put("x", "5"));
  leader.url = B;
  await vi.advanceTimersByTimeAsync(29_000);
  await success(client.put("x", "5"));
  await vi.advanceTimersByTimeAsync(2_000);
  await success(client.put("x", "5"));
  expect(network.asked).toEqual([A, A, B]);
});

test("a leader that is none of the given nodes: all of them are asked by turns", async () => {
  const { client, network } = scripted(
    (request) =>
      request.path === "/status" ? status(ids[request.node]!, "Follower", 3, "D") : answer(request),
    { nodes },
  );
  for (let i = 0; i < 6; i++) await success(client.put("x", "5"));
  expect(network.asked.slice(0, 3).sort()).toEqual([...nodes].sort());
  expect(network.asked.slice(3)).toEqual(network.asked.slice(0, 3));
});

test("a node that has failed is asked last, until it has rested", async () => {
  const { client, network } = scripted(
    (request) =>
      request.path === "/status"
        ? status(ids[request.node]!, "Follower", 3, "D")
        : request.node === B
          ? refused(request)
          : answer(request),
    { nodes },
  );
  for (let i = 0; i < 12; i++) await success(client.put("x", "5"));
  expect(network.asked.filter((node) => node === B)).toHaveLength(1);
  await vi.advanceTimersByTimeAsync(300);
  for (let i = 0; i < 3; i++) await success(client.put("x", "5"));
  expect(network.asked.filter((node) => node === B)).toHaveLength(2);
});

test("a node that fails again and again rests longer each time, until it has answered", async () => {
  let isAway = true;
  const { client, network } = scripted(
    (request) => {
      return request.node === B && isAway ? refused(request) : answer(request);
    },
    { nodes },
  );
  /** How long it is left alone after its next failure. */
  const rest = async (): Promise<number> => {
    const asked = () => network.asked.filter((node) => node === B).length;
    const before = asked();
    while (asked() === before) {
      await success(client.get("x", { stale: true }));
      await vi.advanceTimersByTimeAsync(10);
    }
    const failedAt = performance.now();
    while (asked() === before + 1) {
      await success(client.get("x", { stale: true }));
      await vi.advanceTimersByTimeAsync(10);
    }
    return performance.now() - failedAt;
  };
  const [first, third] = [await rest(), await rest()];
  expect(third).toBeGreaterThan(3 * first);
  isAway = false;
  await vi.advanceTimersByTimeAsync(20_000);
  for (let i = 0; i < 3; i++) await success(client.get("x", { stale: true }));
  isAway = true;
  expect(await rest()).toBeLessThan(1.5 * first);
});

test("all nodes are asked once before one is asked again", async () => {
  const { client, network } = scripted(
    (request) => (request.path === "/status" ? status(ids[request.node]!) : refused(request)),
    { nodes, timeoutMs: 400 },
  );
  await failure(client.put("x", "5"));
  for (let round = 0; round + 3 <= network.asked.length; round += 3) {
    expect(network.asked.slice(round, round + 3).sort()).toEqual([...nodes].sort());
  }
  expect(network.asked.length).toBeGreaterThan(8);
});

test("stale reads go to all nodes by turns, and ask for no leader", async () => {
  const { client, network } = scripted(led({ url: B }), { nodes });
  for (let i = 0; i < 6; i++) await success(client.get("x", { stale: true }));
  expect(network.seen).toHaveLength(6);
  expect(new Set(network.asked.slice(0, 3)).size).toBe(3);
  expect(network.calls[0]!.query.has("stale")).toBe(true);
});

test("status and health go to the node that is named, and stay with it", async () => {
  const script: Script = ({ node, path }) =>
    path === "/status" ? status(ids[node]!) : json({ ok: true, node: ids[node] });
  const { client, network } = scripted(script, { nodes });
  for (const node of nodes) {
    expect(await success(client.status({ node }))).toMatchObject({ node: ids[node] });
    expect(await success(client.health({ node: `${node}/` }))).toMatchObject({ node: ids[node] });
  }
  network.script = refused;
  network.seen.length = 0;
  await failure(client.status({ node: B, timeoutMs: 200 }));
  expect(new Set(network.seen.map(({ node }) => node))).toEqual(new Set([B]));
});

test("the token goes with every request, and only to the given nodes", async () => {
  const { client, network } = scripted(
    led({ url: A }, problem(403, "not-leader", { leader: "Z", leaderUrl: "http://evil.test" })),
    { nodes, token: "secret", timeoutMs: 200 },
  );
  await failure(client.put("x", "5"));
  expect(new Set(network.seen.map(({ headers }) => headers.get("authorization")))).toEqual(
    new Set(["Bearer secret"]),
  );
  // The network throws for any other address.
  expect(network.seen.length).toBeGreaterThan(5);
});
