import { describe, expect, test } from "vitest";
import type { NodeEvent } from "../../shared/node/events.ts";
import { NodeReporter } from "../../shared/node/node-reporter.ts";
import type { StateMachine } from "../../shared/node/state-machine.ts";

/** Who wants each command as an event gets it, and who only counts them is asked, whether or not the other is there. */

const clock = { now: () => 7, wallTime: () => 0 };
const entries = () => [
  {
    index: 5,
    term: 1,
    kind: "command" as const,
    size: 0,
    data: { time: 0, origin: null, schema: 1, bytes: new Uint8Array() },
    ordinal: 3,
  },
];

describe("a committed command", () => {
  test.each([
    ["is counted and an event, when the counter wants it shown", true, false, 1, 1],
    ["is only counted, when the counter wants no more", true, true, 1, 0],
    ["is counted where nobody listens to events", false, false, 1, 0],
    ["is an event where nobody counts", true, null, 0, 1],
  ])("%s", (_name, listens, answer, asked, told) => {
    const counted: unknown[] = [];
    const events: NodeEvent[] = [];
    const reporter = new NodeReporter(
      {
        onEvent: listens ? (event) => events.push(event) : undefined,
        countEntries:
          answer === null
            ? undefined
            : (...count) => {
                counted.push(count);
                return answer;
              },
      },
      clock,
      {} as StateMachine,
    );
    reporter.committed({ count: 1, ordinal: 3 }, true, entries);
    expect(counted).toEqual(asked ? [["committed", 1, 3, true, 7]] : []);
    expect(events.map(({ trace }) => trace)).toEqual(
      told ? [{ type: "entry-committed", leader: true, ordinal: 3, index: 5 }] : [],
    );
  });
});
