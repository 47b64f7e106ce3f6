import { once } from "node:events";
import { createServer } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { RaftLiteError } from "../../shared/errors.ts";

/** Nodes whose `start` was just killed stop by themselves within two seconds; until then they hold their ports. */
const WAIT_MS = 2200;
const RETRY_MS = 100;

/** Resolves when all `ports` of `host` are free. Throws `port-in-use`, in one line, when one stays taken. */
export async function awaitFreePorts(host: string, ports: readonly number[]): Promise<void> {
  const deadline = performance.now() + WAIT_MS;
  for (const port of ports) {
    while (!(await isFree(host, port))) {
      if (performance.now() > deadline) {
        throw new RaftLiteError(
          "port-in-use",
          `port ${port} is in use: stop what listens there, or choose another first port with --port`,
        );
      }
      await sleep(RETRY_MS);
    }
  }
}

/** Other failures than a taken port count as free: the node itself then says what is wrong. */
async function isFree(host: string, port: number): Promise<boolean> {
  const server = createServer();
  try {
    server.listen({ host, port, exclusive: true });
    await once(server, "listening");
    server.close();
    await once(server, "close");
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== "EADDRINUSE";
  }
}
