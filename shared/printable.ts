/**
 * Everything that could move a cursor, end a line or turn the reading direction: C0, DEL and C1 controls, the line
 * and paragraph separators, and the bidirectional overrides that make text read as something it is not.
 */
const UNPRINTABLE = /[\p{Cc}\u2028\u2029\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]/gu;

const SHORT: Readonly<Record<string, string>> = { "\n": "\\n", "\r": "\\r", "\t": "\\t" };

/**
 * `text` on one line, safe for a terminal: control characters as JSON would escape them (`\n`, `\u001b`). Applied to
 * JSON text it leaves JSON of the same meaning. Printable text, backslashes included, stays as it is.
 */
export function printable(text: string): string {
  return text.replace(UNPRINTABLE, (character) => {
    const code = character.charCodeAt(0).toString(16).padStart(4, "0");
    return SHORT[character] ?? `\\u${code}`;
  });
}
