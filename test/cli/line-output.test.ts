import { PassThrough, Writable } from "node:stream";
import { expect, test } from "vitest";
import { LineOutput } from "../../ec2-node/line-output.ts";

const notice = (lines: number) => `${lines} lines dropped`;

/** Takes nothing until it is told to. */
function stuckStream(): { stream: Writable; taken: string[]; release(): void } {
  const taken: string[] = [];
  let waiting: (() => void) | null = null;
  let open = false;
  const stream = new Writable({
    decodeStrings: false,
    write(chunk: string, _encoding, done) {
      taken.push(chunk);
      if (open) done();
      else waiting = done;
    },
  });
  return {
    stream,
    taken,
    release() {
      open = true;
      waiting?.();
    },
  };
}

test("lines go out in order", () => {
  const stream = new PassThrough();
  const output = new LineOutput(stream, 1000, notice);
  output.write("a");
  output.write("b");
  expect(stream.read().toString()).toBe("a\nb\n");
});

test("a reader that does not read costs lines, whose number is said, and bounded memory", async () => {
  const { stream, taken, release } = stuckStream();
  const output = new LineOutput(stream, 1000, notice);
  for (let i = 0; i < 500; i++) output.write("x".repeat(99));
  expect(stream.writableLength).toBeLessThanOrEqual(1100);
  release();
  await output.flush(1000);
  output.write("later");
  await output.flush(1000);
  const lines = taken.join("").trimEnd().split("\n");
  const kept = lines.filter((line) => line.startsWith("x")).length;
  expect(lines.slice(kept)).toEqual([`${500 - kept} lines dropped`, "later"]);
});

test("flush gives up on a stuck reader", async () => {
  const { stream } = stuckStream();
  const output = new LineOutput(stream, 1000, notice);
  output.write("a");
  await output.flush(10);
});

test("a reader that has gone is no error", async () => {
  const stream = new PassThrough();
  const output = new LineOutput(stream, 1000, notice);
  stream.destroy(Object.assign(new Error("write EPIPE"), { code: "EPIPE" }));
  await new Promise((resolve) => setImmediate(resolve));
  output.write("a");
  await output.flush(1000);
});
