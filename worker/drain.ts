import type { BodyReader } from "../shared/http/host.ts";
import { streamHost } from "../shared/http/host.ts";

/** The platform itself takes nothing larger in most of its plans. */
const DRAIN_BYTES = 100 << 20;
/** Longer than that nobody waits for a body that he does not want. */
const DRAIN_WITHIN_MS = 2000;

/**
 * Reads and drops what is left of a request's body, up to a limit in time and size. A reply that comes before its
 * request has been sent is lost on the way, with the connection ("Network connection lost", seen with wrangler dev).
 */
export async function drain(request: Request): Promise<void> {
  if (request.body === null || request.bodyUsed) return;
  await drainReader(request.body.getReader());
}

/** Fetch's own objects, and whoever sends too much is heard out before he is told. */
export const drainingHost = streamHost(drainReader);

async function drainReader(reader: BodyReader): Promise<void> {
  const timer = setTimeout(() => void reader.cancel().catch(() => undefined), DRAIN_WITHIN_MS);
  try {
    for (let size = 0; size <= DRAIN_BYTES; ) {
      const { done, value } = await reader.read();
      if (done) return;
      size += value.byteLength;
    }
    await reader.cancel();
  } catch {
    // The client has gone away.
  } finally {
    clearTimeout(timer);
  }
}
