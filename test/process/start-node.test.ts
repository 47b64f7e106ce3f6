import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { HostedNode } from "../../ec2-node/start-node.ts";
import { startNode } from "../../ec2-node/start-node.ts";
import type { StartNodeOptions } from "../../ec2-node/start-node-options.ts";
import { tally } from "../../examples/tally.ts";
import { createClient } from "../../shared/client/client.ts";
import type { StateMachine } from "../../shared/node/state-machine.ts";
import type { LogEntry } from "../../shared/storage/entry.ts";
import type { DurableStorage } from "../../shared/storage/port.ts";
import { CHECKOUT, PINNED_NODE } from "./support/lab.ts";
import { reservePorts } from "./support/ports.ts";

let home: string;
const running: { stop(): Promise<void> }[] = [];

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), "raft-lite-start-node-"));
});

afterEach(async () => {
  for (const node of running.splice(0)) await node.stop();
  rmSync(home, { recursive: true, force: true });
});

async function start<Machine extends StateMachine>(
  options: Partial<StartNodeOptions<Machine>> & { stateMachine: Machine },
): Promise<HostedNode<Machine>> {
  const id = options.id ?? "A";
  const node = await startNode({ id, port: 0, dataDir: join(home, id), ...options });
  running.push(node);
  return node;
}

const ticket = (number: number) => ({ client: "test", number });

/** Keeps its state in SQL. */
class StoredCounter implements StateMachine {
  opened = -1;
  #storage!: DurableStorage;
  #total = 0;

  open(storage: DurableStorage, applied: number): void {
    this.opened = applied;
    this.#storage = storage;
    storage.sql.exec("CREATE TABLE IF NOT EXISTS total (id INTEGER PRIMARY KEY, value INTEGER NOT NULL)");
    this.#total = storage.sql.exec<{ value: number }>("SELECT value FROM total").toArray()[0]?.value ?? 0;
  }

  apply({ data }: LogEntry): number {
    this.#total += data.bytes[0] ?? 0;
    return this.#total;
  }

  flush(): void {
    this.#storage.sql.exec("INSERT OR REPLACE INTO total (id, value) VALUES (1, ?)", this.#total);
  }

  describe(_schema: number, bytes: Uint8Array): string {
    return `ADD ${bytes[0]}`;
  }

  get total(): number {
    return this.#total;
  }
}

