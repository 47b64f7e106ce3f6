/** More of a client's own text than this is not repeated to it, in code units. */
const LIMIT = 64;

/**
 * Text of a client, fit for a message: in quotes, cut short, and with everything escaped that could move a cursor,
 * break a line or turn the direction of writing.
 */
export function quote(text: string): string {
  const shown = text.length > LIMIT ? `${text.slice(0, LIMIT)}…` : text;
  // JSON escapes what is below U+0020 and lone surrogates (which cutting may have made).
  return JSON.stringify(shown).replace(
    /[\u007f-\u009f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
