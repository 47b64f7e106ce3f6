import { it } from "vitest";
import { CrashingStorage } from "../../sim/crashing-storage.ts";
import type { ModelStorage } from "./log-store-model.ts";
import { checkLogStore } from "./log-store-model.ts";

function over(storage: CrashingStorage): ModelStorage {
  return {
    storage,
    get unsynced() {
      return storage.unsynced;
    },
    crash: (share) => over(storage.crash(() => share)),
  };
}

it("LogStore is a plain array with ordinals, through truncations and crashes", async () => {
  await checkLogStore(() => over(new CrashingStorage()), 150);
});
