import { RaftLiteError } from "../errors.ts";
import { quote } from "../store/quote.ts";
import type { HttpContext } from "./context.ts";
import { jsonArrayBody } from "./json-array.ts";
import type { ReadForm } from "./kv-parameters.ts";
import { kvProblem, kvReply, rowText } from "./kv-reply.ts";
import type { Pacer } from "./pacer.ts";
import { jsonText } from "./reply.ts";

export type ListForm = Extract<ReadForm, { type: "rows" | "keys" }>;

/** Sending what is there already is work, too. */
const STEPS_PER_KNOWN_BODY = 8;

/** Replies with all rows or all keys that begin with a prefix. */
export class KvLists {
  readonly #context: HttpContext;
  readonly #pacer: Pacer;
  /** A change wakes everybody who waits under a prefix, and all of them ask for the same. */
  #newest: { readonly index: number; readonly what: string; readonly body: string } | null = null;

  constructor(context: HttpContext, pacer: Pacer) {
    this.#context = context;
    this.#pacer = pacer;
  }

  async reply(prefix: string, form: ListForm): Promise<Response> {
    await this.#pacer.turn();
    // From here to the reply's headers nobody else runs: list and index are of one moment.
    const body = this.#body(prefix, form);
    if (body !== null) return kvReply(this.#context, body);
    // As in Consul the empty prefix always has a list of keys.
    if (form.type === "keys" && prefix === "") return kvReply(this.#context, "[]");
    const message = prefix === "" ? "there are no keys" : `no key begins with ${quote(prefix)}`;
    return kvProblem(this.#context, new RaftLiteError("key-not-found", message, { status: 404 }));
  }

  #body(prefix: string, form: ListForm): string | ReadableStream<Uint8Array> | null {
    const { store } = this.#context;
    const what = JSON.stringify([prefix, form]);
    // What the store holds follows from the index of its last change.
    if (this.#newest?.index === store.lastChange && this.#newest.what === what) {
      this.#pacer.done(STEPS_PER_KNOWN_BODY);
      return this.#newest.body;
    }
    const items =
      form.type === "rows" ? rows(this.#context, prefix) : keys(this.#context, prefix, form.separator);
    const body = jsonArrayBody(items, this.#pacer);
    if (typeof body === "string") this.#newest = { index: store.lastChange, what, body };
    return body;
  }
}

function* rows({ store }: HttpContext, prefix: string): Generator<string, void> {
  for (const row of store.scan(prefix)) yield rowText(row);
}

/** Each key up to and including the first separator after the prefix, and each of these once. */
function* keys({ store }: HttpContext, prefix: string, separator: string): Generator<string | null, void> {
  let last: string | null = null;
  for (const key of store.scanKeys(prefix)) {
    const at = separator === "" ? -1 : key.indexOf(separator, prefix.length);
    const part = at < 0 ? key : key.slice(0, at + separator.length);
    // Keys that are cut alike stand side by side.
    yield part === last ? null : jsonText(part);
    last = part;
  }
}