describe("a node in a program", () => {
  test("runs the program's own state machine, and finds it again", async () => {
    const first = await start({ stateMachine: tally.create() });
    expect((await first.execute(tally.commands.add({ ...ticket(1), by: 5 }))).result).toBe(5);
    expect((await first.execute(tally.commands.push({ ...ticket(2), item: "a" }))).result).toBe(1);
    // Sent again, as after a lost answer.
    expect((await first.execute(tally.commands.add({ ...ticket(1), by: 5 }))).result).toBe(1);
    await first.stop();
    const second = await start({ stateMachine: tally.create() });
    expect(await second.read(({ state: { count, queue } }) => ({ count, queue }))).toEqual({
      count: 5,
      queue: ["a"],
    });
    expect((await second.execute(tally.commands.shift(ticket(3)))).result).toBe("a");
  });

  test("gives a state machine that keeps its state in SQL what it wrote", async () => {
    const first = await start({ stateMachine: new StoredCounter() });
    const add = (by: number) => ({ schema: 7, bytes: Uint8Array.of(by) });
    await first.execute(add(3));
    await first.execute(add(4));
    expect(first.status().log.map(({ cmd }) => cmd)).toEqual(["ADD 3", "ADD 4"]);
    await first.stop();
    const second = await start({ stateMachine: new StoredCounter() });
    expect(await second.read(({ total }) => total)).toBe(7);
    expect(second.stateMachine.opened).toBeGreaterThan(2);
  });

  test("is the key-value store where nothing else is said, routes and all", async () => {
    const node = await startNode({ id: "A", port: 0, dataDir: join(home, "A") });
    running.push(node);
    expect(await node.execute("SET x=5")).toMatchObject({ ordinal: 0, leader: "A", result: "OK" });
    const stored = await node.read((store) => store.get("x"));
    expect(stored && new TextDecoder().decode(stored.value)).toBe("5");
    expect(await (await fetch(`${node.url}/v1/kv/x?raw`)).text()).toBe("5");
    await expect(node.execute("NOPE")).rejects.toMatchObject({ code: "unknown-verb", status: 400 });
    expect(node.status().log).toEqual([{ term: 1, cmd: "SET x=5" }]);
  });

  test("serves the program's routes beside its own, and tells of their errors", async () => {
    const errors: unknown[] = [];
    const node = await start({
      stateMachine: tally.create(),
      onRequestError: (error) => errors.push(error),
      async fetch({ url }, itself) {
        if (url.endsWith("/break")) throw new TypeError("a fault");
        if (!url.endsWith("/count")) return undefined;
        return Response.json(await itself.read(({ state }) => state.count));
      },
    });
    const cmd = 'add {"client":"c","number":1,"by":2}';
    const reply = await fetch(`${node.url}/command`, { method: "POST", body: JSON.stringify({ cmd }) });
    expect(await reply.json()).toMatchObject({ ok: true, index: 0, result: 2 });
    const client = createClient({ nodes: [node.url] });
    expect(await client.command('push {"client":"c","number":2,"item":"a"}')).toMatchObject({ result: 1 });
    await expect(client.command("push")).rejects.toMatchObject({ code: "bad-request", outcome: "none" });
    expect(await (await fetch(`${node.url}/count`)).json()).toBe(2);
    expect((await fetch(`${node.url}/other`)).status).toBe(404);
    expect((await fetch(`${node.url}/v1/kv/x`)).status).toBe(404);
    expect((await fetch(`${node.url}/break`)).status).toBe(500);
    expect(errors).toEqual([expect.objectContaining({ message: "a fault" })]);
  });

  test("has a port for clients where it is told to, and gives it back", async () => {
    const lines: string[] = [];
    const node = await start({
      stateMachine: tally.create(),
      clientPort: 0,
      log: (line) => lines.push(line),
    });
    expect(lines).toContain(`[Node A] Started on port ${node.port}, for clients on port ${node.clientPort}`);
    const clients = `http://127.0.0.1:${node.clientPort}`;
    expect((await fetch(`${clients}/status`)).status).toBe(200);
    expect((await fetch(`${clients}/raft`, { method: "POST" })).status).toBe(403);
    expect((await fetch(`${node.url}/raft`, { method: "POST" })).status).toBe(400);
    await node.stop();
    await expect(fetch(clients)).rejects.toThrow();
    expect((await start({ stateMachine: tally.create() })).clientPort).toBeNull();
  });

  test("says what happens, as lines and as events", async () => {
    const lines: string[] = [];
    const events: string[] = [];
    const node = await start({
      stateMachine: tally.create(),
      log: (line) => lines.push(line),
      onEvent: ({ trace }) => events.push(trace.type),
    });
    await node.execute(tally.commands.add({ ...ticket(1), by: 5 }));
    await node.stop();
    expect(lines).toContain(`[Node A] Started on port ${node.port}`);
    expect(lines).toContain('[Node A] Apply → add {"client":"test","number":1,"by":5}');
    expect(lines.at(-1)).toBe("[Node A] Stopped");
    expect(events).toEqual(expect.arrayContaining(["started", "leader", "entry-applied", "stopped"]));
  });

  test.each([
    ["alone", undefined],
    ["beside lines, which only count at such a rate", () => undefined],
  ])("every step of every command is an event: %s", async (_name, log) => {
    const steps = new Map<string, number>();
    const node = await start({
      stateMachine: tally.create(),
      ...(log && { log }),
      onEvent: ({ trace }) => steps.set(trace.type, (steps.get(trace.type) ?? 0) + 1),
    });
    const commands = Array.from({ length: 200 }, (_, number) =>
      node.execute(tally.commands.add({ ...ticket(number + 1), by: 1 })),
    );
    await Promise.all(commands);
    await node.stop();
    for (const step of ["entry-appended", "entry-committed", "entry-applied"]) {
      expect([step, steps.get(step)]).toEqual([step, 200]);
    }
  });

  test("stops once, however often it is asked to, and answers nobody afterwards", async () => {
    const node = await start({ stateMachine: tally.create() });
    await node.execute(tally.commands.add({ ...ticket(1), by: 5 }));
    await Promise.all([node.stop(), node.stop()]);
    await expect(node.execute(tally.commands.shift(ticket(2)))).rejects.toMatchObject({ code: "stopping" });
    await expect(fetch(node.url)).rejects.toThrow();
  });

  test("three in one process elect, forward, and lose nothing with their leader", async () => {
    const { ports, release } = await reservePorts(3);
    const ids = ["A", "B", "C"];
    const peers = ids.map((id, at) => `${id}=127.0.0.1:${ports[at]}`);
    try {
      const nodes = await Promise.all(
        ids.map((id, at) =>
          start({ id, port: ports[at]!, host: "127.0.0.1", peers, stateMachine: tally.create() }),
        ),
      );
      const adds = nodes.map((node, at) =>
        node.execute(tally.commands.add({ client: node.id, number: 1, by: 10 ** at })),
      );
      const leaders = new Set((await Promise.all(adds)).map(({ leader }) => leader));
      const leader = nodes.find(({ id }) => leaders.has(id))!;
      await leader.stop();
      for (const node of nodes.filter((one) => one !== leader)) {
        expect(await node.read(({ state }) => state.count, { timeoutMs: 30_000 })).toBe(111);
      }
    } finally {
      release();
    }
  });

  test("that fails tells the program, once", async () => {
    const failed = vi.fn();
    const stateMachine = {
      ...new StoredCounter(),
      volatile: true,
      open: () => {},
      apply: () => {
        throw new Error("the state machine is broken");
      },
      flush: () => {},
      describe: () => "",
    } satisfies StateMachine;
    const node = await start({ stateMachine, onFatal: failed });
    await expect(node.execute("x")).rejects.toMatchObject({ details: { outcome: "unknown" } });
    // The recording of what led to it is written first.
    await vi.waitFor(() => expect(failed).toHaveBeenCalled(), { timeout: 20_000 });
    expect(failed.mock.calls).toEqual([
      [expect.objectContaining({ message: "the state machine is broken" })],
    ]);
    expect(node.health()).toMatchObject({ healthy: false });
  });
});

