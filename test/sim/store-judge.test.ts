import { describe, expect, test } from "vitest";
import { judgeStore } from "../../sim/store/judge.ts";
import type { Line } from "./store-history.ts";
import {
  all,
  answer,
  del,
  delUnder,
  done,
  each,
  found,
  history,
  local,
  nothing,
  open,
  put,
  read,
  refused,
  text,
  watch,
} from "./store-history.ts";

const set = (key: string, value: string) => text(put(key, value));
const ok = answer(done());

describe("could have happened", () => {
  test.each<[string, readonly Line[]]>([
    ["nothing at all", []],
    [
      "text commands and batches, one after the other",
      [
        [0, 1, set("a/1", "v1"), ok],
        [2, 3, text(put("a/1", "v2", { value: "v1" })), ok],
        [4, 5, text(put("a/1", "v3", { value: "v1" })), answer(refused())],
        [6, 7, each(put("a/2", "v4", { index: 0 }), del("a/3")), answer(done(9), nothing(0))],
        [8, 9, read("a/"), found(9, "a/1=v2@5", "a/2=v4@9")],
        [
          10,
          11,
          all(put("a/1", "v5", { index: 5 }), put("a/2", "v6", { index: 5 })),
          answer(refused(5), refused(9)),
        ],
        [12, 13, text(del("a/2")), ok],
        [14, 15, text(del("a/2")), answer(nothing())],
        [16, 17, each(delUnder("a/"), put("a/3", "v7")), answer(done(12), done(12))],
        [18, 19, read("a/"), found(12, "a/3=v7@12")],
      ],
    ],
    [
      "a list beside two writes sees one of them",
      [
        [0, 5, set("a/1", "v1"), ok],
        [1, 6, set("a/2", "v2"), ok],
        [2, 3, read("a/"), found(null, "a/2=v2")],
      ],
    ],
    [
      "a batch of unknown outcome that was carried out between two reads",
      [
        [0, open, all(put("a/1", "v1"), put("a/2", "v2"))],
        [1, 2, read("a/"), found(1)],
        [3, 4, read("a/"), found(3, "a/1=v1@3", "a/2=v2@3")],
      ],
    ],
    [
      "a deletion that only a batch of unknown outcome explains, and that must have come before a later write",
      [
        [0, 1, each(put("a/1", "v1"), put("a/2", "v2")), answer(done(2), done(2))],
        [2, open, each(delUnder("a/"))],
        [3, 4, set("a/1", "v3"), ok],
        [5, 6, read("a/2"), found(9)],
        [7, 8, read("a/"), found(9, "a/1=v3@9")],
      ],
    ],
    [
      "a refusal that shows the index of a write nobody ever saw",
      [
        [0, 1, each(put("x", "v1")), answer(done(2))],
        [2, open, each(put("x", "v2"))],
        [3, 4, each(put("x", "v3", { index: 2 })), answer(refused(5))],
        [5, 6, each(put("x", "v4", { index: 5 })), answer(done(7))],
      ],
    ],
    [
      "a local read of long ago, after newer ones at another node's run",
      [
        [0, 1, each(put("x", "v1")), answer(done(2))],
        [2, 3, each(put("x", "v2")), answer(done(3))],
        [4, 5, read("x"), found(3, "x=v2@3")],
        [6, 7, local("x"), found(2, "x=v1@2")],
        [8, 9, local("x"), found(3, "x=v2@3")],
      ],
    ],
    [
      "a watch that is held back until a change, and one that was not held back because it had fallen behind",
      [
        [0, 1, each(put("a/1", "v1")), answer(done(2))],
        [2, 9, watch("a/", 2), found(5, "a/1=v1@2", "a/2=v2@5")],
        [3, 4, each(put("x", "v0")), answer(done(4))],
        [5, 6, each(put("a/2", "v2")), answer(done(5))],
        [10, 11, watch("a/", 2), found(5, "a/1=v1@2", "a/2=v2@5")],
        [12, 13, watch("a/", 5), found(5, "a/1=v1@2", "a/2=v2@5")],
      ],
    ],
  ])("%s", (_, lines) => {
    expect(judgeStore(history(lines, [2, 2, 2]))).toBeNull();
  });
});

