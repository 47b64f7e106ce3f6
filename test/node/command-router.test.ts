import { expect, test } from "vitest";
import { CommandRouter } from "../../shared/node/command-router.ts";

type Parts = ConstructorParameters<typeof CommandRouter>[0];

const ignored = () => undefined;

/** A router of a node that has just become leader; returns the ranges of the log that it looks through. */
function rangesOfNewLeader(
  applied: number,
  told: number,
  lastIndex: number,
): [first: number, last: number][] {
  const ranges: [number, number][] = [];
  const parts = {
    raft: { role: "Leader", term: 2, leader: "A" },
    tail: {
      lastIndex,
      range: (first: number, last: number) => {
        ranges.push([first, last]);
        return [];
      },
    },
    applier: { applied, told },
    commands: { recordLeaderChange: ignored },
    reads: { recordLeaderChange: ignored },
    waits: { endAll: ignored },
  };
  new CommandRouter(parts as unknown as Parts).noticeLeader();
  return ranges;
}

test("a new leader looks for commands in what is not applied yet", () => {
  expect(rangesOfNewLeader(90, 80, 100)).toEqual([[91, 100]]);
});

test("one whose state machine is replaying its log does not look through all that is replayed", () => {
  expect(rangesOfNewLeader(10, 90, 100)).toEqual([[91, 100]]);
});
