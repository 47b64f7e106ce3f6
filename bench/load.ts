import type { ChildProcess } from "node:child_process";
import { fork } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import type { FromLoad, Job, LoadResult } from "./load-child.ts";

/** Runs one job of the load generator. `onMeasuring` is called when its warm-up is over. */
export async function load(job: Job, onMeasuring: () => void): Promise<LoadResult> {
  const child: ChildProcess = fork(join(import.meta.dirname, "load-child.ts"));
  try {
    child.send(job);
    for (;;) {
      const [message] = (await Promise.race([once(child, "message"), died(child)])) as [FromLoad];
      if (message.type === "done") return message.result;
      onMeasuring();
    }
  } finally {
    child.kill("SIGKILL");
  }
}

async function died(child: ChildProcess): Promise<never> {
  const [code] = await once(child, "exit");
  throw new Error(`the load generator ended with code ${code}`);
}
