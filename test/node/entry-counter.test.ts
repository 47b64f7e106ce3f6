import { expect, test } from "vitest";
import type { EntryStep } from "../../shared/node/events.ts";
import type { Machine } from "./support/machine.ts";
import { cluster } from "./support/world.ts";

const steps: readonly EntryStep[] = ["appended", "committed", "applied"];

/** Ordinals of commands by what has happened to them, as events tell it. */
function told(machine: Machine, step: EntryStep): number[] {
  return machine.eventsOf(`entry-${step}`).map(({ ordinal }) => ordinal);
}

/** The same as the counter was told it. */
function counted(machine: Machine, step: EntryStep): number[] {
  return machine.counted
    .filter((one) => one.step === step)
    .flatMap(({ count, ordinal }) => Array.from({ length: count }, (_, at) => ordinal - count + 1 + at));
}

test("a counter is asked of the very commands that are told of otherwise", async () => {
  const world = await cluster();
  const commands = world.machines.flatMap((machine) =>
    Array.from({ length: 30 }, (_, at) => machine.execute(`SET ${machine.id}${at}=1`)),
  );
  for (const command of commands) await world.answer(command);
  const { leader: deposed } = world;
  deposed.pause();
  for (const machine of world.followers) await world.answer(machine.execute("SET late=1"));
  await deposed.resume();
  await world.run(3000);
  for (const machine of world.machines) {
    for (const step of steps) {
      expect(counted(machine, step), step).toEqual(told(machine, step));
      expect(counted(machine, step)).toHaveLength(92);
    }
    const asLeader = machine.eventsOf("entry-appended").map(({ leader }) => leader);
    expect(
      machine.counted
        .filter(({ step }) => step === "appended")
        .flatMap(({ count, leader }) => Array(count).fill(leader)),
    ).toEqual(asLeader);
  }
});

test("whoever counts commands hears of everything else alone", async () => {
  const world = await cluster();
  for (const machine of world.machines) {
    machine.countsEntries = true;
    machine.events = [];
  }
  await world.answer(world.leader.execute("SET x=1"));
  world.leader.pause();
  await world.run(3000);
  for (const machine of world.followers) {
    for (const step of steps) expect(told(machine, step)).toEqual([]);
    expect(machine.events.length).toBeGreaterThan(0);
    expect(counted(machine, "applied")).toContain(0);
  }
});
