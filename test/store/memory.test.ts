import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { expect, test } from "vitest";
import { TEXT_SCHEMA } from "../../shared/storage/entry.ts";
import { KeyValueStore } from "../../shared/store/key-value-store.ts";
import { commandEntry, TestStorage, utf8 } from "./support.ts";

setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc") as () => void;

test("a key that is remembered does not keep the command it came with", () => {
  const storage = new TestStorage();
  const store = new KeyValueStore();
  store.open(storage, 0);
  const change = (index: number): void => {
    // Engines cut short names out of a text as copies, and longer ones as references to the whole of it.
    store.apply(
      commandEntry(index, TEXT_SCHEMA, utf8(`SET a-name-that-is-long/${index}=${"v".repeat(100_000)}`)),
    );
    storage.transactionSync(() => store.flush());
  };
  change(1);
  collectGarbage();
  const before = process.memoryUsage().heapUsed;
  for (let index = 2; index <= 400; index++) change(index);
  collectGarbage();
  // 40 MB were put.
  expect(process.memoryUsage().heapUsed - before).toBeLessThan(10_000_000);
});
