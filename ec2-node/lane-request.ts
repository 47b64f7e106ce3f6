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
export class KnownHeaders {
  text = "";
  /** null for what the lane does not take. */
  headers: LaneHeaders | null = null;
  /** With the empty line behind them; only of headers that have come twice in a row. */
  bytes: Buffer | null = null;
}

const OTHER: LaneHead = { type: "other" };

/** Longer heads are rare enough. */
const MOST_HEAD_BYTES = 4096;
const MOST_BODY_BYTES = 1_048_576;

/**
 * A dot at the beginning of a segment may lead elsewhere (`..`, `%2e%2e`), and some characters mean one thing to URLs
 * and another to clients; parameters that make a request wait, or its reply long, come from elsewhere too.
 */
const CHARACTER = '[!"$-.0-;=@-[\\]-~]';
const REQUEST_LINE = requestLine();
const HEADER = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):([\t -~]*)$/;
const HOST = /^(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::(\d{1,5}))?$/;
const LENGTH = /^\d{1,7}$/;

function requestLine(): RegExp {
  const segmentStart = "(?!\\.|%2[eE])";
  const key = `/${segmentStart}(?:${CHARACTER}|/${segmentStart})*`;
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
  /** In bytes; null where none is given. */
  readonly contentLength: number | null;

  constructor(values: ReadonlyMap<string, string>) {
    this.#values = values;
    const length = values.get("content-length");
    this.contentLength = length === undefined ? null : Number(length);
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
  return readKnown(bytes, known) ?? readAny(bytes, known);
}

function readAny(bytes: Buffer, known: KnownHeaders): LaneHead {
  const end = bytes.indexOf("\r\n\r\n");
  if (end < 0 || end > MOST_HEAD_BYTES) return OTHER;
  const text = bytes.toString("latin1", 0, end + 2);
  const line = REQUEST_LINE.exec(text);
  if (line === null) return OTHER;
  const [{ length }, method = "", target = ""] = line;
  const headers = readHeaders(text.slice(length), known);
  return headers === null ? OTHER : headOf(method, target, headers, end);
}

/** `end` is where the last header ends. */
function headOf(method: string, target: string, headers: LaneHeaders, end: number): LaneHead {
  const { contentLength } = headers;
  const carries = method === "PUT" || method === "POST";
  // A body where none belongs, or none announced where one does: node:http knows what to make of it.
  if (carries !== (contentLength !== null)) return OTHER;
  const bodyBytes = contentLength ?? 0;
  if (bodyBytes > MOST_BODY_BYTES) return OTHER;
  return { type: "request", request: new LaneRequest(method, target, headers), bodyAt: end + 4, bodyBytes };
}

/** A method and the beginning of the target. */
const PLAIN_STARTS = ["GET", "PUT", "POST", "DELETE"].map((method) => ({
  method,
  bytes: Buffer.from(`${method} /v1/kv`),
}));
const LINE_END = Buffer.from(" HTTP/1.1\r\n");
const SLASH = 0x2f;
const DOT = 0x2e;
const PERCENT = 0x25;

/** 1 for what may stand in a segment, for every byte. */
const IN_SEGMENT = Uint8Array.from({ length: 256 }, (_, byte) =>
  new RegExp(CHARACTER).test(String.fromCharCode(byte)) ? 1 : 0,
);

/**
 * What readAny would find, in half the time: makes text of the target alone. null for whatever has parameters, or
 * headers that are not byte for byte the known ones; those end with the only empty line.
 */
function readKnown(bytes: Buffer, known: KnownHeaders): LaneHead | null {
  if (known.bytes === null || known.headers === null) return null;
  const start = PLAIN_STARTS.find((one) => holdsAt(bytes, 0, one.bytes));
  if (start === undefined) return null;
  // From here on as REQUEST_LINE; beyond the end every byte is undefined, which no comparison takes.
  let at = start.bytes.length;
  while (bytes[at] === SLASH) {
    at++;
    if (bytes[at] === DOT || bytes[at] === PERCENT) return null;
    while (IN_SEGMENT[bytes[at]!] === 1) at++;
  }
  const headersAt = at + LINE_END.length;
  const end = headersAt + known.bytes.length - 4;
  if (end > MOST_HEAD_BYTES || end + 4 > bytes.length || !holdsAt(bytes, at, LINE_END)) return null;
  if (bytes.compare(known.bytes, 0, known.bytes.length, headersAt, end + 4) !== 0) return null;
  const target = bytes.toString("latin1", start.method.length + 1, at);
  return headOf(start.method, target, known.headers, end);
}

function holdsAt(bytes: Uint8Array, at: number, part: Uint8Array): boolean {
  for (let i = 0; i < part.length; i++) if (bytes[at + i] !== part[i]) return false;
  return true;
}

/** null for what the lane does not take. Every line ends in CRLF. */
function readHeaders(text: string, known: KnownHeaders): LaneHeaders | null {
  if (text !== known.text) {
    known.text = text;
    known.headers = parseHeaders(text);
    known.bytes = null;
  } else known.bytes ??= ownBytes(`${text}\r\n`);
  return known.headers;
}

/** In memory of their own: what lies in memory that small buffers share would keep all of that, 64 KiB, for as long. */
function ownBytes(text: string): Buffer {
  const bytes = Buffer.allocUnsafeSlow(text.length);
  bytes.write(text, "latin1");
  return bytes;
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
