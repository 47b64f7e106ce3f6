import type { Model } from "../linearizability.ts";
import type { StoreCall } from "./call.ts";
import type { StoreObject } from "./objects.ts";
import type { StepResult, StoreAnswer, WriteAnswer } from "./operation.ts";
import type {
  PreparedCall,
  PreparedCondition,
  PreparedInput,
  PreparedStep,
  PreparedWrite,
} from "./prepared.ts";
import { ABSENT, foundBy, PreparedObject } from "./prepared.ts";
import type { Revisions } from "./revisions.ts";

/** How a command goes on from a state, step by step. */
interface Course {
  readonly values: string;
  readonly refused: boolean;
}

/**
 * A few keys that are judged together. A state holds a character for the value of each key, and one for how many
 * changes with known revisions there have been: these happen in the order of their revisions, which leaves the search
 * little to try.
 */
export class Directory implements Model<PreparedInput, StoreAnswer> {
  readonly initial: string;
  readonly #object: PreparedObject;
  readonly #revisions: Revisions;
  /** How many keys: where in a state the count of known changes stands. */
  readonly #size: number;

  constructor(object: StoreObject, revisions: Revisions) {
    this.#object = new PreparedObject(object, revisions);
    this.#revisions = revisions;
    this.#size = object.keys.length;
    this.initial = String.fromCharCode(...object.keys.map(() => ABSENT), 0);
  }

  /** In the order of the object's. */
  get calls(): readonly PreparedCall[] {
    return this.#object.calls;
  }

  isRead({ type }: PreparedInput, output: StoreAnswer): boolean {
    return type === "read" || (output as WriteAnswer).results.every(({ changed }) => changed === false);
  }

  apply(
    state: string,
    input: PreparedInput,
    output: StoreAnswer | undefined,
    now: number,
  ): readonly string[] {
    const rank = state.charCodeAt(this.#size);
    if (input.type === "read") {
      const isThen = input.upTo === null || input.upTo === rank;
      return isThen && input.seen.every(({ place, value }) => state.charCodeAt(place) === value)
        ? [state]
        : [];
    }
    if (input.rank !== null && input.rank !== rank) return [];
    const next = String.fromCharCode(input.rank === null ? rank : rank + 1);
    const states = new Set<string>();
    for (const { values } of this.#courses(state, input, output as WriteAnswer | undefined)) {
      if (!this.#losesWhatIsNeeded(state, values, rank, now)) states.add(values + next);
    }
    return [...states];
  }

  /** A state in words. */
  describe(state: string): string {
    const { keys, values } = this.#object;
    return keys.map((key, place) => `${key}: ${values[state.charCodeAt(place)]?.text}`).join(", ");
  }

  /** Whether `later` finds what one of the states holds. */
  findsAgain(states: readonly string[], later: StoreCall): boolean {
    const { keys, values } = this.#object;
    return foundBy(later).some(({ key, value }) => {
      const place = keys.indexOf(key);
      return states.some((state) => values[state.charCodeAt(place)]?.text === value);
    });
  }

  #courses(state: string, { atomic, steps }: PreparedWrite, answer: WriteAnswer | undefined): Course[] {
    const start: Course = { values: state.slice(0, this.#size), refused: false };
    const results = answer?.results;
    const isRolledBack = atomic && results?.some(({ ok }) => !ok);
    let courses = [start];
    steps.forEach((step, at) => {
      courses = courses.flatMap((course) =>
        this.#step(course, step, isRolledBack ? undefined : results?.[at]),
      );
    });
    if (!atomic) return courses;
    if (isRolledBack) {
      return courses.some(({ refused }) => refused) && this.#showsIndexes(start, steps, results)
        ? [start]
        : [];
    }
    return courses.map((course) => (course.refused ? start : course));
  }

  /** The ways one step may go, of which more than one are possible only where a revision is not known. */
  #step(course: Course, step: PreparedStep, result: StepResult | undefined): Course[] {
    if (step.type === "delete-under") {
      const present = step.places.filter((place) => course.values.charCodeAt(place) !== ABSENT);
      if (result !== undefined && !(result.ok && fits(result.changed, present.length > 0))) return [];
      return [present.reduce((led, place) => withValue(led, place, ABSENT), course)];
    }
    const current = course.values.charCodeAt(step.place);
    if (step.type === "delete" && current === ABSENT) {
      return result === undefined || (result.ok && fits(result.changed, false)) ? [course] : [];
    }
    const holds = this.#holds(current, step.on);
    const courses: Course[] = [];
    if (holds !== false && (result === undefined || (result.ok && fits(result.changed, true)))) {
      courses.push(withValue(course, step.place, step.type === "put" ? step.value : ABSENT));
    }
    if (holds !== true && (result === undefined || (!result.ok && this.#hasIndex(current, result.index)))) {
      courses.push({ ...course, refused: true });
    }
    return courses;
  }

  /** null: nobody knows. */
  #holds(current: number, on: PreparedCondition): boolean | null {
    if (on === null) return true;
    if ("value" in on) return current === on.value;
    if (current === ABSENT || on.index === 0) return current === ABSENT && on.index === 0;
    const revision = this.#object.values[current]?.revision ?? null;
    if (revision !== null) return revision === on.index;
    return this.#revisions.writerOf(on.index) === null ? null : false;
  }

  #hasIndex(current: number, index: number | null): boolean {
    return index === null || this.#holds(current, { index }) !== false;
  }

  /** What was rolled back shows the indexes of before. */
  #showsIndexes(
    { values }: Course,
    steps: readonly PreparedStep[],
    results: readonly StepResult[] = [],
  ): boolean {
    return steps.every((step, at) => {
      const index = results[at]?.index ?? null;
      if (step.type === "delete-under") return index === null || index === 0;
      return this.#hasIndex(values.charCodeAt(step.place), index);
    });
  }

  /** A value that is written once and will be found again must not go before that: no need to wait and see. */
  #losesWhatIsNeeded(before: string, after: string, rank: number, now: number): boolean {
    for (let place = 0; place < this.#size; place++) {
      const value = before.charCodeAt(place);
      if (value === after.charCodeAt(place)) continue;
      const { neededUntil = 0, neededAt = 0 } = this.#object.values[value] ?? {};
      if (neededUntil > now || neededAt > rank) return true;
    }
    return false;
  }
}

function fits(told: boolean | null, is: boolean): boolean {
  return told === null || told === is;
}

function withValue({ values, refused }: Course, place: number, value: number): Course {
  const after = values.slice(0, place) + String.fromCharCode(value) + values.slice(place + 1);
  return { values: after, refused };
}
