/**
 * JSON read from its bytes, as far as it is of the plain form: names that are expected, strings in which every byte
 * stands for itself, whole numbers of digits alone, white space anywhere. Text and objects are never made of it.
 *
 * A method that answers false or null has met something else, good or bad: nothing can be read any more.
 */
export class PlainJson {
  /** Where the last string lies, and its length, in bytes. */
  textAt = 0;
  textLength = 0;
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #at = 0;
  /** All bytes of strings by OR, some of them four at a time. */
  #texts = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** Passes over `character`, which is ASCII, if it comes next. */
  token(character: number): boolean {
    if (this.#bytes[this.#at] !== character) {
      this.#skipSpace();
      if (this.#bytes[this.#at] !== character) return false;
    }
    this.#at++;
    return true;
  }

  /** One of `names`, and the colon behind it. */
  name<Name extends string>(names: Names<Name>): Name | null {
    if (!this.token(QUOTE)) return null;
    const name = names[this.#bytes[this.#at] ?? 0];
    if (!name || !this.#word(name) || this.#bytes[this.#at] !== QUOTE) return null;
    this.#at++;
    return this.token(COLON) ? name : null;
  }

  /** A string; `isUtf8` tells in the end whether it was one. */
  text(): boolean {
    if (!this.token(QUOTE)) return false;
    const bytes = this.#bytes;
    const start = this.#at;
    let all = 0;
    let at = this.#plainEnd(start);
    for (; bytes[at] !== QUOTE; at++) {
      const byte = bytes[at];
      if (byte === undefined || byte < SPACE || byte === BACKSLASH) return false;
      all |= byte;
    }
    this.#texts |= all;
    this.textAt = start;
    this.textLength = at - start;
    this.#at = at + 1;
    return true;
  }

  /** Of any size; beyond 2^53 it is not exact. */
  number(): number | null {
    this.#skipSpace();
    const bytes = this.#bytes;
    const start = this.#at;
    let value = 0;
    let at = start;
    for (; isDigit(bytes[at]); at++) value = 10 * value + (bytes[at]! - DIGIT_0);
    this.#at = at;
    const hasLeadingZero = bytes[start] === DIGIT_0 && at > start + 1;
    return at > start && !hasLeadingZero ? value : null;
  }

  boolean(): boolean | null {
    this.#skipSpace();
    if (this.#word("true")) return true;
    return this.#word("false") ? false : null;
  }

  /** Whether nothing more comes. */
  end(): boolean {
    this.#skipSpace();
    return this.#at === this.#bytes.length;
  }

  /** Whether the strings that were read were UTF-8. */
  isUtf8(): boolean {
    if ((this.#texts & HIGHEST_BITS) === 0) return true;
    try {
      // All that is not in a string has been seen to be ASCII.
      strictUtf8.decode(this.#bytes);
      return true;
    } catch {
      return false;
    }
  }

  /**
   * From `start` on in words of four bytes, to the first in which one is a quote, a backslash or a control character.
   * Of a byte's lower seven bits: adding 7F sets the highest bit of all but 0, adding 60 that of 20 and above, and
   * nothing is carried into the next byte.
   */
  #plainEnd(start: number): number {
    const view = this.#view;
    const last = view.byteLength - 4;
    let all = 0;
    let at = start;
    for (; at <= last; at += 4) {
      const word = view.getInt32(at, true);
      const low = word & 0x7f7f7f7f;
      const isNoQuote = (low ^ 0x22222222) + 0x7f7f7f7f;
      const isNoBackslash = (low ^ 0x5c5c5c5c) + 0x7f7f7f7f;
      const isPrintable = low + 0x60606060;
      if ((((isNoQuote & isNoBackslash & isPrintable) | word) & HIGHEST_BITS) !== HIGHEST_BITS) break;
      all |= word;
    }
    this.#texts |= all;
    return at;
  }

  #word(word: string): boolean {
    for (let at = 0; at < word.length; at++) {
      if (this.#bytes[this.#at + at] !== word.charCodeAt(at)) return false;
    }
    this.#at += word.length;
    return true;
  }

  /** RFC 8259, section 2. */
  #skipSpace(): void {
    for (;;) {
      const byte = this.#bytes[this.#at];
      if (byte !== SPACE && byte !== LINE_FEED && byte !== CARRIAGE_RETURN && byte !== TAB) return;
      this.#at++;
    }
  }
}

/** Names by the code of their first letter, which tells them apart. */
export type Names<Name extends string> = readonly (Name | null)[];

export function namesOf<Name extends string>(names: readonly Name[]): Names<Name> {
  const table = new Array<Name | null>(0x100).fill(null);
  for (const name of names) table[name.charCodeAt(0)] = name;
  return table;
}

const TAB = 0x09;
const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;
const SPACE = 0x20;
const QUOTE = 0x22;
const DIGIT_0 = 0x30;
const DIGIT_9 = 0x39;
const COLON = 0x3a;
const BACKSLASH = 0x5c;
/** Of four bytes, in a signed word. */
const HIGHEST_BITS = 0x80808080 | 0;

const strictUtf8 = new TextDecoder("utf-8", { fatal: true });

function isDigit(byte: number | undefined): boolean {
  return byte !== undefined && byte >= DIGIT_0 && byte <= DIGIT_9;
}
