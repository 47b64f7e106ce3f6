import { convertV4MiniflareOptions, Log, LogLevel, Miniflare } from "miniflare";
import { until } from "../../process/support/until.ts";

/** A Worker as one module, and what is bound to it. */
export type WorkerOptions = Exclude<Parameters<typeof convertV4MiniflareOptions>[0], { workers: unknown }>;

/** A runtime that serves a Worker at `url`, with the state of its objects in `directory`. */
export async function startMiniflare(
  url: string,
  directory: string,
  worker: WorkerOptions,
): Promise<Miniflare> {
  const options = convertV4MiniflareOptions({
    ...worker,
    host: "127.0.0.1",
    port: Number(new URL(url).port),
    cf: false,
    log: new Log(LogLevel.NONE),
  });
  // The port of a runtime that was killed is not always free at once.
  return await until(`a runtime at ${url}`, async () => {
    const miniflare = new Miniflare({ ...options, resourcePersistencePath: directory });
    try {
      await miniflare.ready;
      return miniflare;
    } catch (error) {
      await miniflare.dispose().catch(() => undefined);
      throw error;
    }
  });
}
