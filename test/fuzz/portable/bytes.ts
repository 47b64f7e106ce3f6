const CHUNK = 8192;

/** One character a byte, of the same code. */
export function toBinaryText(bytes: Uint8Array): string {
  let text = "";
  for (let from = 0; from < bytes.length; from += CHUNK) {
    text += String.fromCharCode(...bytes.subarray(from, from + CHUNK));
  }
  return text;
}

export function toBase64(bytes: Uint8Array): string {
  return btoa(toBinaryText(bytes));
}
