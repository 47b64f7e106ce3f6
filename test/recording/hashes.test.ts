import { describe, expect, test } from "vitest";
import type { LogEntry, Origin } from "../../shared/storage/entry.ts";
import { commandEntry, noopEntry } from "../node/support/entries.ts";
import { Desk } from "./desk.ts";
import { founding } from "./turns.ts";

/** The content of entries as 32 bits, block by block. */

describe("hashes", () => {
  const from = (rest: Partial<Origin>) => (entry: LogEntry) => ({
    ...entry,
    data: { ...entry.data, origin: { node: "N", boot: 1, sequence: 1, floor: 0, ...rest } },
  });
  const hashAt = (desk: Desk): unknown => (desk.take().at(-1) as { hash?: unknown }).hash;
  const log = [founding(), ...Array.from({ length: 199 }, (_, at) => commandEntry(at + 2))];

  test("are the same however the entries came, and over a restart", () => {
    const atOnce = new Desk().open();
    atOnce.work({ entries: log });
    const hash = hashAt(atOnce);
    expect(hash).toMatch(/^[0-9a-f]{8}$/);

    const oneByOne = new Desk().open();
    for (const entry of log) oneByOne.work({ entries: [entry] });
    expect(hashAt(oneByOne)).toBe(hash);

    const restarted = new Desk().open(log.slice(0, 150));
    restarted.work({ entries: log.slice(150) });
    expect(hashAt(restarted)).toBe(hash);

    const cutBack = new Desk().open();
    cutBack.work({ entries: [...log.slice(0, 170), noopEntry(171, 1), noopEntry(172, 1)] });
    cutBack.work({ trace: [{ type: "truncated", from: 171, last: 172 }], entries: log.slice(170) });
    expect(hashAt(cutBack)).toBe(hash);
  });

  test.each<[string, (entry: LogEntry) => LogEntry]>([
    ["bytes", (entry) => ({ ...entry, data: { ...entry.data, bytes: new TextEncoder().encode("SET x=7") } })],
    ["term", (entry) => ({ ...entry, term: 2 })],
    ["kind", (entry) => ({ ...entry, kind: "noop" })],
    ["time", (entry) => ({ ...entry, data: { ...entry.data, time: 1 } })],
    ["schema", (entry) => ({ ...entry, data: { ...entry.data, schema: 9 } })],
    ["origin's node", from({ node: "M" })],
    ["origin's boot", from({ boot: 2 })],
    ["origin's sequence", from({ sequence: 2 })],
  ])("differ with the %s of any entry of the block", (_what, change) => {
    const block = log.slice(0, 64).map((entry) => (entry.index === 40 ? from({})(entry) : entry));
    const plain = new Desk().open();
    plain.work({ entries: block });
    const other = new Desk().open();
    other.work({ entries: block.map((entry) => (entry.index === 40 ? change(entry) : entry)) });
    expect(hashAt(other)).not.toBe(hashAt(plain));
  });

  test("are not known where a block could not be read whole, until the next one begins", () => {
    const desk = new Desk().open(log.slice(0, 100), { read: (first) => [log[first - 1]!] });
    desk.work({ entries: log.slice(100, 110) });
    expect(desk.take()).toMatchObject([{ first: 101, hash: null }]);
    desk.work({ entries: log.slice(110, 200) });
    expect(desk.take()).toMatchObject([{ blocks: [null, expect.any(String)], hash: expect.any(String) }]);
  });

  test("are not known after a log was cut back further than they are kept", () => {
    const long = [founding(), ...Array.from({ length: 6000 }, (_, at) => commandEntry(at + 2))];
    const desk = new Desk().open();
    desk.work({ entries: long });
    desk.take();
    desk.work({ trace: [{ type: "truncated", from: 100, last: 6001 }], entries: long.slice(99, 101) });
    expect(desk.take().at(-1)).toMatchObject({ first: 100, hash: null });
  });
});
