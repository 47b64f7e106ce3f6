import { setFlagsFromString } from "node:v8";
import { runCommandLine } from "./cli/program.ts";

// What a node makes for a command lives for a few milliseconds. V8 would give that up to 128 MiB, for as good as nothing:
// at its first size the collector costs within a few percent of the same (docs/performance.md).
setFlagsFromString("--semi-space-growth-factor=1");

/** Pipes are written to asynchronously: what was said last must get out before the end, but not at any price. */
const FLUSH_WITHIN_MS = 500;

const code = await runCommandLine(process.argv.slice(2));
await Promise.race([
  Promise.all([drained(process.stdout), drained(process.stderr)]),
  new Promise((resolve) => setTimeout(resolve, FLUSH_WITHIN_MS)),
]);
// Whatever still holds the event loop, a connection or a timer, has nothing more to do.
process.exit(code);

function drained(stream: NodeJS.WriteStream): Promise<void> {
  if (stream.destroyed || stream.writableLength === 0) return Promise.resolve();
  return new Promise((resolve) => {
    stream.once("error", () => resolve());
    stream.write("", () => resolve());
  });
}
