import { beforeEach, describe, expect, test } from "vitest";
import { RaftLiteError } from "../../shared/errors.ts";
import { ClientReads } from "../../shared/node/client-reads.ts";
import { settled, Waiting } from "./support/waiting.ts";

let reads: ClientReads;

beforeEach(() => {
  reads = new ClientReads(3);
});

const add = (deadline = 5000) =>
  new Waiting(new Promise<void>((resolve, reject) => reads.add({ deadline, resolve, reject })));

async function states(...waiting: readonly Waiting<void>[]): Promise<string[]> {
  await settled();
  return waiting.map((one) => (one.isPending ? "pending" : one.isRefused ? one.error.code : "answered"));
}

test("all reads of one turn share one attempt", async () => {
  const waiting = [add(), add(), add()];
  const readId = reads.start(0);
  expect(reads.hasWaiting).toBe(false);
  const later = add();
  reads.recordOutcome(readId, 7);
  reads.release(6);
  expect(await states(...waiting)).toEqual(["pending", "pending", "pending"]);
  reads.release(7);
  expect(await states(...waiting, later)).toEqual(["answered", "answered", "answered", "pending"]);
  expect(reads.count).toBe(1);
});

test("a read is answered when its index is applied, not by one applied before it was confirmed", async () => {
  const waiting = add();
  const readId = reads.start(0);
  reads.release(100);
  expect(await states(waiting)).toEqual(["pending"]);
  reads.recordOutcome(readId, 100);
  reads.release(100);
  expect(await states(waiting)).toEqual(["answered"]);
});

test("attempts of different starts of a node are never taken for each other", async () => {
  const waiting = add();
  const readId = reads.start(0);
  const earlier = new ClientReads(2);
  earlier.add({ deadline: 1, resolve: () => {}, reject: () => {} });
  expect(earlier.start(0)).not.toBe(readId);
  reads.recordOutcome(earlier.start(0), 1);
  reads.release(1);
  expect(await states(waiting)).toEqual(["pending"]);
});

describe("an attempt is made again under a new id", () => {
  test("when it was refused", async () => {
    const waiting = add();
    const first = reads.start(0);
    reads.recordOutcome(first, null);
    expect(reads.hasWaiting).toBe(true);
    const second = reads.start(10);
    expect(second).not.toBe(first);
    reads.recordOutcome(first, 1);
    reads.release(1);
    expect(await states(waiting)).toEqual(["pending"]);
    reads.recordOutcome(second, 1);
    reads.release(1);
    expect(await states(waiting)).toEqual(["answered"]);
  });

  test("when the leader changes before it is confirmed, and not after", () => {
    add();
    reads.start(0);
    add();
    const confirmed = reads.start(0);
    reads.recordOutcome(confirmed, 5);
    reads.recordLeaderChange();
    expect(reads.hasWaiting).toBe(true);
    reads.start(1);
    reads.release(5);
    expect(reads.count).toBe(1);
  });

  test("when nothing is heard of it for half a second", () => {
    add();
    reads.start(100);
    expect(reads.deadline).toBe(600);
    reads.expire(599, "A");
    expect(reads.hasWaiting).toBe(false);
    reads.expire(600, "A");
    expect(reads.hasWaiting).toBe(true);
    expect(reads.deadline).toBe(5000);
  });
});

describe("a read that took too long is refused, and nothing came of it", () => {
  test.each<[string, string | null, () => void]>([
    ["no-leader", null, () => {}],
    ["timeout", "A", () => reads.start(0)],
    ["timeout", "A", () => reads.recordOutcome(reads.start(0), 9)],
  ])("%s with leader %s", async (code, leader, prepare) => {
    const waiting = add(1000);
    const patient = add(2000);
    prepare();
    reads.expire(1000, leader);
    expect(await states(waiting, patient)).toEqual([code, "pending"]);
    expect(waiting.error).toMatchObject({
      status: 503,
      details: { outcome: "none", ...(leader && { leader }) },
    });
    expect(reads.count).toBe(1);
    reads.expire(1999, leader);
    expect(await states(patient)).toEqual(["pending"]);
    reads.expire(2000, leader);
    expect(await states(patient)).toEqual([code]);
    expect(reads.count).toBe(0);
    expect(reads.deadline).toBe(Number.POSITIVE_INFINITY);
  });
});

test("all are refused together, wherever they stand", async () => {
  const confirmed = add();
  reads.recordOutcome(reads.start(0), 9);
  const started = add();
  reads.start(0);
  const waiting = add();
  reads.rejectAll(new RaftLiteError("stopping", "over"));
  expect(await states(confirmed, started, waiting)).toEqual(["stopping", "stopping", "stopping"]);
  expect(reads.count).toBe(0);
});

test("when all are answered nothing is due any more, however long they would have waited", () => {
  add(60_000);
  const readId = reads.start(0);
  expect(reads.deadline).toBeLessThan(60_000);
  reads.recordOutcome(readId, 7);
  expect(reads.deadline).toBe(60_000);
  reads.release(7);
  expect(reads.deadline).toBe(Number.POSITIVE_INFINITY);
});
