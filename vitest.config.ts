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
    projects: [
      {
        resolve,
        test: {
          name: "unit",
          include: ["test/**/*.test.ts"],
          exclude: ["test/process/**", "test/package/tarball/**"],
          pool: "forks",
          testTimeout: 30_000,
          hookTimeout: 60_000,
          maxWorkers: "100%",
          // Not 0: files of group 0 are put behind every other group where there is one worker.
          sequence: { groupOrder: 1 },
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
