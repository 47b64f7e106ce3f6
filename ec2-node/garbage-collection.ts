import type { PerformanceEntry } from "node:perf_hooks";
import { constants, PerformanceObserver } from "node:perf_hooks";
import { getHeapSpaceStatistics, getHeapStatistics, setFlagsFromString } from "node:v8";

export interface HeapGrowth {
  /** Of the young generation, which V8 would let grow to 128 MiB; half of it is in use at a time. */
  readonly youngBytes: number;
  /** Up to this size the whole heap, with the memory that belongs to it elsewhere, may grow to three times what lives. */
  readonly smallHeapBytes: number;
}

/**
 * What a node makes for a command lives for a few milliseconds: in a young generation of V8's first size some of it
 * outlives two collections and is then kept until the next one of the whole heap. And to V8 the buffers of requests and
 * groups count as growth of a small heap, so that it would go through all of it several times a second, which took a
 * third of a leader's processor time (docs/performance.md).
 *
 * So little outlives a collection of the young generation that to wake other threads for it takes longer than to do it.
 */
const HEAP_GROWTH: HeapGrowth = { youngBytes: 16 << 20, smallHeapBytes: 64 << 20 };

/**
 * Sets how V8 lets the heap grow, for as long as the process runs; to be called once. It takes a size of the young
 * generation on its command line only; but how much that grows by is asked for anew every time, as is the growth of the
 * whole. So both are looked at after each collection.
 */
export function tuneGarbageCollection(
  { youngBytes, smallHeapBytes }: HeapGrowth = HEAP_GROWTH,
  setFlags: (flags: string) => void = setFlagsFromString,
): void {
  setFlags("--no-parallel-scavenge");
  const setFlag = flagSetter(setFlags);
  const adjust = (isWhole: boolean): void => {
    const young = getHeapSpaceStatistics().find(({ space_name: name }) => name === "new_space");
    // It doubles; in a stretch of work with several collections more than once, but such stretches are short.
    setFlag("semi-space-growth-factor", 2 * (young?.space_size ?? 0) <= youngBytes ? 2 : 1);
    if (!isWhole) return;
    const { used_heap_size: used, external_memory: external } = getHeapStatistics();
    // 0: as V8 thinks best, which for what is large is less.
    setFlag("heap-growing-percent", used + external <= smallHeapBytes ? 200 : 0);
  };
  adjust(true);
  new PerformanceObserver((collections) => {
    adjust(collections.getEntries().some(isOfWholeHeap));
  }).observe({ type: "gc" });
}

function isOfWholeHeap(entry: PerformanceEntry): boolean {
  const { detail } = entry as PerformanceEntry & { readonly detail?: { readonly kind?: number } };
  return detail?.kind === constants.NODE_PERFORMANCE_GC_MAJOR;
}

/** To set a flag is cheap, and to set it to what it is cheaper. */
function flagSetter(setFlags: (flags: string) => void): (name: string, value: number) => void {
  const values = new Map<string, number>();
  return (name, value) => {
    if (values.get(name) === value) return;
    values.set(name, value);
    setFlags(`--${name}=${value}`);
  };
}
