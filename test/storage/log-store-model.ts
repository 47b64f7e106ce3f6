import fc from "fast-check";
import { expect } from "vitest";
import type { LogEntry, UncountedEntry } from "../../shared/storage/entry.ts";
import { LogStore } from "../../shared/storage/log-store.ts";
import type { DurableStorage } from "../../shared/storage/port.ts";
import { command, configurationEntry, noop } from "./entries.ts";

type Step =
  | { readonly type: "append"; readonly back: number; readonly rise: number; readonly kinds: readonly Kind[] }
  | { readonly type: "apply"; readonly share: number }
  | { readonly type: "crash"; readonly share: number }
  | { readonly type: "sync" };
type Kind = { readonly kind: "noop" | "command" | "configuration"; readonly length: number };

const kind: fc.Arbitrary<Kind> = fc.record({
  kind: fc.constantFrom("command", "command", "command", "noop", "configuration"),
  length: fc.nat(300),
});
const share = fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true });
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      type: fc.constant("append" as const),
      back: fc.oneof(fc.constant(0), fc.nat(12)),
      rise: fc.oneof(fc.constant(0), fc.nat(2)),
      kinds: fc.array(kind, { minLength: 1, maxLength: 20 }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ type: fc.constant("apply" as const), share }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant("crash" as const), share }) },
  { weight: 2, arbitrary: fc.record({ type: fc.constant("sync" as const) }) },
);

/** What a store must hold: plain values, replaced as a whole. */
interface Model {
  readonly entries: readonly LogEntry[];
  readonly applied: number;
  readonly term: number;
}

/** A storage that can lose its node. */
export interface ModelStorage {
  readonly storage: DurableStorage;
  /** Transactions that no sync has covered; null where that cannot be known. */
  readonly unsynced: number | null;
  /**
   * Ends the node. What was not synced is a number of transactions, of which so many are kept as `share`, 0 … 1, says;
   * all of them where nobody can cut the power.
   */
  crash(share: number): ModelStorage;
}

/** Holds LogStore against a plain array with ordinals, through truncations and crashes. `make` gives an empty storage. */
export async function checkLogStore(
  make: () => ModelStorage | Promise<ModelStorage>,
  numRuns: number,
): Promise<void> {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
      let under = await make();
      let log = LogStore.open(under.storage, { id: "A", mintStoreId: () => "s" });
      /** Every state written since the last sync, and the one it covered: a crash leaves one of them. */
      let states: Model[] = [{ entries: [], applied: 0, term: 0 }];
      await under.storage.sync();
      for (const next of steps) {
        const model = states.at(-1)!;
        if (next.type === "sync") {
          await under.storage.sync();
          states = [model];
        } else if (next.type === "crash") {
          const { unsynced } = under;
          if (unsynced !== null) expect(unsynced).toBe(states.length - 1);
          under = under.crash(next.share);
          states = [unsynced === null ? model : states[Math.floor(next.share * (unsynced + 1))]!];
          log = LogStore.open(under.storage, { id: "A", mintStoreId: () => "t" });
          await under.storage.sync();
        } else if (next.type === "apply") {
          const applied = model.applied + Math.floor(next.share * (model.entries.length - model.applied + 1));
          under.storage.transactionSync(() => log.saveApplied(applied));
          states.push({ ...model, applied });
        } else {
          const kept = Math.max(model.applied, model.entries.length - next.back);
          const term = Math.max(1, model.term + next.rise);
          const entries = next.kinds.map((what, offset) => entryOf(what, kept + 1 + offset, term));
          const returned = under.storage.transactionSync(() => {
            log.saveHardState({ term, votedFor: null });
            return log.append(entries);
          });
          const counted = [...model.entries.slice(0, kept)];
          for (const entry of entries) counted.push(asStored(entry, commandsIn(counted)));
          expect(returned.map((entry) => entry.ordinal)).toEqual(
            counted.slice(kept).map((entry) => entry.ordinal),
          );
          states.push({ ...model, entries: counted, term });
        }
        expectEqual(log, states.at(-1)!);
      }
    }),
    { numRuns },
  );
}

function entryOf({ kind, length }: Kind, index: number, term: number): UncountedEntry {
  if (kind === "noop") return noop(index, term);
  if (kind === "configuration") return configurationEntry(index, term, `c${length}`);
  return command(index, term, new Uint8Array(length).fill(index));
}

function asStored(entry: UncountedEntry, ordinal: number): LogEntry {
  const bytes =
    entry.kind === "configuration"
      ? new TextEncoder().encode(JSON.stringify(entry.configuration))
      : entry.data.bytes;
  return { ...entry, size: bytes.length, data: { ...entry.data, bytes }, ordinal };
}

function commandsIn(entries: readonly LogEntry[]): number {
  return entries.filter((entry) => entry.kind === "command").length;
}

function expectEqual(log: LogStore, { entries, applied, term }: Model): void {
  const last = entries.length;
  expect(log).toMatchObject({ lastIndex: last, applied, lastTime: entries.at(-1)?.data.time ?? 0 });
  expect(log.hardState).toEqual({ term, votedFor: null });
  expect(log.configurations).toEqual(
    entries.flatMap(({ index, configuration }) => (configuration ? [{ index, configuration }] : [])),
  );
  expect(log.runs).toEqual(
    entries
      .filter((entry, at) => entry.term !== entries[at - 1]?.term)
      .map((entry) => ({ term: entry.term, first: entry.index })),
  );
  const indexes = [0, ...entries.map((entry) => entry.index)];
  expect(indexes.map((index) => log.termAt(index))).toEqual(
    indexes.map((index) => entries[index - 1]?.term ?? 0),
  );
  expect(indexes.map((index) => log.ordinalAfter(index))).toEqual(
    indexes.map((index) => commandsIn(entries.slice(0, index))),
  );
  if (last === 0) return;
  const first = Math.ceil(last / 3);
  expect(log.read(1, last, Number.POSITIVE_INFINITY)).toEqual(entries);
  expect(log.read(first, last, 500)).toEqual(fitting(entries.slice(first - 1), 500));
  const commands = entries.slice(0, first).filter((entry) => entry.kind === "command");
  expect(log.commandsUpTo(first, 4)).toEqual(commands.slice(-4));
}

function fitting(entries: readonly LogEntry[], maxBytes: number): LogEntry[] {
  let bytes = 0;
  return entries.filter((entry, at) => {
    bytes += entry.size;
    return at === 0 || bytes <= maxBytes;
  });
}
