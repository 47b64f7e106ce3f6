import { runInDurableObject } from "cloudflare:test";
import { describe, it } from "vitest";
import type { DurableStorage } from "../../shared/storage/port.ts";
import type { ModelStorage } from "../storage/log-store-model.ts";
import { checkLogStore } from "../storage/log-store-model.ts";
import { storageChecks } from "../storage/storage-conformance.ts";
import { testEnv } from "./support/cluster.ts";

/**
 * The suite of the storage port inside an object, on `ctx.storage` as it is. Nobody can restart an object from within:
 * here a restart finds the same storage; lab.test.ts evicts and kills.
 */
describe("ctx.storage", () => {
  for (const [number, check] of storageChecks.entries()) {
    it.skipIf(check.needsCrash === true)(check.title, async () => {
      await runInDurableObject(testEnv.PLAIN.getByName(`conformance-${number}`), async (_, { storage }) => {
        await check.run(async () => ({
          storage,
          restart: async () => storage,
          dispose: async () => undefined,
        }));
      });
    });
  }

  it("keeps a log that is a plain array with ordinals, through truncations and new starts", async () => {
    await runInDurableObject(testEnv.PLAIN.getByName("model"), (_, { storage }) => {
      const under = over(storage);
      return checkLogStore(async () => {
        await storage.deleteAll();
        return under;
      }, 60);
    });
  });
});

function over(storage: DurableStorage): ModelStorage {
  return { storage, unsynced: null, crash: () => over(storage) };
}
