import { cloudflareTest } from "@cloudflare/vitest-plugin";
import { defineConfig } from "vitest/config";

/** The examples import the package by its name: here that is its sources. */
const resolve = {
  alias: [
    { find: /^raft-lite$/, replacement: `${import.meta.dirname}/exports/main.ts` },
    { find: /^raft-lite\/([a-z-]+)$/, replacement: `${import.meta.dirname}/exports/$1.ts` },
  ],
};

export default defineConfig({
  test: {
    // Nodes in workerd say what they do; it is shown where a test fails.
    silent: "passed-only",
    // `npx vitest run --coverage`: workerd and Node in one report, which v8's own counting cannot give.
    coverage: {
      provider: "istanbul",
      include: ["shared/**/*.ts", "worker/**/*.ts", "ec2-node/**/*.ts", "sim/**/*.ts"],
    },
    projects: [
      {
        resolve,
        test: {
          name: "unit",
          include: ["test/**/*.test.ts"],
          exclude: [
            "test/hosts/**",
            "test/process/**",
            "test/package/tarball/**",
            "test/worker/**",
            "test/edge/**",
          ],
          pool: "forks",
          testTimeout: 30_000,
          hookTimeout: 60_000,
          maxWorkers: "100%",
          // Not 0: files of group 0 are put behind every other group where there is one worker.
          sequence: { groupOrder: 1 },
        },
      },
      {
        plugins: [
          cloudflareTest({
            main: "test/worker/support/main.ts",
            wrangler: { configPath: "wrangler.toml" },
            miniflare: {
              bindings: { RAFT_CHAOS: "1", RAFT_HEARTBEAT: "50", RAFT_ELECTION_TIMEOUT: "300-600" },
              durableObjects: {
                PLAIN: { className: "PlainObject", useSQLite: true },
                FUZZED: { className: "FuzzedObject", useSQLite: true },
                FAULTY: { className: "FaultyObject", useSQLite: true },
              },
            },
          }),
        ],
        // Inside workerd.
        test: {
          name: "worker",
          include: ["test/worker/**/*.test.ts"],
          setupFiles: ["test/worker/support/silence-at-end.ts"],
          fileParallelism: false,
          testTimeout: 60_000,
          hookTimeout: 60_000,
          sequence: { groupOrder: 4 },
        },
      },
      {
        resolve,
        test: {
          name: "process",
          include: ["test/process/**/*.test.ts"],
          pool: "forks",
          // Real clusters elect by real clocks, and mostly wait for them: two files at a time, after everything that would
          // take the processor away.
          maxWorkers: 2,
          testTimeout: 120_000,
          hookTimeout: 60_000,
          sequence: { groupOrder: 2 },
        },
      },
      {
        resolve,
        test: {
          // Durable Objects under Miniflare and `wrangler dev`, seen from outside.
          name: "edge",
          include: ["test/edge/**/*.test.ts"],
          pool: "forks",
          maxWorkers: 2,
          testTimeout: 120_000,
          hookTimeout: 60_000,
          sequence: { groupOrder: 5 },
        },
      },
      {
        // `npm run test:hosts`: machines of their own on this one, where that is allowed.
        test: {
          name: "hosts",
          include: ["test/hosts/**/*.test.ts"],
          pool: "forks",
          fileParallelism: false,
          maxWorkers: 1,
          testTimeout: 120_000,
          hookTimeout: 120_000,
          sequence: { groupOrder: 6 },
        },
      },
      {
        // `npm run test:package`: it packs, and installs from the registry.
        test: {
          name: "package",
          include: ["test/package/tarball/**/*.test.ts"],
          pool: "forks",
          fileParallelism: false,
          maxWorkers: 1,
          testTimeout: 180_000,
          hookTimeout: 300_000,
          sequence: { groupOrder: 3 },
        },
      },
    ],
  },
});
