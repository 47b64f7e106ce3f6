import { expect, test } from "vitest";
import type { StoredPromise } from "../edge/support/miniflare-edge.ts";
import { PromiseWatch } from "./promise-watch.ts";

/** One node whose storage holds these, one after the other, and what was printed meanwhile. */
async function verdictOn(promises: readonly StoredPromise[], lines: readonly string[] = []) {
  const left = [...promises];
  const node = { id: "A" };
  const watch = new PromiseWatch({
    cluster: { nodes: [node] },
    lines,
    promiseOf: async () => left.shift() ?? promises.at(-1)!,
  });
  for (const _ of promises) await watch.look(node);
  return await watch.verdict();
}

const promise = (term: number, votedFor: string | null) => ({ term, votedFor });

test("terms rise, and a vote is given where there was none", async () => {
  expect(
    await verdictOn(
      [promise(0, null), promise(3, null), promise(3, "B"), promise(3, "B"), promise(4, "C")],
      [
        "[Node A] Became Leader (term 3)",
        "[Node A] Became Leader (term 3)",
        "[Node B] Became Leader (term 4)",
      ],
    ),
  ).toBeNull();
});

test.each([
  ["a term that goes back", promise(3, "B"), promise(2, "B")],
  ["a vote for another", promise(3, "B"), promise(3, "C")],
  ["a vote forgotten", promise(3, "B"), promise(3, null)],
])("%s is told", async (_what, before, after) => {
  const told = await verdictOn([before, after]);
  expect(told).toContain(`A had promised ${JSON.stringify(before)}, then ${JSON.stringify(after)}`);
});

test("two leaders of one term are told", async () => {
  const lines = ["[Node A] Became Leader (term 3)", "[Node B] Became Leader (term 3)"];
  expect(await verdictOn([promise(3, "A")], lines)).toContain("term 3 had the leaders A and B");
});
