import { runSeed } from "./run-seed.ts";

/** A process of the pool: seeds come in, results go out. It ends when its parent does. */
process.on("message", (seed: number) => {
  void runSeed(seed).then((result) => process.send?.(result));
});
process.on("disconnect", () => process.exit());
