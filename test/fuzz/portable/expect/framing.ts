import type { SentRequest } from "../request.ts";
import type { Fault } from "./expectation.ts";
import { headerOf } from "./query.ts";

/** How much of a request its receiver takes for it. Of what fetch sends it is always the whole. */
export type Framing =
  | { readonly type: "whole"; readonly request: SentRequest }
  /** More is announced than ever comes: there may be a refusal, and nothing else. */
  | { readonly type: "cut" }
  /** No HTTP. */
  | ({ readonly type: "malformed" } & Fault);

/** Methods that are none of HTTP's. */
const NO_METHOD = /[^A-Z]|^BREW$/;

/** node:http's limit on a request line and headers together, less what comes with every request. */
const MOST_HEAD_LENGTH = 16_000;

/** `isRaw`: bytes are sent as they are, and nothing in between has put them right. */
export function framingOf(request: SentRequest, isRaw: boolean): Framing {
  if (NO_METHOD.test(request.method)) return { type: "malformed", status: 400, code: "bad-http" };
  // Read byte by byte: the target comes before what follows it.
  if (isRaw && /[^!-~]/.test(request.target)) return { type: "malformed", status: 400, code: "bad-url" };
  if (isRaw && headLength(request) > MOST_HEAD_LENGTH) {
    return { type: "malformed", status: 431, code: "headers-too-large" };
  }
  const announced = headerOf(request, "content-length");
  if (announced === null) return { type: "whole", request };
  if (!/^[0-9]+$/.test(announced) || headerOf(request, "transfer-encoding") !== null) {
    return { type: "malformed", status: 400, code: "bad-http" };
  }
  const size = request.body?.length ?? 0;
  // Nobody waits for a body that means nothing.
  const isRead = request.method === "PUT" || request.method === "POST";
  if (Number(announced) > size) return isRead ? { type: "cut" } : { type: "whole", request };
  return {
    type: "whole",
    request: { ...request, body: request.body?.subarray(0, Number(announced)) ?? null },
  };
}

function headLength({ target, headers }: SentRequest): number {
  return headers.reduce((sum, [name, value]) => sum + name.length + value.length + 4, target.length);
}
