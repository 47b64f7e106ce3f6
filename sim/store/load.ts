import type { Random } from "../random.ts";
import type { Condition, ReadMode, Step, StoreAnswer, StoreOperation, Target } from "./operation.ts";
import { isUnder } from "./operation.ts";

/** The keys that clients meet on. Those of one directory are written in one batch and read in one list. */
export interface StoreShape {
  readonly directories: readonly { readonly prefix: string; readonly keys: readonly string[] }[];
  /** Keys that have nothing to do with others. */
  readonly keys: readonly string[];
}

/** Few keys, or clients would not meet; directories small enough to be judged exactly. */
export function drawShape(random: Random): StoreShape {
  const directories = ["a/", "b/"].slice(0, random.int(1, 2)).map((prefix) => {
    return { prefix, keys: ["1", "2", "3", "4"].slice(0, random.int(2, 4)).map((name) => prefix + name) };
  });
  return { directories, keys: ["x", "y"].slice(0, random.int(1, 2)) };
}

/** What was last seen of a key by whoever got an answer. */
interface Sight {
  /** null: not told. */
  readonly value: string | null;
  readonly index: number | null;
}

const longestWaitMs = 1500;
const mostSteps = 4;

/**
 * What clients of the key-value store do: text commands and batches, reads of keys and of prefixes, by all ways of
 * reading. Every value is written once, so that whoever reads it knows which write it was.
 */
export class StoreLoad {
  readonly #shape: StoreShape;
  readonly #keys: readonly string[];
  #values = 0;
  /** A condition has something to hope for. */
  readonly #seen = new Map<string, Sight>();
  /** By client and target: where a client's watch goes on from. */
  readonly #watched = new Map<string, number>();

  constructor(shape: StoreShape) {
    this.#shape = shape;
    this.#keys = [...shape.directories.flatMap(({ keys }) => keys), ...shape.keys];
  }

  next(client: number, random: Random): StoreOperation {
    const luck = random.float();
    if (luck < 0.38) return this.#text(random);
    if (luck < 0.58) return this.#batch(random);
    const target = this.#target(random);
    if (luck < 0.8) return read(target, { type: "linearizable" });
    if (luck < 0.87) return read(target, { type: "local" });
    const known = this.#watched.get(watchName(client, target)) ?? 0;
    const after = random.chance(0.1) ? 0 : known;
    return read(target, { type: "blocking", after, waitMs: Math.ceil(random.between(20, longestWaitMs)) });
  }

  /** Later operations build on what was answered. */
  heard(client: number, operation: StoreOperation, answer: StoreAnswer): void {
    if (operation.type === "read" && answer.type === "read") {
      const { target, mode } = operation;
      for (const { key, value, modifyIndex } of answer.items)
        this.#seen.set(key, { value, index: modifyIndex });
      if (mode.type !== "local" && answer.index !== null) {
        this.#watched.set(watchName(client, target), answer.index);
      }
      if (mode.type === "local") return;
      const present = new Set(answer.items.map(({ key }) => key));
      const gone = this.#keys.filter((key) => isUnder(target, key) && !present.has(key));
      for (const key of gone) this.#seen.set(key, { value: null, index: 0 });
    }
    if (operation.type === "write" && answer.type === "write") {
      operation.steps.forEach((step, at) => {
        const { ok = false, index = null } = answer.results[at] ?? {};
        if (step.type === "delete-under") return;
        if (!ok) this.#seen.set(step.key, { value: null, index });
        else if (step.type === "put") this.#seen.set(step.key, { value: step.value, index });
      });
    }
  }

  #text(random: Random): StoreOperation {
    const key = random.pick(this.#keys);
    const luck = random.float();
    if (luck < 0.2) return { type: "read", form: "text", target: { key }, mode: { type: "linearizable" } };
    const expected = this.#seen.get(key)?.value ?? null;
    const step: Step =
      luck < 0.32
        ? { type: "delete", key, on: null }
        : this.#put(key, luck < 0.55 && expected !== null ? { value: expected } : null);
    return { type: "write", form: "text", atomic: false, steps: [step] };
  }

  #batch(random: Random): StoreOperation {
    const { prefix, keys } = this.#tied(random);
    const steps = Array.from({ length: random.int(1, Math.min(mostSteps, keys.length + 1)) }, () => {
      return this.#step(prefix, random.pick(keys), random);
    });
    return { type: "write", form: "batch", atomic: random.chance(0.5), steps };
  }

  #step(prefix: string | null, key: string, random: Random): Step {
    const luck = random.float();
    if (luck < 0.06 && prefix !== null) return { type: "delete-under", prefix };
    const index = this.#seen.get(key)?.index ?? null;
    const on = index !== null && random.chance(0.4) ? { index } : null;
    return luck < 0.22 ? { type: "delete", key, on } : this.#put(key, on);
  }

  #put(key: string, on: Condition): Step {
    return { type: "put", key, value: `v${++this.#values}`, on };
  }

  /** The keys of a directory, or one alone. */
  #tied(random: Random): { readonly prefix: string | null; readonly keys: readonly string[] } {
    const { directories, keys } = this.#shape;
    return random.chance(0.85) ? random.pick(directories) : { prefix: null, keys: [random.pick(keys)] };
  }

  #target(random: Random): Target {
    const { directories } = this.#shape;
    return random.chance(0.55)
      ? { prefix: random.pick(directories).prefix }
      : { key: random.pick(this.#keys) };
  }
}

function read(target: Target, mode: ReadMode): StoreOperation {
  return { type: "read", form: "index", target, mode };
}

function watchName(client: number, target: Target): string {
  return `${client} ${"key" in target ? target.key : `${target.prefix}*`}`;
}
