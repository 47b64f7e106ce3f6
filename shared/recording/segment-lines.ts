/** A line of a file without its end. */
export interface SegmentLine {
  /** From 1. */
  readonly number: number;
  readonly bytes: Uint8Array;
  /** false: the file ends in the middle of it. */
  readonly isWhole: boolean;
  /** It goes on beyond `longestLine`; nothing of the file comes after it. */
  readonly isTooLong: boolean;
}

/** Far more than a record takes, in bytes. What is longer was written by somebody else, and may have no end. */
export const longestLine = 1 << 23;

const newline = 0x0a;

/** Cuts a file into lines; those of one chunk come together. The bytes are valid until the next chunk is asked for. */
export async function* segmentLines(
  chunks: AsyncIterable<Uint8Array>,
): AsyncIterable<readonly SegmentLine[]> {
  let number = 0;
  let rest: Uint8Array[] = [];
  let restBytes = 0;
  for await (const chunk of chunks) {
    const lines: SegmentLine[] = [];
    let start = 0;
    for (let end = chunk.indexOf(newline); end >= 0; end = chunk.indexOf(newline, start)) {
      const part = chunk.subarray(start, end);
      lines.push({
        number: ++number,
        bytes: rest.length > 0 ? joined([...rest, part]) : part,
        isWhole: true,
        isTooLong: false,
      });
      rest = [];
      restBytes = 0;
      start = end + 1;
    }
    if (start < chunk.length) rest.push(chunk.slice(start));
    restBytes += chunk.length - start;
    const isTooLong = restBytes > longestLine;
    if (isTooLong) lines.push({ number: ++number, bytes: joined(rest), isWhole: false, isTooLong });
    yield lines;
    if (isTooLong) return;
  }
  if (rest.length > 0) yield [{ number: ++number, bytes: joined(rest), isWhole: false, isTooLong: false }];
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}
