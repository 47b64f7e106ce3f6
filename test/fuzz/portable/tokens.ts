import type { FuzzBody, FuzzRequest, SentRequest } from "./request.ts";

/**
 * What a request can only say once it is known how things stand: `{{index}}` and the like, filled in when it is sent.
 * So requests stay plain data that can be made beforehand, shrunk and printed.
 */
export interface Known {
  /** X-Consul-Index of a read now. */
  readonly index: number;
  readonly term: number;
  readonly clusterId: string;
  readonly leader: string;
  readonly lastIndex: number;
  /** Id of the node that the request goes to, and of the others. */
  readonly self: string;
  readonly others: readonly string[];
  storeOf(id: string): string;
  /** 0 for an absent key. */
  modifyIndexOf(key: string): number;
}

const TOKEN = /\{\{([^{}]*)\}\}/g;
const WHOLE = /^\{\{([^{}]*)\}\}$/;

const encoder = new TextEncoder();

export function fill(request: FuzzRequest, known: Known): SentRequest {
  const { method, target, headers, body } = request;
  return {
    method,
    target: fillText(target, known),
    headers: headers.map(([name, value]) => [name, fillText(value, known)] as const),
    body: bodyBytes(body, known),
  };
}

function bodyBytes(body: FuzzBody, known: Known): Uint8Array | null {
  if (body === null) return null;
  if ("bytes" in body) return body.bytes;
  if ("length" in body) return new Uint8Array(body.length).fill(0x78);
  return encoder.encode("text" in body ? body.text : JSON.stringify(fillJson(body.json, known)));
}

function fillJson(value: unknown, known: Known): unknown {
  if (typeof value === "string") {
    const whole = WHOLE.exec(value)?.[1];
    return whole === undefined ? fillText(value, known) : meaning(whole, known);
  }
  if (Array.isArray(value)) return value.map((item) => fillJson(item, known));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, fillJson(item, known)]));
}

function fillText(text: string, known: Known): string {
  return text.replace(TOKEN, (_whole, name: string) => String(meaning(name, known)));
}

function meaning(name: string, known: Known): string | number {
  const [what = "", detail = ""] = name.split(/:(.*)/s);
  const offset = /^(index|term|lastIndex)([+-]\d+)?$/.exec(what);
  if (offset !== null) {
    const base = known[offset[1] as "index" | "term" | "lastIndex"];
    return Math.max(0, base + Number(offset[2] ?? 0));
  }
  switch (what) {
    case "modify":
      return known.modifyIndexOf(detail);
    case "cluster":
      return known.clusterId;
    case "leader":
      return known.leader;
    case "self":
      return known.self;
    case "other":
      return known.others[Number(detail) % Math.max(1, known.others.length)] ?? "nobody";
    case "store":
      return known.storeOf(detail === "other" ? (known.others[0] ?? "nobody") : known.self);
    default:
      throw new Error(`no token {{${name}}}`);
  }
}
