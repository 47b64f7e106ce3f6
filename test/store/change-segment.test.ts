import { expect, test } from "vitest";
import { SegmentReader, SegmentWriter } from "../../shared/store/change-segment.ts";
import type { Change } from "../../shared/store/key-state.ts";
import { utf8 } from "./support.ts";

const LARGEST = 2 ** 53 - 1;

function change(key: string, revision: number, numbers: Partial<Change> = {}): Change {
  const first = { previousRevision: 0, version: 1, valueOffset: 0, valueLength: 0, createRevision: revision };
  return { key, keyBytes: utf8(key), revision, flags: 0, ...first, ...numbers };
}

test("the largest change has room in a segment that is full but for one byte", () => {
  const writer = new SegmentWriter();
  const written: Change[] = [];
  const add = (next: Change): void => {
    expect(writer.isFull).toBe(false);
    writer.add(next);
    written.push(next);
  };
  // Seven numbers of a byte, and the length of the key in one or two: 508 and 31 bytes with their keys.
  for (let at = 1; at <= 8; at++) add(change(`${at}`.repeat(499), at));
  add(change("9".repeat(23), 9));
  const numbers = { version: LARGEST, valueOffset: LARGEST, valueLength: LARGEST, flags: LARGEST };
  add(change("k".repeat(512), LARGEST, { ...numbers, previousRevision: 1, createRevision: 1 }));
  expect(writer.isFull).toBe(true);
  const { first, last, bytes } = writer.finish();
  expect([first, last]).toEqual([1, LARGEST]);
  expect(bytes.length).toBe(4095 + 7 * 8 + 2 + 512);
  const reader = new SegmentReader(bytes);
  for (const expected of written) {
    expect(reader.next()).toBe(true);
    expect(reader.change()).toEqual(expected);
  }
  expect(reader.next()).toBe(false);
});
