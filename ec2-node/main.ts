import { runCommandLine } from "./cli/program.ts";
import { tuneGarbageCollection } from "./garbage-collection.ts";

tuneGarbageCollection();

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
