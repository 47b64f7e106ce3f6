/** From an invocation to its end; positions in any one order. */
export interface Interval {
  readonly invokedAt: number;
  readonly endedAt: number;
}

/** How many of the operations were under way at the same time as another one. */
export function countOverlapping(intervals: readonly Interval[]): number {
  const overlapping = new Set<Interval>();
  let open: Interval[] = [];
  for (const interval of [...intervals].sort((a, b) => a.invokedAt - b.invokedAt)) {
    open = open.filter(({ endedAt }) => endedAt > interval.invokedAt);
    for (const other of open) overlapping.add(other);
    if (open.length > 0) overlapping.add(interval);
    open.push(interval);
  }
  return overlapping.size;
}
