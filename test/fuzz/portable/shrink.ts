import type { FuzzBody, FuzzRequest, Step } from "./request.ts";

export interface Failure {
  /** The step at which it came out. */
  readonly at: number;
  readonly error: unknown;
}

/** Runs these steps against a new cluster. null: all was well. */
export type Play = (steps: readonly Step[]) => Promise<Failure | null>;

export interface Shrunk {
  readonly steps: readonly Step[];
  readonly error: unknown;
}

/** Makes a failing run smaller for as long as there is time: fewer steps first, then less in each of them. */
export async function shrink(
  steps: readonly Step[],
  failure: Failure,
  play: Play,
  hasTime: () => boolean,
): Promise<Shrunk> {
  let smallest: Shrunk = { steps: steps.slice(0, failure.at + 1), error: failure.error };
  const accept = async (candidate: readonly Step[]): Promise<boolean> => {
    if (!hasTime()) return false;
    const failed = await play(candidate);
    if (failed === null) return false;
    smallest = { steps: candidate.slice(0, failed.at + 1), error: failed.error };
    return true;
  };
  for (let length = Math.ceil(smallest.steps.length / 2); length >= 1; length = nextLength(length)) {
    for (let from = 0; from < smallest.steps.length && hasTime(); ) {
      const rest = [...smallest.steps.slice(0, from), ...smallest.steps.slice(from + length)];
      if (!(await accept(rest))) from += length;
    }
  }
  for (let at = 0; at < smallest.steps.length; at++) {
    let isSmaller = true;
    while (isSmaller && hasTime()) {
      isSmaller = false;
      for (const step of simpler(smallest.steps[at])) {
        isSmaller = await accept(smallest.steps.with(at, step));
        if (isSmaller) break;
      }
    }
  }
  return smallest;
}

function nextLength(length: number): number {
  return length === 1 ? 0 : Math.ceil(length / 2);
}

/** The same step with one thing less in it. */
function* simpler(step: Step | undefined): Generator<Step> {
  if (step?.type !== "request") return;
  const changed = (change: Partial<FuzzRequest>): Step => ({ ...step, ...change });
  if (step.node !== 0) yield changed({ node: 0 });
  for (const [at] of step.headers.entries()) yield changed({ headers: step.headers.toSpliced(at, 1) });
  const [path = "", ...rest] = step.target.split("?");
  const parameters = rest.join("?").split("&");
  if (rest.length > 0) {
    for (const [at] of parameters.entries()) {
      const left = parameters.toSpliced(at, 1).join("&");
      yield changed({ target: left === "" ? path : `${path}?${left}` });
    }
  }
  for (const body of simplerBodies(step.body)) yield changed({ body });
}

function* simplerBodies(body: FuzzBody): Generator<FuzzBody> {
  if (body === null) return;
  yield null;
  if ("json" in body) for (const json of simplerJson(body.json)) yield { json };
  if ("bytes" in body && body.bytes.length > 0) yield { bytes: body.bytes.subarray(0, -1) };
  if ("text" in body && body.text !== "") yield { text: body.text.slice(0, -1) };
}

/** With an item or a field less, here or further down. */
function* simplerJson(value: unknown): Generator<unknown> {
  if (Array.isArray(value)) {
    for (const [at, item] of value.entries()) {
      yield value.toSpliced(at, 1);
      for (const smaller of simplerJson(item)) yield value.with(at, smaller);
    }
    return;
  }
  if (typeof value !== "object" || value === null) return;
  for (const [name, item] of Object.entries(value)) {
    yield Object.fromEntries(Object.entries(value).filter(([own]) => own !== name));
    for (const smaller of simplerJson(item)) yield { ...value, [name]: smaller };
  }
}
