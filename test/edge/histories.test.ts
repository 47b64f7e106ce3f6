import { expect, test } from "vitest";
import { describeVerdict, verdictOn } from "../histories/recorded-history.ts";
import { runHistory } from "../histories/run-history.ts";

/** One history of Durable Objects that lose their memory at any moment. More: npm run histories -- --edge */
test("nothing acknowledged is lost, no vote is forgotten, the history is linearizable", async ({
  onTestFailed,
}) => {
  const { history, failure, transcript } = await runHistory(20_261_001, "edge");
  const verdict = verdictOn(history);
  onTestFailed(() => console.error(describeVerdict(history, verdict), transcript));
  expect(failure).toBeNull();
  expect(verdict).toMatchObject({ refutation: null, counts: true });
});
