import { beforeEach, expect } from "vitest";
import { Bench, text } from "./support.ts";

/** Another one for each test of the file that imports it. */
export let bench: Bench;

beforeEach(() => {
  bench = new Bench();
});

export const value = (key: string): string | null => text(bench.store.get(key)?.value);
export const keys = (prefix = ""): string[] => bench.store.list(prefix).map(({ key }) => key);

/** Every statement about what is stored must hold before the flush, after it, and after a restart. */
export function always(check: () => void): void {
  check();
  bench.flush();
  check();
  expect(bench.crash()).toEqual([]);
  check();
}
