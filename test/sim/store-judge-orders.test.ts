import { expect, test } from "vitest";
import { Random } from "../../sim/random.ts";
import type { StoreCall } from "../../sim/store/call.ts";
import { judgeStore } from "../../sim/store/judge.ts";
import type { StoreShape } from "../../sim/store/load.ts";
import { StoreLoad } from "../../sim/store/load.ts";
import type { StoreAnswer, StoreOperation } from "../../sim/store/operation.ts";
import type { Keys } from "./store-orders.ts";
import { carryOut, hasOrder } from "./store-orders.ts";

const shape: StoreShape = { directories: [{ prefix: "a/", keys: ["a/1", "a/2"] }], keys: ["a/1"] };

test("what a store can have answered is accepted, however operations overlap", () => {
  const random = new Random(1, "true histories");
  const refused: unknown[] = [];
  for (let count = 0; count < 1500; count++) {
    const history = drawHistory(random, random.int(5, 40));
    const verdict = judgeStore(history);
    if (verdict !== null) refused.push({ verdict, history });
  }
  expect(refused).toEqual([]);
});

test("long histories in which much was never answered are judged in no time", () => {
  const random = new Random(3, "long histories");
  for (let count = 0; count < 6; count++) {
    const history = drawHistory(random, 800);
    expect(history.filter(({ answer }) => answer === null).length).toBeGreaterThan(150);
    expect(judgeStore(history)).toBeNull();
  }
});

test("agrees with a search through all orders about answers that were tampered with", () => {
  const random = new Random(2, "tampered histories");
  const wronglyRefused: unknown[] = [];
  let refused = 0;
  let missed = 0;
  const histories = 3000;
  for (let count = 0; count < histories; count++) {
    const history = tamperWith(drawHistory(random, 6), random);
    const possible = hasOrder(history);
    if (!possible) refused++;
    const verdict = judgeStore(history);
    if (possible && verdict !== null) wronglyRefused.push({ verdict, history });
    if (!possible && verdict === null) missed++;
  }
  expect(wronglyRefused).toEqual([]);
  // Where answers withhold the index of a value, the judge takes it to be any that nobody else has.
  expect(missed).toBeLessThan(histories / 500);
  expect(refused).toBeGreaterThan(histories / 4);
  expect(refused).toBeLessThan((histories * 9) / 10);
});

interface Running {
  readonly operation: StoreOperation;
  readonly invokedAt: number;
  answer: StoreAnswer | null;
}

const mostAtOnce = 12;

/** A store that carries out the operations of a few clients one at a time, each somewhere between its two ends. */
function drawHistory(random: Random, operations: number): StoreCall[] {
  const load = new StoreLoad(shape);
  const calls: StoreCall[] = [];
  const running: Running[] = [];
  let keys: Keys = new Map();
  let index = 1;
  let lastChange = 1;
  let position = 0;
  let begun = 0;
  // With gaps, as other entries leave them.
  const carry = (each: Running) => {
    index += random.int(2, 5);
    const { keys: after, answer, changed } = carryOut(keys, each.operation, index);
    keys = after;
    if (changed) lastChange = index;
    each.answer = answer.type === "read" ? { ...answer, index: lastChange } : answer;
  };
  while (calls.length < operations) {
    const isBusy = running.length >= mostAtOnce;
    if (begun < operations && !isBusy && (running.length === 0 || random.chance(0.45))) {
      begun++;
      const operation = drawOperation(load, random);
      running.push({ operation, invokedAt: position++, answer: null });
      continue;
    }
    const each = random.pick(running);
    if (each.answer === null && random.chance(0.8)) {
      carry(each);
      continue;
    }
    running.splice(running.indexOf(each), 1);
    const isLost = each.answer === null || random.chance(0.2);
    const answer = isLost ? null : told(each, random);
    if (answer !== null) load.heard(0, each.operation, answer);
    const { operation, invokedAt } = each;
    calls.push({ client: 0, node: "A", run: 1, operation, answer, invokedAt, endedAt: position++ });
    // What was given up may still be carried out.
    if (each.answer === null && random.chance(0.7)) carry(each);
  }
  return calls;
}

/** All ways of reading are the same here but a node's own state, which needs a node. */
function drawOperation(load: StoreLoad, random: Random): StoreOperation {
  const operation = load.next(0, random);
  return operation.type === "read" ? { ...operation, mode: { type: "linearizable" } } : operation;
}

/** Answers to text commands tell of no indexes, and others need not. */
function told({ operation, answer }: Running, random: Random): StoreAnswer | null {
  const isSilent = operation.form === "text" || random.chance(0.3);
  if (answer === null || !isSilent) return answer;
  if (answer.type === "write") {
    return { ...answer, results: answer.results.map((result) => ({ ...result, index: null })) };
  }
  return { ...answer, index: null, items: answer.items.map((item) => ({ ...item, modifyIndex: null })) };
}

/** Gives one answer in place of another of its kind, or changes a little in it. */
function tamperWith(history: readonly StoreCall[], random: Random): StoreCall[] {
  const answered = history.filter(({ answer }) => answer !== null);
  if (answered.length === 0) return [...history];
  const victim = random.pick(answered);
  const others = answered.filter(({ operation, answer }) => {
    return (
      answer?.type === "read" &&
      JSON.stringify(operation) === JSON.stringify(victim.operation) &&
      answer !== null
    );
  });
  const answer =
    random.chance(0.5) && others.length > 0 ? random.pick(others).answer : nudged(victim.answer, random);
  return history.map((call) => (call === victim ? { ...call, answer } : call));
}

function nudged(answer: StoreAnswer | null, random: Random): StoreAnswer | null {
  if (answer === null) return null;
  const other = (index: number | null) => (index === null ? null : Math.max(0, index + random.int(-6, 6)));
  if (answer.type === "read") {
    if (random.chance(0.3)) return { ...answer, index: other(answer.index) };
    const items = answer.items.filter(() => random.chance(0.7));
    return { ...answer, items: items.map((item) => ({ ...item, modifyIndex: other(item.modifyIndex) })) };
  }
  const at = random.int(0, answer.results.length - 1);
  const results = answer.results.map((result, place) => {
    if (place !== at) return result;
    if (random.chance(0.4)) return { ...result, index: other(result.index) };
    return { ok: !result.ok, changed: !result.ok, index: result.index };
  });
  return { ...answer, results };
}
