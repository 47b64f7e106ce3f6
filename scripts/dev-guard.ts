/**
 * Ends what `npm run dev` has started when that is killed and can do it no more (kill -9): wrangler and workerd would go
 * on, with the port and the state. Its argument is their process group; whoever started it holds the other end of its
 * standard input, and writes a line when there is nothing to end any more.
 */
const group = Number(process.argv[2]);
// What ends the others at the terminal is for dev.ts to handle.
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => undefined);
process.stdin.once("data", () => process.exit(0));
process.stdin.once("end", () => {
  try {
    process.kill(-group, "SIGKILL");
  } catch {
    // They have ended.
  }
});
process.stdin.once("error", () => process.exit(0));
