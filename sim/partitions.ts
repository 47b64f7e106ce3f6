import type { NodeId } from "../shared/raft/types.ts";
import type { Cut } from "./network.ts";
import type { Random } from "./random.ts";

/** Ways in which a network falls apart. */

/** Two parts that do not hear each other. `first` is in the smaller one. */
export function split(ids: readonly NodeId[], first: NodeId, random: Random): Cut {
  const others = random.shuffle(ids.filter((id) => id !== first));
  const inPart = new Set([first, ...others.slice(0, random.int(0, Math.max(0, (ids.length - 1) / 2 - 1)))]);
  return (from, to) => inPart.has(from) !== inPart.has(to);
}

/** `id` is not heard by some or all of the others, or does not hear them. */
export function oneWay(ids: readonly NodeId[], id: NodeId, random: Random): Cut {
  const others = random.shuffle(ids.filter((other) => other !== id));
  const concerned = new Set(others.slice(0, random.int(1, others.length)));
  return random.chance(0.5)
    ? (from, to) => from === id && concerned.has(to)
    : (from, to) => to === id && concerned.has(from);
}

/** Two parts that hear each other only through `bridge`. */
export function bridged(ids: readonly NodeId[], bridge: NodeId, random: Random): Cut {
  const others = random.shuffle(ids.filter((id) => id !== bridge));
  const left = new Set(others.slice(0, Math.floor(others.length / 2)));
  return (from, to) => from !== bridge && to !== bridge && left.has(from) !== left.has(to);
}
