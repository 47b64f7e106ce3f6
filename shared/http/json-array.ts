import type { Pacer } from "./pacer.ts";

/** A piece is about this long, in characters: what is on its way stays small, however long the whole gets. */
const PIECE_LENGTH = 128 * 1024;
const PIECE_STEPS = 256;

const encoder = new TextEncoder();

/** The next item, as JSON; null where a step has brought none. The first step brings one. */
export type JsonItems = Iterator<string | null, void>;

/**
 * The text of a JSON array as a reply's body: whole when it is short, a stream of pieces otherwise, made as they are
 * sent; null when there are no items. To be called in a turn of `pacer`, which it ends.
 */
export function jsonArrayBody(items: JsonItems, pacer: Pacer): string | ReadableStream<Uint8Array> | null {
  const pieces = new Pieces(items);
  let first: string;
  try {
    first = pieces.take();
  } finally {
    pacer.done(pieces.steps);
  }
  if (!pieces.isOver) return streamOf(first, pieces, pacer);
  return first === "[]" ? null : first;
}

class Pieces {
  /** Steps that the last piece took. */
  steps = 0;
  isOver = false;
  readonly #items: JsonItems;
  /** What goes before the next item. */
  #before = "[";

  constructor(items: JsonItems) {
    this.#items = items;
  }

  /** May be empty; the last one ends the array. */
  take(): string {
    let text = "";
    for (this.steps = 0; this.steps < PIECE_STEPS && text.length < PIECE_LENGTH; this.steps++) {
      const { value, done } = this.#items.next();
      if (done) {
        this.isOver = true;
        return this.#before === "[" ? "[]" : `${text}]`;
      }
      if (value === null) continue;
      text += this.#before + value;
      this.#before = ",";
    }
    return text;
  }

  giveUp(): void {
    this.#items.return?.();
  }
}

function streamOf(first: string, pieces: Pieces, pacer: Pacer): ReadableStream<Uint8Array> {
  let text = first;
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        // A stream that is given nothing does not ask again.
        while (text === "") {
          await pacer.turn();
          try {
            text = pieces.take();
          } finally {
            pacer.done(pieces.steps);
          }
        }
        controller.enqueue(encoder.encode(text));
        text = "";
        if (pieces.isOver) controller.close();
      },
      cancel() {
        pieces.giveUp();
      },
    },
    // Nothing is made before somebody takes it.
    { highWaterMark: 0 },
  );
}
