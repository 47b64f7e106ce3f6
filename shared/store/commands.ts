import { RaftLiteError } from "../errors.ts";
import { checkKeySize } from "./keys.ts";
import { quote } from "./quote.ts";

/** Where some text lies within the UTF-8 of the command it is part of. */
export interface ByteRange {
  readonly offset: number;
  readonly length: number;
}

/** A text command, taken apart. Ranges count bytes of `text`, which is the command without the space around it. */
export type Command = { readonly text: string; readonly key: string } & (
  | { readonly verb: "SET"; readonly value: ByteRange }
  | { readonly verb: "GET" | "DEL" }
  | { readonly verb: "CAS"; readonly expected: ByteRange; readonly value: ByteRange }
);

const VERBS = "the verbs are SET k=v, GET k, DEL k and CAS k old new";
const encoder = new TextEncoder();

/**
 * Reads a command as the log holds it (schema TEXT_SCHEMA):
 *
 *     SET k=v         splits at the first `=`; the space around it and around the value is dropped; `SET k=` is empty
 *     GET k
 *     DEL k
 *     CAS k old new   exactly three words
 *
 * Verbs are read in any letter case. A value holds any text, control characters and line breaks included; a key
 * holds neither space nor control characters. "Space" is what JavaScript's `trim` removes, by a table of our own:
 * every replica must read a text alike, whatever Unicode its engine knows.
 *
 * Throws RaftLiteError `bad-command` 400, `unknown-verb` 400, `key-too-large` 413. Pure, so that it can refuse at
 * the edge and again, alike on all nodes, where the log is applied. To loosen or tighten it takes a new schema.
 */
export function parseCommand(input: string): Command {
  const text = trim(input);
  if (text === "") throw badCommand("the command is empty");
  if (!text.isWellFormed()) throw badCommand("the command is not well-formed Unicode");
  const verbEnd = endOfWord(text, 0);
  const verb = text.slice(0, verbEnd);
  switch (verb.length === 3 && isAscii(verb) ? verb.toUpperCase() : verb) {
    case "SET":
      return parseSet(text, verbEnd);
    case "GET":
      return { verb: "GET", text, key: onlyKey("GET", text, verbEnd) };
    case "DEL":
      return { verb: "DEL", text, key: onlyKey("DEL", text, verbEnd) };
    case "CAS":
      return parseCas(text, verbEnd);
    default: {
      const message = `unknown verb ${quote(verb)}: ${VERBS}; for example: SET x=5`;
      throw new RaftLiteError("unknown-verb", message, { status: 400 });
    }
  }
}

/**
 * Takes a command in from outside: parses it and gives the bytes to append. One rule more than in the log: a command
 * is one line. Two commands pasted into one body would otherwise become one surprising value; whoever means a line
 * break in a value sends it to /v1/kv, where bytes are exact. Throws as `parseCommand` does.
 */
export function acceptCommand(input: string): { readonly command: Command; readonly bytes: Uint8Array } {
  const command = parseCommand(input);
  if (/[\n\r]/.test(command.text)) {
    throw badCommand("a command is one line; PUT /v1/kv/KEY takes a value with line breaks");
  }
  return { command, bytes: encoder.encode(command.text) };
}

function parseSet(text: string, verbEnd: number): Command {
  const keyStart = skipSpace(text, verbEnd);
  const equals = text.indexOf("=", keyStart);
  if (equals < 0) throw badCommand("SET needs a key, an = and a value");
  const key = checkKey("SET", trim(text.slice(keyStart, equals)));
  return { verb: "SET", text, key, value: byteRange(text, skipSpace(text, equals + 1), text.length) };
}

function onlyKey(verb: "GET" | "DEL", text: string, verbEnd: number): string {
  const start = skipSpace(text, verbEnd);
  const end = endOfWord(text, start);
  if (start === end || end !== text.length) throw badCommand(`${verb} takes one word, the key`);
  return checkKey(verb, text.slice(start, end));
}

function parseCas(text: string, verbEnd: number): Command {
  const ends: number[] = [];
  const starts: number[] = [];
  for (let at = skipSpace(text, verbEnd); at < text.length; at = skipSpace(text, ends.at(-1)!)) {
    starts.push(at);
    ends.push(endOfWord(text, at));
    if (ends.length > 3) break;
  }
  if (ends.length !== 3) throw badCommand("CAS takes three words: the key, the old value and the new one");
  return {
    verb: "CAS",
    text,
    key: checkKey("CAS", text.slice(starts[0], ends[0])),
    expected: byteRange(text, starts[1]!, ends[1]!),
    value: byteRange(text, starts[2]!, ends[2]!),
  };
}

function checkKey(verb: string, key: string): string {
  if (key === "") throw badCommand(`${verb} needs a key`);
  for (let at = 0; at < key.length; at++) {
    const unit = key.charCodeAt(at);
    if (isSpace(unit)) throw badCommand(`the key ${quote(key)} holds a space`);
    if (isControl(unit)) throw badCommand(`the key ${quote(key)} holds a control character`);
  }
  checkKeySize(key);
  return key;
}

function badCommand(what: string): RaftLiteError {
  return new RaftLiteError("bad-command", `${what}: ${VERBS}; for example: SET x=5`, { status: 400 });
}

function trim(text: string): string {
  let end = text.length;
  while (end > 0 && isSpace(text.charCodeAt(end - 1))) end--;
  const start = skipSpace(text, 0);
  return start < end ? text.slice(start, end) : "";
}

function skipSpace(text: string, from: number): number {
  let at = from;
  while (at < text.length && isSpace(text.charCodeAt(at))) at++;
  return at;
}

function endOfWord(text: string, from: number): number {
  let at = from;
  while (at < text.length && !isSpace(text.charCodeAt(at))) at++;
  return at;
}

function byteRange(text: string, start: number, end: number): ByteRange {
  return { offset: utf8Length(text, 0, start), length: utf8Length(text, start, end) };
}

/** Bytes of the UTF-8 of well-formed text between two positions that split no surrogate pair. */
function utf8Length(text: string, start: number, end: number): number {
  let length = end - start;
  for (let at = start; at < end; at++) {
    const unit = text.charCodeAt(at);
    if (unit < 0x80) continue;
    // A surrogate pair is two units and four bytes: two for each half.
    length += unit < 0x800 || (unit >= 0xd800 && unit <= 0xdfff) ? 1 : 2;
  }
  return length;
}

/** ECMAScript's WhiteSpace and LineTerminator. */
function isSpace(unit: number): boolean {
  if (unit < 0x80) return unit === 0x20 || (unit >= 0x09 && unit <= 0x0d);
  return (
    unit === 0xa0 ||
    unit === 0x1680 ||
    (unit >= 0x2000 && unit <= 0x200a) ||
    unit === 0x2028 ||
    unit === 0x2029 ||
    unit === 0x202f ||
    unit === 0x205f ||
    unit === 0x3000 ||
    unit === 0xfeff
  );
}

function isControl(unit: number): boolean {
  return unit < 0x20 || (unit >= 0x7f && unit <= 0x9f);
}

/** Some letters outside ASCII have an upper case inside it: the long s is no S here. */
function isAscii(text: string): boolean {
  for (let at = 0; at < text.length; at++) if (text.charCodeAt(at) > 0x7f) return false;
  return true;
}
