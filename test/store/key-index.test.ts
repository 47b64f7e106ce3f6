import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { KeyArena } from "../../shared/store/key-arena.ts";
import { KeyHash } from "../../shared/store/key-hash.ts";
import { KeyIndex } from "../../shared/store/key-index.ts";
import { KeyRecord } from "../../shared/store/key-record.ts";
import { MAX_KEY_BYTES } from "../../shared/store/keys.ts";
import { text, utf8 } from "./support.ts";

const recordOf = (key: string) => new KeyRecord(key, utf8(key));

/** With the bytes in the midst of others. */
function find(index: KeyIndex, hash: number, key: string): KeyRecord | undefined {
  const bytes = utf8(`<<${key}>>`);
  return index.find(hash, bytes, 2, bytes.length - 4);
}

/** The first slot, the last, and those between: most keys share a hash with others, or a slot, or the one after. */
const HASHES = [0, 1, -1, -2, 0x7fff_ffff, -0x8000_0000];
const hashOf = (key: string) => HASHES[utf8(key).reduce((sum, byte) => sum + byte, 0) % HASHES.length]!;

describe("the index", () => {
  test("holds what a map holds, whatever collides", () => {
    const key = fc.oneof(
      fc.string({ unit: fc.constantFrom("a", "b", "\0", "ö"), minLength: 1, maxLength: 3 }),
      fc.nat(2000).map((number) => `key-${number}`),
    );
    const step = fc.record({ kind: fc.constantFrom("add", "add", "remove", "find", "prefetch"), key });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 600, size: "max" }), (steps) => {
        const index = new KeyIndex();
        const model = new Map<string, KeyRecord>();
        for (const { kind, key } of steps) {
          const hash = hashOf(key);
          const known = model.get(key);
          expect(find(index, hash, key)).toBe(known);
          if (kind === "add" && known === undefined) {
            const record = recordOf(key);
            index.add(hash, record);
            model.set(key, record);
          } else if (kind === "remove" && known !== undefined) {
            index.remove(hash, known);
            model.delete(key);
          } else if (kind === "prefetch") index.prefetch(Int32Array.of(hash, 5), 2);
          expect(index.size).toBe(model.size);
        }
        for (const [key, record] of model) expect(find(index, hashOf(key), key)).toBe(record);
      }),
    );
  });

  test("grows, and finds everything afterwards, but nothing that was removed", () => {
    const index = new KeyIndex();
    const hash = new KeyHash();
    const hashOfRecord = ({ keys, keyOffset, keyLength }: KeyRecord) => hash.of(keys, keyOffset, keyLength);
    const records = Array.from({ length: 20_000 }, (_, number) => recordOf(`key-${number}`));
    for (const record of records) index.add(hashOfRecord(record), record);
    for (const record of records.filter((_, number) => number % 3 === 0)) {
      index.remove(hashOfRecord(record), record);
    }
    for (const [number, record] of records.entries()) {
      expect(find(index, hashOfRecord(record), record.key)).toBe(number % 3 === 0 ? undefined : record);
    }
    expect(index.size).toBe(records.length - Math.ceil(records.length / 3));
  });
});

describe("a hash", () => {
  /** Weights that are the same in every run. */
  function weights(seed: number): Int32Array<ArrayBuffer> {
    let state = seed;
    return new Int32Array(MAX_KEY_BYTES + 1).map(() => {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0;
      return Math.imul(state ^ (state >>> 15), 0x2c1b_3c6d);
    });
  }

  test("is the same wherever the bytes lie", () => {
    const hash = new KeyHash();
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: MAX_KEY_BYTES }), fc.nat(20), (key, offset) => {
        const moved = new Uint8Array(offset + key.length + 1).fill(0x61);
        moved.set(key, offset);
        expect(hash.of(moved, offset, key.length)).toBe(hash.of(key, 0, key.length));
      }),
    );
  });

  test("is another one for a key with zeros behind it, and in another store", () => {
    const hash = new KeyHash(weights(1));
    const zeros = new Uint8Array(MAX_KEY_BYTES);
    const hashes = Array.from({ length: MAX_KEY_BYTES + 1 }, (_, length) => hash.of(zeros, 0, length));
    expect(new Set(hashes).size).toBe(hashes.length);
    const key = utf8("a-key-of-some-length");
    const drawn = Array.from({ length: 8 }, () => new KeyHash().of(key, 0, key.length));
    expect(new Set(drawn).size).toBeGreaterThan(1);
  });

  test("spreads keys that are counted", () => {
    for (let seed = 1; seed <= 40; seed++) {
      const hash = new KeyHash(weights(seed));
      const used = new Set<number>();
      let probes = 0;
      for (let number = 0; number < 8192; number++) {
        const key = utf8(`k${number}`);
        let slot = hash.of(key, 0, key.length) >>> 18;
        for (; used.has(slot); slot = (slot + 1) % 16_384) probes++;
        used.add(slot);
      }
      // Half full, random places give half a probe more than one.
      expect(probes / 8192).toBeLessThan(0.6);
    }
  });
});

describe("the arena", () => {
  test("holds keys of any length, one behind the other", () => {
    const arena = new KeyArena();
    const records = Array.from({ length: 200 }, (_, number) =>
      recordOf(`${number}`.repeat(1 + (number % 170)).slice(0, MAX_KEY_BYTES)),
    );
    for (const record of records) arena.add(record);
    for (const { key, keyBytes } of records) expect(text(keyBytes)).toBe(key);
    expect(new Set(records.map(({ keys }) => keys)).size).toBeLessThan(8);
  });

  test("uses again what was taken back", () => {
    const arena = new KeyArena();
    const kept = recordOf("kept");
    arena.add(kept);
    const { keys } = kept;
    for (let round = 0; round < 10; round++) {
      // More than a chunk.
      const taken = Array.from({ length: 40 }, (_, number) =>
        recordOf(`${number}`.padEnd(MAX_KEY_BYTES, "x")),
      );
      for (const record of taken) arena.add(record);
      for (const record of taken.reverse()) arena.takeBack(record);
    }
    const last = recordOf("last");
    arena.add(last);
    expect(last.keys).toBe(keys);
    expect([text(kept.keyBytes), text(last.keyBytes)]).toEqual(["kept", "last"]);
  });
});