test("a failure that nobody wants to hear of ends the process", () => {
  const program = join(home, "program.ts");
  writeFileSync(
    program,
    `import { startNode } from "raft-lite/node-host";
     const stateMachine = {
       volatile: true,
       open() {},
       apply() { throw new Error("the state machine is broken"); },
       flush() {},
       describe: () => "",
     };
     const node = await startNode({ id: "A", port: 0, dataDir: ${JSON.stringify(join(home, "A"))}, stateMachine });
     await node.execute("x").catch(({ details }) => console.log(details.outcome));`,
  );
  const useSources = join(CHECKOUT, "scripts/use-sources.ts");
  const ended = spawnSync(PINNED_NODE, ["--import", useSources, program], {
    encoding: "utf8",
    timeout: 60_000,
  });
  expect(ended).toMatchObject({ status: 1, stdout: "unknown\n" });
  expect(ended.stderr).toContain("the state machine is broken");
});

describe("what cannot be started leaves nothing behind", () => {
  test("a port in use", async () => {
    const first = await start({ stateMachine: tally.create() });
    const again = start({ id: "B", port: first.port, stateMachine: tally.create() });
    await expect(again).rejects.toMatchObject({ code: "port-in-use" });
    // Its directory is free again.
    await start({ id: "B", stateMachine: tally.create() });
  });

  test("a port for clients in use", async () => {
    const first = await start({ stateMachine: tally.create() });
    const { ports, release } = await reservePorts(1);
    try {
      const options = { id: "B", port: ports[0]!, stateMachine: tally.create() };
      await expect(start({ ...options, clientPort: first.port })).rejects.toMatchObject({
        code: "port-in-use",
        message: expect.stringContaining("--client-port"),
      });
      // The other port is free again, and so is the directory.
      await start(options);
    } finally {
      release();
    }
  });

  test("a directory in use", async () => {
    const { port } = await start({ stateMachine: tally.create() });
    await expect(start({ stateMachine: tally.create() })).rejects.toMatchObject({ code: "directory-in-use" });
    expect((await fetch(`http://127.0.0.1:${port}/status`)).status).toBe(200);
  });

  test("wrong options, before a directory is made", async () => {
    await expect(start({ port: -1, stateMachine: tally.create() })).rejects.toMatchObject({
      code: "wrong-usage",
    });
    expect(existsSync(join(home, "A"))).toBe(false);
  });
});
