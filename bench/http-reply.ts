/** Reads the replies of one HTTP/1.1 connection that carries one request at a time. No more than a benchmark needs. */
export class HttpReplyReader {
  #kept: Buffer | null = null;
  #text = "";

  /** The body of the last reply that was not a 200. */
  get text(): string {
    return this.#text;
  }

  /** Takes in what came; the status of the reply once it is whole, null before. */
  take(buffer: Buffer, bytes: number): number | null {
    const part = buffer.subarray(0, bytes);
    const whole = this.#kept === null ? part : Buffer.concat([this.#kept, part]);
    const headEnd = whole.indexOf("\r\n\r\n");
    if (headEnd < 0 || !isComplete(whole, headEnd)) {
      // The buffer is used again for what comes next.
      this.#kept = this.#kept === null ? Buffer.from(whole) : whole;
      return null;
    }
    this.#kept = null;
    const status = 100 * (whole[9]! - 48) + 10 * (whole[10]! - 48) + (whole[11]! - 48);
    if (status !== 200) this.#text = whole.toString("latin1", headEnd + 4);
    return status;
  }
}

function isComplete(reply: Buffer, headEnd: number): boolean {
  const head = reply.toString("latin1", 0, headEnd);
  const length = /\r\ncontent-length: (\d+)/i.exec(head)?.[1];
  if (length !== undefined) return reply.length >= headEnd + 4 + Number(length);
  // Chunked: the last chunk is empty and stands at the end.
  return reply.length > headEnd + 8 && reply.toString("latin1", reply.length - 5) === "0\r\n\r\n";
}
