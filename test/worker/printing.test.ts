import { runInDurableObject } from "cloudflare:test";
import { expect, it, vi } from "vitest";
import { testEnv, until } from "./support/cluster.ts";

/** Without support/silence-at-end.ts this file, and with it the run, would never end. */
it("an object that goes on printing does not keep its file from ending", async () => {
  const log = vi.spyOn(console, "log");
  await runInDurableObject(testEnv.PLAIN.getByName("printer"), () => {
    setInterval(() => console.log("still here"), 1);
  });
  await until("it has printed", async () => (log.mock.calls.length > 5 ? true : undefined));
  log.mockRestore();
  expect(vi.isMockFunction(console.log)).toBe(false);
});
