/** Text and its UTF-8, byte order marks and all. */

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: false, ignoreBOM: true });

export const utf8 = (text: string): Uint8Array => encoder.encode(text);
export const text = (bytes: Uint8Array | undefined): string | null =>
  bytes === undefined ? null : decoder.decode(bytes);
