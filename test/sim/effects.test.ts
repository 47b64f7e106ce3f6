import { describe, expect, test } from "vitest";
import { EffectInvariants } from "../../sim/invariants/effects.ts";
import type { InvariantName } from "../../sim/invariants/violation.ts";
import { command } from "./support.ts";

/** What replicas apply and clients are told, held against each other. */

function watch(tell: (effects: EffectInvariants) => void): InvariantName | undefined {
  let found: InvariantName | undefined;
  const effects = new EffectInvariants((invariant) => {
    found ??= invariant;
  });
  effects.started("A", 0);
  effects.started("B", 0);
  tell(effects);
  return found;
}

/** `applied` with an entry that is committed as it stands. */
function apply(effects: EffectInvariants, id: string, entry: ReturnType<typeof command>, result: unknown) {
  effects.applied(id, entry, result, entry.index, entry.term);
}

describe("replicas", () => {
  test("that apply the same with the same results are well", () => {
    const found = watch((effects) => {
      for (const id of ["A", "B"]) {
        apply(effects, id, command(2, "SET x=1"), "OK");
        apply(effects, id, command(4, "SET x=2"), "OK");
        effects.dumped(id, 4, "x=2");
      }
      // A restart applies again what had not been stored.
      effects.started("A", 2);
      apply(effects, "A", command(4, "SET x=2"), "OK");
    });
    expect(found).toBeUndefined();
  });

  test.each<[string, (effects: EffectInvariants) => void]>([
    ["another command", (effects) => apply(effects, "B", command(1, "SET x=2"), "OK")],
    ["at another index", (effects) => apply(effects, "B", command(2, "SET x=1"), "OK")],
    ["with another result", (effects) => apply(effects, "B", command(1, "SET x=1"), "no")],
    [
      "and hold something else",
      (effects) => {
        apply(effects, "B", command(1, "SET x=1"), "OK");
        effects.dumped("A", 1, "x=1");
        effects.dumped("B", 1, "x=2");
      },
    ],
  ])("state-machine-safety: they apply %s", (_, differ) => {
    const found = watch((effects) => {
      apply(effects, "A", command(1, "SET x=1"), "OK");
      differ(effects);
    });
    expect(found).toBe("state-machine-safety");
  });

  test("monotonic-applied: an entry is applied again in one run", () => {
    const found = watch((effects) => {
      apply(effects, "A", command(2, "SET x=1"), "OK");
      apply(effects, "A", command(2, "SET x=1"), "OK");
    });
    expect(found).toBe("monotonic-applied");
  });

  test.each([
    [1, 1],
    [2, 2],
  ])("applied-follows-commit: commit index %i, committed in term %i", (commit, committedTerm) => {
    const found = watch((effects) => {
      effects.applied("A", command(2, "SET x=1"), "OK", commit, committedTerm);
    });
    expect(found).toBe("applied-follows-commit");
  });
});

describe("clients", () => {
  const origin = { node: "A", boot: 1, sequence: 7 };

  test("at-most-once: a command takes effect at two indexes", () => {
    const found = watch((effects) => {
      apply(effects, "A", command(1, "SET x=1", origin), "OK");
      apply(effects, "A", command(5, "SET x=1", origin), "OK");
    });
    expect(found).toBe("at-most-once");
  });

  test("none-means-none: a command takes effect after its client was told that it never would", () => {
    const found = watch((effects) => {
      effects.refused(origin);
      apply(effects, "B", command(1, "SET x=1", origin), "OK");
    });
    expect(found).toBe("none-means-none");
  });

  test("none-means-none: a client is told so of a command that has taken effect", () => {
    const found = watch((effects) => {
      apply(effects, "B", command(1, "SET x=1", origin), "OK");
      effects.refused(origin);
    });
    expect(found).toBe("none-means-none");
  });

  test.each<[string, number, unknown]>([
    ["of an effect at another index", 2, "OK"],
    ["of another result", 1, "no"],
  ])("acknowledged-took-effect: a client is told %s", (_, index, result) => {
    const found = watch((effects) => {
      apply(effects, "B", command(1, "SET x=1", origin), "OK");
      effects.answered(origin, index, result);
    });
    expect(found).toBe("acknowledged-took-effect");
  });

  test("acknowledged-took-effect: a client is told of an effect that there was not", () => {
    expect(watch((effects) => effects.answered(origin, 1, "OK"))).toBe("acknowledged-took-effect");
  });
});
