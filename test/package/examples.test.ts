import { describe, expect, test } from "vitest";
import type { State } from "../../examples/tally.ts";
import { tally } from "../../examples/tally.ts";
import { trySeed } from "../../examples/tally-judge.ts";
import type { MemoryStateMachine } from "../../exports/node.ts";
import type { LogEntry } from "../../shared/storage/entry.ts";

type Machine = MemoryStateMachine<State>;
type Apply = (machine: Machine, entry: LogEntry) => unknown;

/** The tally with another `apply`. Each node's is made for itself, so that nodes may differ. */
function withApply(makeApply: () => Apply, volatile = true): () => Machine {
  return () => {
    const machine = tally.create();
    const apply = makeApply();
    return Object.create(machine, {
      apply: { value: (entry: LogEntry) => apply(machine, entry) },
      volatile: { value: volatile },
    }) as Machine;
  };
}

const textOf = ({ data }: LogEntry) => new TextDecoder().decode(data.bytes);

async function found(create: () => Machine, seeds: readonly number[]): Promise<string> {
  for (const seed of seeds) {
    const problem = await trySeed(seed, create);
    if (problem !== null) return problem;
  }
  return "nothing";
}

const SEEDS = 12;
const AT_ONCE = 6;

describe("the simulated tally", () => {
  test.each(Array.from({ length: SEEDS / AT_ONCE }, (_, part) => [1 + part * AT_ONCE, (part + 1) * AT_ONCE]))(
    "keeps its promises with the seeds %i to %i",
    { timeout: 120_000 },
    async (first, last) => {
      for (let seed = first!; seed <= last!; seed++) expect(await trySeed(seed)).toBeNull();
    },
  );
});

describe("the judge finds a tally that", () => {
  test("loses an item now and then, on all nodes alike", async () => {
    const forgetful = withApply(() => (machine, entry) => {
      const result = machine.apply(entry);
      const wasPush = textOf(entry).startsWith("push") && entry.index % 50 === 0;
      if (wasPush) machine.state.queue.pop();
      return result;
    });
    expect(await found(forgetful, [1, 2, 3])).toMatch(/linearizability: .* was answered with/);
  });

  test("carries out again what was sent again", async () => {
    const repeating = withApply(() => (machine, entry) => {
      machine.state.newest.clear();
      return machine.apply(entry);
    });
    expect(await found(repeating, [1, 2, 3, 4, 5, 6])).toMatch(/linearizability: /);
  });

  test("gives back the newest item first", async () => {
    const stack = withApply(() => (machine, entry) => {
      if (textOf(entry).startsWith("shift")) machine.state.queue.reverse();
      return machine.apply(entry);
    });
    expect(await found(stack, [1, 2])).toMatch(/linearizability: /);
  });
});

describe("the simulator finds a tally that", () => {
  test("is not determined by the log alone", async () => {
    let made = 0;
    const moody = withApply(() => {
      const mood = made++;
      return (machine, entry) => {
        if (entry.index % 40 === mood % 40) machine.state.count++;
        return machine.apply(entry);
      };
    });
    expect(await found(moody, [1, 2])).toMatch(/state-machine-safety: /);
  });

  test("forgets that it keeps nothing", async () => {
    const pretending = withApply(() => (machine, entry) => machine.apply(entry), false);
    expect(await found(pretending, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10])).toMatch(/state-machine-safety: /);
  });
});
