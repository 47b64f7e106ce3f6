/**
 * Requests that are read without node:http: whole, short, and of the plainest form that clients of the key-value routes
 * send. What is not exactly so is no concern of this file: it is left to node:http, unread.
 */

/** A request line and its headers, read from the beginning of what a connection has brought. */
export type LaneHead =
  | {
      readonly type: "request";
      readonly request: LaneRequest;
      readonly bodyAt: number;
      readonly bodyBytes: number;
    }
  /** Anything else, good or bad. */
  | { readonly type: "other" };

/** Headers that have been read before on the same connection: most clients send the same ones with every request. */
export interface KnownHeaders {
  text: string;
  headers: LaneHeaders | null;
}

const OTHER: LaneHead = { type: "other" };

/** Longer heads are rare enough. */
const MOST_HEAD_BYTES = 4096;
const MOST_BODY_BYTES = 1_048_576;

/**
 * A dot at the beginning of a segment may lead elsewhere (`..`, `%2e%2e`), and some characters mean one thing to URLs
 * and another to clients; parameters that make a request wait, or its reply long, come from elsewhere too.
 */
const REQUEST_LINE = requestLine();
const HEADER = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):([\t -~]*)$/;
const HOST = /^(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::(\d{1,5}))?$/;
const LENGTH = /^\d{1,7}$/;

function requestLine(): RegExp {
  const segmentStart = "(?!\\.|%2[eE])";
  const character = '[!"$-.0-;=@-[\\]-~]';
  const key = `/${segmentStart}(?:${character}|/${segmentStart})*`;
  const parameter = "(?:raw|stale|consistent|timeout=\\w{1,12}|cas=\\d{1,16}|flags=\\d{1,16})";
  const target = `/(?:command|v1/kv(?:${key})?)(?:\\?${parameter}(?:&${parameter})*)?`;
  return new RegExp(`^(GET|PUT|POST|DELETE) (${target}) HTTP/1\\.1\\r\\n`);
}

/** Each of these may change how a request is to be read. */
const UNUSUAL = new Set(["transfer-encoding", "expect", "upgrade", "trailer", "te", "proxy-connection"]);
/** What is given twice could be read in two ways. */
const SINGLE = new Set(["host", "content-length", "connection", "authorization", "raft-forward"]);

/** The part of fetch's `Headers` that routes use. */
export class LaneHeaders {
  readonly #values: ReadonlyMap<string, string>;

  constructor(values: ReadonlyMap<string, string>) {
    this.#values = values;
  }

  get(name: string): string | null {
    return this.#values.get(name.toLowerCase()) ?? null;
  }
}

/** The part of fetch's `Request` that the routes of the lane use. */
export class LaneRequest {
  readonly method: string;
  /** Path and query as they were sent. */
  readonly target: string;
  readonly headers: LaneHeaders;
  /** Set when all of it has come. */
  body: Uint8Array = NO_BODY;

  constructor(method: string, target: string, headers: LaneHeaders) {
    this.method = method;
    this.target = target;
    this.headers = headers;
  }

  /** The target where it is all path; REQUEST_LINE lets nothing through that a URL would resolve. */
  get plainPath(): string | undefined {
    return this.target.includes("?") ? undefined : this.target;
  }

  get url(): string {
    return `http://${this.headers.get("host")}${this.target}`;
  }
}

const NO_BODY = new Uint8Array(0);

/** `known` is kept by the caller, one for each connection. */
export function readHead(bytes: Buffer, known: KnownHeaders): LaneHead {
  const end = bytes.indexOf("\r\n\r\n");
  if (end < 0 || end > MOST_HEAD_BYTES) return OTHER;
  const text = bytes.toString("latin1", 0, end + 2);
  const line = REQUEST_LINE.exec(text);
  if (line === null) return OTHER;
  const [{ length }, method = "", target = ""] = line;
  const headers = readHeaders(text.slice(length), known);
  if (headers === null) return OTHER;
  const announced = headers.get("content-length");
  const carries = method === "PUT" || method === "POST";
  // A body where none belongs, or none announced where one does: node:http knows what to make of it.
  if (carries !== (announced !== null)) return OTHER;
  const bodyBytes = Number(announced ?? 0);
  if (bodyBytes > MOST_BODY_BYTES) return OTHER;
  return { type: "request", request: new LaneRequest(method, target, headers), bodyAt: end + 4, bodyBytes };
}

/** null for what the lane does not take. Every line ends in CRLF. */
function readHeaders(text: string, known: KnownHeaders): LaneHeaders | null {
  if (text !== known.text) {
    known.text = text;
    known.headers = parseHeaders(text);
  }
  return known.headers;
}

function parseHeaders(text: string): LaneHeaders | null {
  const values = new Map<string, string>();
  for (const line of text.split("\r\n").slice(0, -1)) {
    const [, name, value] = HEADER.exec(line) ?? [];
    if (name === undefined || value === undefined) return null;
    const lower = name.toLowerCase();
    if (UNUSUAL.has(lower) || (SINGLE.has(lower) && values.has(lower))) return null;
    // Of what HEADER lets through that is exactly the blanks of RFC 9110, 5.5; the pattern itself would try them all.
    values.set(lower, value.trim());
  }
  const connection = values.get("connection")?.toLowerCase() ?? "keep-alive";
  const length = values.get("content-length") ?? "0";
  if (connection !== "keep-alive" || !LENGTH.test(length) || !isHost(values.get("host"))) return null;
  return new LaneHeaders(values);
}

function isHost(host: string | undefined): boolean {
  const found = HOST.exec(host ?? "");
  return found !== null && Number(found[1] ?? 0) <= 65_535;
}
