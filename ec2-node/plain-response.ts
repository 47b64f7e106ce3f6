import { STATUS_CODES } from "node:http";
import { FastResponse } from "srvx/node";

type Body = string | Uint8Array | ReadableStream<Uint8Array> | null;

/** srvx's response, and beside it what it was made of: the fast lane needs nothing else. */
export class PlainResponse extends FastResponse {
  readonly content: Body;
  readonly code: number;
  readonly fields: Readonly<Record<string, string>>;

  constructor(content: Body, init: { readonly status: number; readonly headers: Record<string, string> }) {
    // curl -i shows the reason to people; fetch's own responses leave it empty.
    super(content as BodyInit | null, { ...init, statusText: STATUS_CODES[init.status] ?? "" });
    this.content = content;
    this.code = init.status;
    this.fields = init.headers;
  }
}
