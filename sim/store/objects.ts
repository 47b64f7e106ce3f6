import type { StoreCall } from "./call.ts";
import type { StoreOperation, Target } from "./operation.ts";
import { isUnder } from "./operation.ts";

/** Keys that some operation ties together, and all operations on them. A history is linearizable when each object's part is. */
export interface StoreObject {
  readonly keys: readonly string[];
  readonly calls: readonly StoreCall[];
}

/** Takes a history apart into objects that have nothing to do with each other, in the order of their first calls. */
export function objectsOf(calls: readonly StoreCall[]): StoreObject[] {
  const keys = new Set(calls.flatMap(({ operation }) => targetsOf(operation).flatMap(namedKey)));
  for (const { answer } of calls)
    if (answer?.type === "read") for (const { key } of answer.items) keys.add(key);
  const parents = new Map<string, string>([...keys].map((key) => [key, key]));
  const rootOf = (key: string): string => {
    let root = key;
    for (let above = parents.get(root); above !== undefined && above !== root; above = parents.get(root))
      root = above;
    parents.set(key, root);
    return root;
  };
  const touched = calls.map(({ operation }) => keysOf(operation, keys));
  for (const [first, ...others] of touched) {
    for (const key of others) if (first !== undefined) parents.set(rootOf(key), rootOf(first));
  }
  const objects = new Map<string, { keys: string[]; calls: StoreCall[] }>();
  for (const key of keys) {
    const root = rootOf(key);
    const object = objects.get(root) ?? { keys: [], calls: [] };
    objects.set(root, object);
    object.keys.push(key);
  }
  calls.forEach((call, at) => {
    const [first] = touched[at] as string[];
    if (first !== undefined) objects.get(rootOf(first))?.calls.push(call);
  });
  return [...objects.values()];
}

function keysOf(operation: StoreOperation, keys: ReadonlySet<string>): string[] {
  return targetsOf(operation).flatMap((target) => {
    return "key" in target ? target.key : [...keys].filter((key) => isUnder(target, key));
  });
}

function targetsOf(operation: StoreOperation): readonly Target[] {
  if (operation.type === "read") return [operation.target];
  return operation.steps.map((step) => (step.type === "delete-under" ? step : { key: step.key }));
}

function namedKey(target: Target): string[] {
  return "key" in target ? [target.key] : [];
}
