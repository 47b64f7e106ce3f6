import { expect, test } from "vitest";
import { UnappliedCommands } from "../../shared/node/unapplied-commands.ts";

test("a command is found by all of its origin until it is applied", () => {
  const unapplied = new UnappliedCommands();
  unapplied.add({ node: "A", boot: 1, sequence: 1 }, 10);
  unapplied.add({ node: "B", boot: 1, sequence: 1 }, 11);
  unapplied.add({ node: "A", boot: 2, sequence: 1 }, 12);
  unapplied.add({ node: "A", boot: 1, sequence: 2 }, 13);
  expect(unapplied.indexOf({ node: "A", boot: 1, sequence: 1 })).toBe(10);
  expect(unapplied.indexOf({ node: "B", boot: 1, sequence: 1 })).toBe(11);
  expect(unapplied.indexOf({ node: "A", boot: 2, sequence: 1 })).toBe(12);
  expect(unapplied.indexOf({ node: "B", boot: 2, sequence: 1 })).toBeUndefined();

  unapplied.release(11);
  expect(unapplied.indexOf({ node: "A", boot: 1, sequence: 1 })).toBeUndefined();
  expect(unapplied.indexOf({ node: "B", boot: 1, sequence: 1 })).toBeUndefined();
  expect(unapplied.indexOf({ node: "A", boot: 2, sequence: 1 })).toBe(12);
  expect(unapplied.indexOf({ node: "A", boot: 1, sequence: 2 })).toBe(13);
});

test("boots come and go, and what waits of each is still found", () => {
  const unapplied = new UnappliedCommands();
  for (let boot = 1; boot <= 100; boot++) {
    unapplied.add({ node: "A", boot, sequence: 7 }, boot);
    unapplied.release(boot - 3);
    for (const waiting of [boot, boot - 1, boot - 2]) {
      if (waiting > 0) expect(unapplied.indexOf({ node: "A", boot: waiting, sequence: 7 })).toBe(waiting);
    }
    expect(unapplied.indexOf({ node: "A", boot: boot - 3, sequence: 7 })).toBeUndefined();
  }
});
