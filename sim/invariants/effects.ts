import type { LogIndex, NodeId, Term } from "../../shared/raft/types.ts";
import type { LogEntry, Origin } from "../../shared/storage/entry.ts";
import type { Report } from "./violation.ts";

/** One command that took effect: on the first replica that applied it, and so on all. */
export interface Effect {
  readonly index: LogIndex;
  readonly term: Term;
  /** Kind, bytes and origin as text. */
  readonly command: string;
  /** As JSON. */
  readonly result: string;
}

interface Applying {
  applied: LogIndex;
  /** How many effects this replica has had. */
  effects: number;
}

/** What the replicas have applied: the same commands in the same order, each once (paper 5.3, thesis 6.3). */
export class EffectInvariants {
  readonly #report: Report;
  readonly #replicas = new Map<NodeId, Applying>();
  readonly #effects: Effect[] = [];
  readonly #byOrigin = new Map<string, Effect>();
  /** Origins whose client was told that nothing came of the command. */
  readonly #none = new Set<string>();
  readonly #dumps = new Map<LogIndex, string>();

  constructor(report: Report) {
    this.#report = report;
  }

  get count(): number {
    return this.#effects.length;
  }

  /** A process starts with everything up to `applied` in its state. */
  started(id: NodeId, applied: LogIndex): void {
    let effects = this.#effects.length;
    while (effects > 0 && this.#effects[effects - 1]!.index > applied) effects--;
    this.#replicas.set(id, { applied, effects });
  }

  appliedBy(id: NodeId): LogIndex {
    return this.#replicas.get(id)?.applied ?? 0;
  }

  /** `commit`: how far `id` knows the log to be committed; `committedTerm`: what the cluster committed there. */
  applied(
    id: NodeId,
    entry: LogEntry,
    result: unknown,
    commit: LogIndex,
    committedTerm: Term | undefined,
  ): void {
    const replica = this.#replicas.get(id);
    if (replica === undefined) throw new Error(`${id} applies before it has started`);
    if (entry.index <= replica.applied) {
      this.#report("monotonic-applied", `${id} applies entry ${entry.index} after ${replica.applied}`);
    }
    if (entry.index > commit || entry.term !== committedTerm) {
      this.#report(
        "applied-follows-commit",
        `${id} applies entry ${entry.index} of term ${entry.term}; it knows ${commit} to be committed, in term ${committedTerm}`,
      );
    }
    replica.applied = entry.index;
    const { schema, bytes, origin } = entry.data;
    const effect: Effect = {
      index: entry.index,
      term: entry.term,
      command: `${schema} ${Buffer.from(bytes).toString("latin1")} ${origin ? originKey(origin) : ""}`,
      result: JSON.stringify(result) ?? "",
    };
    const known = this.#effects[replica.effects];
    replica.effects++;
    if (known === undefined) this.#add(id, effect, origin);
    else this.#compare(id, effect, known);
  }

  /** The state of `id` after `index`; equal for all who get there. */
  dumped(id: NodeId, index: LogIndex, dump: string): void {
    const known = this.#dumps.get(index);
    if (known === undefined) this.#dumps.set(index, dump);
    else if (known !== dump) {
      this.#report(
        "state-machine-safety",
        `the state of ${id} after entry ${index} is ${dump}, another's ${known}`,
      );
    }
  }

  /** The client of this command was answered with its result. */
  answered(origin: OriginName, index: LogIndex, result: unknown): void {
    const effect = this.#byOrigin.get(originKey(origin));
    const told = JSON.stringify(result) ?? "";
    if (effect !== undefined && effect.index === index && effect.result === told) return;
    this.#report(
      "acknowledged-took-effect",
      `command ${originKey(origin)} was answered with ${told} at ${index}, but ${
        effect === undefined ? "took no effect" : `gave ${effect.result} at ${effect.index}`
      }`,
    );
  }

  /** The client of this command was told that it certainly was not and will not be carried out. */
  refused(origin: OriginName): void {
    const key = originKey(origin);
    this.#none.add(key);
    const effect = this.#byOrigin.get(key);
    if (effect !== undefined) this.#reportNone(key, effect);
  }

  #add(id: NodeId, effect: Effect, origin: Origin | null): void {
    this.#effects.push(effect);
    if (origin === null) return;
    const key = originKey(origin);
    const earlier = this.#byOrigin.get(key);
    if (earlier !== undefined) {
      this.#report(
        "at-most-once",
        `${id} applies command ${key} at ${effect.index}, which took effect at ${earlier.index} already`,
      );
      return;
    }
    this.#byOrigin.set(key, effect);
    if (this.#none.has(key)) this.#reportNone(key, effect);
  }

  #compare(id: NodeId, effect: Effect, known: Effect): void {
    const isSame =
      effect.index === known.index &&
      effect.term === known.term &&
      effect.command === known.command &&
      effect.result === known.result;
    if (isSame) return;
    this.#report(
      "state-machine-safety",
      `${id} applies ${JSON.stringify(effect)}, another applied ${JSON.stringify(known)}`,
    );
  }

  #reportNone(key: string, { index }: Effect): void {
    this.#report(
      "none-means-none",
      `command ${key} was answered with outcome none and took effect at ${index}`,
    );
  }
}

export type OriginName = Pick<Origin, "node" | "boot" | "sequence">;

function originKey({ node, boot, sequence }: OriginName): string {
  return `${node}.${boot}.${sequence}`;
}