describe("could not have happened", () => {
  test.each<[string, readonly Line[], says: RegExp]>([
    [
      "a lost write",
      [
        [0, 1, each(put("x", "v1")), answer(done(2))],
        [2, 3, read("x"), found(2)],
      ],
      /^READ x of client 1 at A was answered with \[\] at 2 when there was x: v1$/,
    ],
    [
      "a stale read",
      [
        [0, 1, each(put("x", "v1")), answer(done(2))],
        [2, 3, each(put("x", "v2")), answer(done(3))],
        [4, 5, read("x"), found(3, "x=v1@2")],
      ],
      /^EACH \[PUT x=v2\] .* when there was x: v1; but READ x of client 2/,
    ],
    [
      "a stale read with an index of its own time",
      [
        [0, 1, each(put("x", "v1")), answer(done(2))],
        [2, 3, each(put("x", "v2")), answer(done(3))],
        [4, 5, read("x"), found(2, "x=v1@2")],
      ],
      /it stands at 2 and began after EACH \[PUT x=v2\]/,
    ],
    [
      "a list that mixes two moments",
      [
        [0, 1, all(put("a/1", "v1"), put("a/2", "v2")), answer(done(2), done(2))],
        [2, 3, all(put("a/1", "v3"), put("a/2", "v4")), answer(done(3), done(3))],
        [4, 5, read("a/"), found(null, "a/1=v1", "a/2=v4")],
      ],
      /; but READ a\/\*/,
    ],
    [
      "half of an atomic batch",
      [
        [0, open, all(put("a/1", "v1"), put("a/2", "v2"))],
        [1, 2, read("a/"), found(null, "a/1=v1")],
      ],
      /^READ a\/\*/,
    ],
    [
      "an atomic batch that was carried out although a condition did not hold",
      [
        [0, 1, each(put("a/1", "v1")), answer(done(2))],
        [2, 3, all(put("a/1", "v2", { index: 0 }), put("a/2", "v3")), answer(done(3), done(3))],
      ],
      /^ALL/,
    ],
    [
      "an atomic batch that was refused although all conditions held",
      [
        [0, 1, each(put("a/1", "v1")), answer(done(2))],
        [2, 3, all(put("a/1", "v2", { index: 2 }), put("a/2", "v3")), answer(refused(2), refused(0))],
      ],
      /^ALL/,
    ],
    [
      "a refusal that shows the index of a value gone before",
      [
        [0, 1, each(put("x", "v1")), answer(done(2))],
        [2, 3, each(put("x", "v2")), answer(done(3))],
        [4, 5, each(put("x", "v3", { index: 9 })), answer(refused(2))],
      ],
      /^EACH \[PUT x=v2\] .* when there was x: v1; but EACH \[PUT x=v3 if it is @9\]/,
    ],
    [
      "two puts on one index that were both done",
      [
        [0, 1, each(put("x", "v1")), answer(done(2))],
        [2, 5, each(put("x", "v2", { index: 2 })), answer(done(3))],
        [3, 6, each(put("x", "v3", { index: 2 })), answer(done(4))],
      ],
      /^EACH \[PUT x=v3 if it is @2\]/,
    ],
    [
      "a recursive deletion that left something",
      [
        [0, 1, each(put("a/1", "v1"), put("a/2", "v2")), answer(done(2), done(2))],
        [2, 3, each(delUnder("a/")), answer(done(3))],
        [4, 5, read("a/2"), found(3, "a/2=v2@2")],
      ],
      /a\/2/,
    ],
    [
      "a recursive deletion of nothing that says it did something",
      [
        [0, 1, each(put("a/1", "v1")), answer(done(2))],
        [2, 3, each(del("a/1")), answer(done(3))],
        [4, 5, each(delUnder("a/")), answer(done(4))],
      ],
      /^EACH \[DELETE a\/\*\]/,
    ],
    [
      "one index for two changes",
      [
        [0, 1, each(put("x", "v1")), answer(done(2))],
        [2, 3, each(put("y", "v2")), answer(done(2))],
      ],
      /index 2 is that of another change too/,
    ],
    [
      "two indexes for one change",
      [
        [0, 1, each(put("x", "v1")), answer(done(2))],
        [2, 3, read("x"), found(3, "x=v1@3")],
      ],
      /index 3 for a change that is 2 elsewhere/,
    ],
    [
      "two indexes for one change of unknown outcome",
      [
        [0, open, each(put("x", "v1"))],
        [1, 2, read("x"), found(3, "x=v1@3")],
        [4, 5, local("x"), found(4, "x=v1@4")],
      ],
      /index 4 for a change that is 3 elsewhere/,
    ],
    [
      "a change with an index above that of the answer",
      [[0, 1, read("x"), found(2, "x=v1@3")]],
      /x was changed at 3, after the index of the answer/,
    ],
    [
      "indexes that fall from one write to the next, though they are of other keys",
      [
        [0, 1, each(put("x", "v1")), answer(done(5))],
        [2, 3, each(put("y", "v2")), answer(done(4))],
      ],
      /^EACH \[PUT y=v2\] .* stands at 4 and began after EACH \[PUT x=v1\]/,
    ],
    [
      "an index that falls below one that was read",
      [
        [0, 1, read("x"), found(7)],
        [2, 3, each(put("y", "v2")), answer(done(7))],
      ],
      /stands at 7 and began after READ x/,
    ],
    [
      "changes that took effect against the order of their indexes",
      [
        [0, 3, each(put("x", "v1")), answer(done(3))],
        [1, 4, each(put("x", "v2")), answer(done(2))],
        [5, 6, read("x"), found(null, "x=v2")],
      ],
      /^EACH \[PUT x=v1\]/,
    ],
    [
      "two states at one index, though there was a change that nobody told the index of",
      [
        [0, 1, each(put("x", "v1")), answer(done(2))],
        [2, 3, read("x"), found(2, "x=v1@2")],
        [4, 5, text(del("x")), ok],
        [6, 7, read("x"), found(2)],
      ],
      /^READ x of client 3 .* with \[\] at 2; but READ x of client 1/,
    ],
    [
      "a read of more than was there at its index",
      [
        [0, 1, each(put("x", "v1")), answer(done(2))],
        [2, 9, each(put("x", "v2")), answer(done(4))],
        [3, 8, read("x"), found(4, "x=v1@2")],
      ],
      /^READ x/,
    ],
    [
      "a watch that goes on from its index and passes over a change",
      [
        [0, 1, each(put("a/1", "v1")), answer(done(2))],
        [2, 9, watch("a/", 2), found(5, "a/1=v1@2")],
        [3, 4, each(put("a/2", "v2")), answer(done(4))],
      ],
      /^WATCH a\/\* after 2/,
    ],
    [
      "a local read that goes back at one run",
      [
        [0, 1, each(put("x", "v1")), answer(done(2))],
        [2, 3, each(put("x", "v2")), answer(done(3))],
        [4, 5, local("x"), found(3, "x=v2@3")],
        [6, 7, local("x"), found(2, "x=v1@2")],
      ],
      /as it is here of client 3 .* stands at 2 and began after READ x as it is here/,
    ],
    [
      "a local read of what never was",
      [
        [0, 1, all(put("a/1", "v1"), put("a/2", "v2")), answer(done(2), done(2))],
        [2, 3, all(put("a/1", "v3"), put("a/2", "v4")), answer(done(3), done(3))],
        [4, 5, local("a/"), found(2, "a/1=v1@2", "a/2=v4@3")],
      ],
      /after the index of the answer/,
    ],
    [
      "a local read of what never was, without indexes to tell",
      [
        [0, 1, all(put("a/1", "v1"), put("a/2", "v2")), answer(done(2), done(2))],
        [2, 3, all(put("a/1", "v3"), put("a/2", "v4")), answer(done(3), done(3))],
        [4, 5, local("a/"), found(null, "a/1=v1", "a/2=v4")],
      ],
      /^READ a\/\* as it is here/,
    ],
    [
      "a local read of the future",
      [
        [0, 1, local("x"), found(2, "x=v1@2")],
        [2, 3, each(put("x", "v1")), answer(done(2))],
      ],
      /^READ x as it is here/,
    ],
    [
      "a list that shows what was not asked for",
      [
        [0, 1, set("b/1", "v1"), ok],
        [2, 3, read("a/"), found(null, "b/1=v1")],
      ],
      /b\/1 was not asked for/,
    ],
    [
      "a list out of order",
      [
        [0, 1, each(put("a/1", "v1"), put("a/2", "v2")), answer(done(2), done(2))],
        [2, 3, read("a/"), found(2, "a/2=v2@2", "a/1=v1@2")],
      ],
      /keys out of order/,
    ],
    [
      "a batch with a result too few",
      [[0, 1, each(put("a/1", "v1"), put("a/2", "v2")), answer(done(2))]],
      /that is no answer to it/,
    ],
    ["a write that is answered as a read", [[0, 1, set("x", "v1"), found(2)]], /that is no answer to it/],
    [
      "a write that takes away what is seen later",
      [
        [0, 1, set("x", "v1"), ok],
        [2, 3, set("x", "v2"), ok],
        [4, 5, read("x"), found(null, "x=v1")],
      ],
      /^SET x=v2 of client 1 .* when there was x: v1; but READ x of client 2/,
    ],
  ])("%s", (_, lines, says) => {
    expect(judgeStore(history(lines))).toMatch(says);
  });
});
