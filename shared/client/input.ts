import { badInput } from "./errors.ts";
import { isCount } from "./json.ts";
import { LONGEST_TIMER_MS } from "./limit.ts";

/** What can be known to be wrong before anything is sent. All functions throw ClientError, outcome `none`. */

/** A node's limits (docs/client.md): longer is refused with 413. */
const LONGEST_KEY_BYTES = 512;
const LARGEST_BODY_BYTES = 1_048_576;

const encoder = new TextEncoder();

function utf8(text: string): Uint8Array<ArrayBuffer> {
  return encoder.encode(text);
}

export function checkKey(key: unknown): asserts key is string {
  checkPath(key, "key");
  if (key === "") throw badInput("bad-key", "the key is empty");
}

/** A prefix is a key that may be empty. */
export function checkPrefix(prefix: unknown): asserts prefix is string {
  checkPath(prefix, "prefix");
}

function checkPath(text: unknown, what: string): asserts text is string {
  checkText(text, what);
  if (utf8(text).length > LONGEST_KEY_BYTES) {
    throw badInput("key-too-large", `the ${what} is longer than ${LONGEST_KEY_BYTES} bytes`, 413);
  }
  // Not even percent-encoded: the URL standard reads %2e%2e as a way up.
  if (text === "." || text === "..") throw badInput("bad-key", `no URL can carry the ${what} "${text}"`);
}

export function checkText(text: unknown, what: string): asserts text is string {
  if (typeof text !== "string") throw badInput("bad-key", `the ${what} is ${kindOf(text)}, not a string`);
  if (!text.isWellFormed()) throw badInput("bad-key", `the ${what} holds half a surrogate pair`);
}

export function checkValue(value: unknown): asserts value is string | Uint8Array {
  if (typeof value === "string") {
    if (!value.isWellFormed()) throw badInput("bad-value", "the value holds half a surrogate pair");
  } else if (!(value instanceof Uint8Array)) {
    throw badInput("bad-value", `the value is ${kindOf(value)}, neither a string nor a Uint8Array`);
  }
}

export function checkBody(body: string | Uint8Array): void {
  const size = typeof body === "string" ? utf8(body).length : body.length;
  if (size > LARGEST_BODY_BYTES) {
    throw badInput("body-too-large", `the request is ${size} bytes, more than ${LARGEST_BODY_BYTES}`, 413);
  }
}

/** `cas`, `flags`, `from`: a whole number from 0 to 2^53-1, where given. */
export function checkCount(name: string, value: unknown): asserts value is number | undefined {
  if (value === undefined || isCount(value)) return;
  throw badInput(`bad-${name}`, `${name} is ${shown(value)}, not a whole number from 0 to 2^53-1`);
}

/** Milliseconds, where given. */
export function checkMs(
  name: string,
  value: unknown,
  mostMs = LONGEST_TIMER_MS,
): asserts value is number | undefined {
  if (value === undefined) return;
  if (typeof value === "number" && value >= 1 && value <= mostMs) return;
  throw badInput(
    "bad-timeout",
    `${name} is ${shown(value)}, not a number of milliseconds from 1 to ${mostMs}`,
  );
}

export function checkFetch(fetch: unknown): void {
  if (fetch === undefined || typeof fetch === "function") return;
  throw badInput("bad-fetch", `fetch is ${kindOf(fetch)}, not a function`);
}

/**
 * Base URLs of nodes, without the slash at the end and each but once. A path prefix stays: it is what tells the
 * Durable Objects behind one Worker apart.
 */
export function nodeUrls(nodes: unknown): string[] {
  if (!Array.isArray(nodes) || nodes.length === 0) {
    throw badInput("bad-nodes", "nodes must list at least one URL, e.g. http://127.0.0.1:8000");
  }
  return [...new Set(nodes.map(nodeUrl))];
}

function nodeUrl(text: unknown): string {
  const example = "write e.g. http://127.0.0.1:8000";
  if (typeof text !== "string" || !URL.canParse(text)) {
    throw badInput("bad-nodes", `the node ${shown(text)} is not a URL; ${example}`);
  }
  const { protocol, username, password, search, hash, origin, pathname } = new URL(text);
  const wrong =
    protocol !== "http:" && protocol !== "https:"
      ? `has the scheme ${protocol}//, which is neither http nor https`
      : username !== "" || password !== ""
        ? "holds a user name; give a token by the option token"
        : search !== "" || hash !== ""
          ? "has a ? or a #, which no base URL has"
          : null;
  if (wrong !== null) throw badInput("bad-nodes", `the node at ${shown(origin)} ${wrong}; ${example}`);
  return origin + pathname.replace(/\/+$/, "");
}

export function checkToken(token: unknown): asserts token is string | undefined {
  if (token === undefined) return;
  if (typeof token !== "string" || !/^[\x21-\x7e]+$/.test(token)) {
    throw badInput("bad-token", "the token is empty or holds something else than visible ASCII characters");
  }
}

/** For messages: what it is, cut to a readable length. */
function shown(value: unknown): string {
  const text = typeof value === "string" ? JSON.stringify(value) : String(value);
  return text.length > 80 ? `${text.slice(0, 80)}…` : text;
}

function kindOf(value: unknown): string {
  return value === null ? "null" : Array.isArray(value) ? "an array" : `of type ${typeof value}`;
}
