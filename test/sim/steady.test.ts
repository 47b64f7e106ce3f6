import { expect, test } from "vitest";
import { idle, loaded, silent } from "../../sim/steady/conditions.ts";
import { runSteady } from "../../sim/steady/steady-run.ts";

test.each([3, 5])("%i nodes under a load: nobody stands for election after the first", async (nodes) => {
  const report = await runSteady(1, nodes, 10_000, loaded(100));
  expect(report).toMatchObject({ laterElections: 0, laterPreVotes: 0, term: 1, failed: 0 });
  expect(report.answered).toBeGreaterThan(900);
  expect(report.messages).toBeGreaterThan(2000);
  expect(report.virtualMs).toBeGreaterThan(10_000);
});

test.each([1, 3, 5])(
  "%i nodes that nobody needs for an hour: not a message after they fell silent",
  async (nodes) => {
    const report = await runSteady(1, nodes, 3_600_000, silent);
    expect(report).toMatchObject({ laterElections: 0, laterPreVotes: 0, term: 1 });
    expect(report.virtualMs).toBeGreaterThan(3_600_000);
    expect(report.lastExchangeMs).toBeLessThan(report.firstLeaderMs + silent.quiesceAfterMs + 1000);
  },
);

test("pauses that are longer than an election takes are seen to depose leaders", async () => {
  const pauses = { meanGapMs: 5000, lengthMs: [1500, 2500] } as const;
  const { laterElections, term } = await runSteady(1, 3, 60_000, { ...idle, pauses });
  expect(laterElections).toBeGreaterThan(0);
  expect(term).toBeGreaterThan(1);
});

test("the same seed is the same run", async () => {
  const [first, second, other] = [
    await runSteady(3, 3, 2000, loaded(50)),
    await runSteady(3, 3, 2000, loaded(50)),
    await runSteady(4, 3, 2000, loaded(50)),
  ];
  expect(second).toEqual(first);
  expect(other).not.toEqual(first);
});
