import { expect, test } from "vitest";
import { TEXT_SCHEMA } from "../../shared/storage/entry.ts";
import type { Machine } from "./support/machine.ts";
import { Waiting } from "./support/waiting.ts";
import { cluster } from "./support/world.ts";

/** What clients are promised, and what they are told when it cannot be kept. */

const limit = (1 << 20) + (64 << 10);

test("a command that fits into no exchange is refused, and what comes after it is not kept waiting", async () => {
  const world = await cluster();
  const { leader } = world;
  const [node] = world.followers as [Machine];
  for (const machine of [leader, node]) {
    const command = (bytes: number) =>
      new Waiting(
        machine.node.execute(TEXT_SCHEMA, new Uint8Array(bytes), { timeoutMs: 5000, forward: true }),
      );
    const large = command(limit + 1);
    await world.run(1);
    expect(large.error).toMatchObject({ code: "command-too-large", status: 413 });
    await world.answer(command(limit), 1000);
    await world.answer(node.execute("SET x=1"), 1000);
  }
});

test("commands are carried out in the order in which one node took them, and answered by it", async () => {
  const world = await cluster();
  for (const machine of world.machines) {
    const start = machine.log.length;
    const commands = Array.from({ length: 20 }, (_, i) => machine.execute(`SET ${machine.id}=${i}`));
    const outcomes = [];
    for (const one of commands) outcomes.push(await world.answer(one));
    expect(outcomes.map(({ ordinal }) => ordinal)).toEqual(commands.map((_, i) => start + i));
    expect(new Set(outcomes.map(({ leader }) => leader))).toEqual(new Set([world.leader.id]));
  }
});

test("a read sees what was acknowledged before it anywhere", async () => {
  const world = await cluster();
  for (let i = 0; i < 5; i++) {
    for (const writer of world.machines) {
      const { ordinal } = await world.answer(writer.execute(`SET x=${i}`));
      const reads = world.machines.map((machine) => machine.read());
      for (const read of reads) {
        const point = await world.answer(read);
        expect(point.ordinal).toBeGreaterThanOrEqual(ordinal);
        expect(point).toMatchObject({ leader: world.leader.id, term: world.leader.status.term });
      }
    }
  }
});

test("without a majority nothing is promised", async () => {
  const world = await cluster();
  const { leader } = world;
  world.isolate(leader);
  const command = leader.execute("SET x=1", { timeoutMs: 300 });
  const read = leader.read({ timeoutMs: 300 });
  await world.run(301);
  expect(command.error).toMatchObject({
    code: "timeout",
    status: 503,
    details: { outcome: "unknown", leader: leader.id },
  });
  expect(read.error).toMatchObject({ code: "timeout", details: { outcome: "none" } });
  await world.until(() => !leader.leads && leader.status.leader === null);
  const later = leader.execute("SET y=1", { timeoutMs: 300 });
  await world.run(301);
  expect(later.error).toMatchObject({ code: "no-leader", status: 503, details: { outcome: "none" } });
});

test("a follower that is not to forward says who leads", async () => {
  const world = await cluster();
  const { leader } = world;
  const [node] = world.followers as [Machine];
  const direct = node.execute("SET x=1", { forward: false });
  const read = node.read({ forward: false });
  await world.run(1);
  const details = { leader: leader.id, leaderUrl: leader.address };
  expect(direct.error).toMatchObject({ code: "not-leader", status: 403, details });
  expect(read.error).toMatchObject({ code: "not-leader", status: 403, details });
});

test("a command outlives its leader", async () => {
  const world = await cluster();
  const { leader } = world;
  const [node] = world.followers as [Machine];
  const commands = Array.from({ length: 10 }, (_, i) => node.execute(`SET k${i}=1`, { timeoutMs: 20_000 }));
  await world.run(1.2);
  leader.crash();
  for (const one of commands) await world.answer(one);
  expect(new Set(node.log).size).toBe(10);
  expect(node.log).toHaveLength(10);
});

test("more than a node can keep waiting is refused", async () => {
  const world = await cluster();
  const { leader } = world;
  world.isolate(leader);
  const commands = Array.from({ length: 10_001 }, () => leader.execute("SET x=1"));
  await world.run(1);
  expect(commands.at(-1)?.error).toMatchObject({ code: "overloaded", status: 429 });
  expect(commands.at(-2)?.isPending).toBe(true);
});

test("nor more bytes than its host has room for", async () => {
  const world = await cluster();
  const { leader } = world;
  leader.maxWaitingBytes = 100;
  leader.crash();
  await leader.start();
  world.isolate(leader);
  const commands = [50, 45, 1, 50].map((length) =>
    leader.execute("SET x=".padEnd(length, "v"), { timeoutMs: 5000 }),
  );
  await world.run(1);
  expect(commands.map(({ isPending }) => isPending)).toEqual([true, true, false, false]);
  expect(commands[3]?.error).toMatchObject({ code: "overloaded", status: 429 });
});
