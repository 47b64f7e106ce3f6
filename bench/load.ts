import type { ChildProcess } from "node:child_process";
import { fork } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import type { FromLoad, Job, LoadResult } from "./load-child.ts";

/** A load generator that has nothing to do: a new one for each job would spend its first second being compiled. */
let idle: ChildProcess | null = null;

/** Runs one job of the load generator. `onMeasuring` is called when its warm-up is over. */
export async function load(job: Job, onMeasuring: () => void): Promise<LoadResult> {
  const child = idle ?? fork(join(import.meta.dirname, "load-child.ts"));
  idle = null;
  child.ref();
  child.channel?.ref();
  const over = new AbortController();
  try {
    const dies = died(child, over.signal);
    child.send(job);
    for (;;) {
      const [message] = (await Promise.race([once(child, "message", { signal: over.signal }), dies])) as [
        FromLoad,
      ];
      if (message.type === "done") {
        keep(child);
        return message.result;
      }
      onMeasuring();
    }
  } catch (error) {
    child.kill("SIGKILL");
    throw error;
  } finally {
    over.abort();
  }
}

/** For the next job. Nobody waits for it to end: it does so with this process, whose channel closes. */
function keep(child: ChildProcess): void {
  idle?.kill("SIGKILL");
  idle = child;
  child.unref();
  child.channel?.unref();
}

async function died(child: ChildProcess, signal: AbortSignal): Promise<never> {
  const [code] = await once(child, "exit", { signal });
  throw new Error(`the load generator ended with code ${code}`);
}
