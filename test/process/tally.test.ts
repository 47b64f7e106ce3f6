import { join } from "node:path";
import { exerciseTally } from "../package/support/tally-cluster.ts";
import { CHECKOUT, PINNED_NODE, test } from "./support/lab.ts";

test("the example counts and queues everything once, through kill -9", async ({ lab }) => {
  const words = [
    "--import",
    join(CHECKOUT, "scripts/use-sources.ts"),
    join(CHECKOUT, "examples/tally-node.ts"),
  ];
  await exerciseTally(lab, { command: PINNED_NODE, words });
});
