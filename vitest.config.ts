import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: "unit",
          include: ["test/**/*.test.ts"],
          exclude: ["test/process/**"],
          pool: "forks",
          testTimeout: 30_000,
          hookTimeout: 60_000,
          maxWorkers: "100%",
          // Not 0: files of group 0 are put behind every other group where there is one worker.
          sequence: { groupOrder: 1 },
        },
      },
      {
        test: {
          name: "process",
          include: ["test/process/**/*.test.ts"],
          pool: "forks",
          // Real clusters elect by real clocks: they run alone, after everything that would take the processor away.
          fileParallelism: false,
          maxWorkers: 1,
          testTimeout: 120_000,
          hookTimeout: 60_000,
          sequence: { groupOrder: 2 },
        },
      },
    ],
  },
});
