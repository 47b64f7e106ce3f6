import { bodyIncomplete, bodyTooLarge } from "./limits.ts";

/**
 * Where a runtime's own way is much cheaper than fetch's objects, or knows more. `webHost` is right everywhere; a
 * host that has a shorter path brings its own (docs/performance.md, "The way into a node").
 */
export interface HttpHost {
  /**
   * The whole body, at once where it is there. Fails with `body-too-large` as soon as more than `limitBytes` have come,
   * without keeping them; what is left of the body is the host's to discard. Called at most once per request.
   */
  readBody(request: Request, limitBytes: number): Uint8Array | Promise<Uint8Array>;
  respond(
    body: string | Uint8Array | ReadableStream<Uint8Array> | null,
    init: { status: number; headers: Record<string, string> },
  ): Response;
  /**
   * The request's path with its percent-encoding, before the URL class has resolved what looks like `.` and `..` in it:
   * in a key they are characters like others. undefined where that cannot be known.
   */
  sentPath?(request: Request): string | undefined;
  /**
   * The path of a request without a query of which the host knows that the URL class would change nothing in it;
   * undefined for any other.
   */
  plainPath?(request: Request): string | undefined;
}

/** What is left of a body that was refused, in the middle of it. */
export type BodyReader = ReadableStreamDefaultReader<Uint8Array>;

/** Fetch's own objects. `discard` gets what is left of a body that is too large; a refusal waits for it. */
export function streamHost(discard: (rest: BodyReader) => void | Promise<void>): HttpHost {
  return {
    readBody: (request, limitBytes) => readStream(request, limitBytes, discard),
    respond: (body, init) => new Response(body as BodyInit | null, init),
  };
}

/** A sender that never ends its body must not hold the reply back: nothing is awaited. */
export const webHost: HttpHost = streamHost((rest) => {
  rest.cancel().catch(() => undefined);
});

async function readStream(
  request: Request,
  limitBytes: number,
  discard: (rest: BodyReader) => void | Promise<void>,
): Promise<Uint8Array> {
  if (request.body === null) return new Uint8Array();
  const reader = request.body.getReader();
  const chunks: Uint8Array[] = [];
  let size = 0;
  for (;;) {
    const { done, value } = await reader.read().catch((cause: unknown) => {
      throw bodyIncomplete(cause);
    });
    if (done) break;
    size += value.byteLength;
    if (size > limitBytes) {
      await discard(reader);
      throw bodyTooLarge(limitBytes);
    }
    chunks.push(value);
  }
  return concatenate(chunks, size);
}

function concatenate(chunks: readonly Uint8Array[], size: number): Uint8Array {
  if (chunks.length === 1) return chunks[0]!;
  const whole = new Uint8Array(size);
  let offset = 0;
  for (const chunk of chunks) {
    whole.set(chunk, offset);
    offset += chunk.byteLength;
  }
  return whole;
}
