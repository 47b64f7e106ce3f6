import fc from "fast-check";
import { expect, test } from "vitest";
import type { Due } from "../../shared/node/deadline-queue.ts";
import { DeadlineQueue } from "../../shared/node/deadline-queue.ts";

class Item implements Due {
  readonly deadline: number;
  position = -1;

  constructor(deadline: number) {
    this.deadline = deadline;
  }
}

test("an empty queue is due never", () => {
  const queue = new DeadlineQueue<Item>();
  expect(queue.deadline).toBe(Number.POSITIVE_INFINITY);
  expect(queue.takeDue(Number.MAX_VALUE)).toBeUndefined();
});

test("what is not in it can be removed in vain", () => {
  const queue = new DeadlineQueue<Item>();
  const [one, other] = [new Item(1), new Item(2)];
  queue.add(one);
  queue.remove(other);
  queue.remove(one);
  queue.remove(one);
  expect(queue.size).toBe(0);
});

test("it holds what a sorted list would, whatever is added, removed and taken", () => {
  const action = fc.oneof(
    {
      weight: 30,
      arbitrary: fc.record({ type: fc.constant("add" as const), at: fc.integer({ min: 0, max: 50 }) }),
    },
    { weight: 20, arbitrary: fc.record({ type: fc.constant("remove" as const), which: fc.nat() }) },
    {
      weight: 10,
      arbitrary: fc.record({ type: fc.constant("take" as const), now: fc.integer({ min: 0, max: 50 }) }),
    },
    { weight: 1, arbitrary: fc.record({ type: fc.constant("all" as const) }) },
  );
  fc.assert(
    fc.property(fc.array(action, { maxLength: 200 }), (actions) => {
      const queue = new DeadlineQueue<Item>();
      let model: Item[] = [];
      for (const act of actions) {
        switch (act.type) {
          case "add": {
            const item = new Item(act.at);
            queue.add(item);
            model.push(item);
            break;
          }
          case "remove": {
            const item = model[act.which % Math.max(1, model.length)];
            if (item) queue.remove(item);
            model = model.filter((one) => one !== item);
            break;
          }
          case "take": {
            const taken: Item[] = [];
            for (let item = queue.takeDue(act.now); item; item = queue.takeDue(act.now)) taken.push(item);
            const due = model.filter(({ deadline }) => deadline <= act.now);
            expect(taken.map(({ deadline }) => deadline)).toEqual(
              due.map(({ deadline }) => deadline).sort((a, b) => a - b),
            );
            expect(new Set(taken)).toEqual(new Set(due));
            model = model.filter(({ deadline }) => deadline > act.now);
            break;
          }
          case "all":
            expect(new Set(queue.takeAll())).toEqual(new Set(model));
            model = [];
        }
        expect(queue.size).toBe(model.length);
        expect(queue.deadline).toBe(
          Math.min(Number.POSITIVE_INFINITY, ...model.map(({ deadline }) => deadline)),
        );
        expect(model.every(({ position }) => position >= 0)).toBe(true);
      }
    }),
  );
});
