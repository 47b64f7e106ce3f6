import { runInDurableObject } from "cloudflare:test";
import { expect, it } from "vitest";
import { LogStore } from "../../shared/storage/log-store.ts";
import { KeyValueStore } from "../../shared/store/key-value-store.ts";
import { Addresses } from "../../worker/addresses.ts";
import { readConfig } from "../../worker/config.ts";
import { RunningNode } from "../../worker/running-node.ts";
import { command } from "../storage/entries.ts";
import { testEnv } from "./support/cluster.ts";

it("others have their turn while a long log is verified", async () => {
  await runInDurableObject(testEnv.PLAIN.getByName("long-log"), async (_, { storage }) => {
    const log = LogStore.open(storage, { id: "A", mintStoreId: () => "a1" });
    storage.transactionSync(() => log.saveHardState({ term: 1, votedFor: null }));
    const entries = 20_000;
    for (let first = 1; first <= entries; first += 500) {
      const some = Array.from({ length: 500 }, (_, at) => command(first + at, 1));
      storage.transactionSync(() => log.append(some));
    }

    const config = readConfig({ RAFT_NODES: "A=do" });
    let turns = 0;
    let isOpen = false;
    const others = () => {
      if (isOpen) return;
      turns++;
      setTimeout(others, 0);
    };
    setTimeout(others, 0);
    const running = await RunningNode.open({
      id: "A",
      config,
      addresses: new Addresses(config),
      storage,
      transport: { post: () => Promise.reject(new Error("there is nobody")) },
      stateMachine: new KeyValueStore(),
      fetch: undefined,
      quiet: false,
      onSilence: () => undefined,
      onFatal: (error) => expect.unreachable(String(error)),
    });
    isOpen = true;
    expect(turns).toBeGreaterThanOrEqual(3);
    expect(running.node.status(1).raft.lastIndex).toBe(entries);
  });
});
