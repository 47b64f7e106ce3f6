import { invariant } from "../errors.ts";
import type { ChangeLog } from "./change-log.ts";
import type { Change, KeyState } from "./key-state.ts";
import { isDeleted } from "./key-state.ts";
import { compareBytes } from "./keys.ts";

/**
 * Where keys stood at `revision`, given states of the table of keys in their order; those that were absent then are
 * left out. All chains are followed together, from the newest change to the oldest: however often the keys have changed
 * since, no segment is read more than once.
 */
export function statesAt(log: ChangeLog, states: readonly KeyState[], revision: number): KeyState[] {
  const found = new Map<string, KeyState>();
  /** By key: the change to look at next. */
  const wanted = new Map<string, number>();
  for (const state of states) {
    if (state.revision <= revision) found.set(state.key, state);
    else wanted.set(state.key, state.revision);
  }
  while (wanted.size > 0) {
    const newest = Math.max(...wanted.values());
    let id = log.firstFrom(newest);
    // The changes of a large entry lie in several segments.
    do {
      invariant(
        id <= log.lastId,
        "the chain of a key's changes is whole",
        () => `entry ${newest} has no such change`,
      );
      for (const change of changesOf(log, id, states, wanted)) {
        if (wanted.get(change.key) !== change.revision) continue;
        if (change.revision > revision && change.previousRevision > 0) {
          wanted.set(change.key, change.previousRevision);
          continue;
        }
        wanted.delete(change.key);
        if (change.revision <= revision) found.set(change.key, change);
      }
      id++;
    } while (includes(wanted, newest));
  }
  return states.flatMap(({ key }) => {
    const then = found.get(key);
    return then === undefined || isDeleted(then) ? [] : [then];
  });
}

/** The changes of `keys`, which are some of those of `states`, in one segment; the newest first. */
function changesOf(
  log: ChangeLog,
  id: number,
  states: readonly KeyState[],
  keys: ReadonlyMap<string, unknown>,
): Change[] {
  const first = states[0]!.keyBytes;
  const last = states.at(-1)!.keyBytes;
  const reader = log.read(id);
  const changes: Change[] = [];
  while (reader.next()) {
    // Most are of other keys, and to make a text of each would cost more than all the rest.
    const { keyBytes } = reader;
    if (compareBytes(keyBytes, first) < 0 || compareBytes(keyBytes, last) > 0) continue;
    if (keys.has(reader.key)) changes.push(reader.change());
  }
  return changes.reverse();
}

function includes(wanted: ReadonlyMap<string, number>, revision: number): boolean {
  for (const one of wanted.values()) if (one === revision) return true;
  return false;
}
