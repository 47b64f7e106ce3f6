import type { RestoredState } from "../../../shared/raft/raft.ts";
import type { Entry, HardState, Persist, TermRun } from "../../../shared/raft/types.ts";

/** What a crash leaves: term, vote and log as the last completed write made them. */
export interface Image {
  readonly hardState: HardState;
  readonly log: readonly Entry[];
}

export const emptyImage: Image = { hardState: { term: 0, votedFor: null }, log: [] };

/** The log after a write that replaces everything from its first entry's index on. */
export function written(log: readonly Entry[], entries: readonly Entry[]): readonly Entry[] {
  const [first] = entries;
  return first === undefined ? log : [...log.slice(0, first.index - 1), ...entries];
}

/** A disk that completes its writes in order and only when it is told to. */
export class Disk {
  image: Image;
  readonly pending: Persist[] = [];

  constructor(image: Image) {
    this.image = image;
  }

  /** Completes the oldest write and returns its number. */
  complete(): number {
    const persist = this.pending.shift();
    if (persist === undefined) throw new Error("no write is under way");
    this.image = {
      hardState: persist.hardState ?? this.image.hardState,
      log: written(this.image.log, persist.entries),
    };
    return persist.number;
  }

  /** Power is lost: the first `kept` of the writes under way reached the disk, the others did not. */
  crash(kept: number): void {
    for (let i = 0; i < kept; i++) this.complete();
    this.pending.length = 0;
  }
}

/** The image as storage hands it to a core that starts. */
export function restoredFrom(image: Image, commitIndex: number): RestoredState {
  const runs: TermRun[] = [];
  for (const { index, term } of image.log) if (runs.at(-1)?.term !== term) runs.push({ term, first: index });
  return {
    hardState: image.hardState,
    runs,
    lastIndex: image.log.length,
    configurations: image.log.flatMap(({ index, configuration }) =>
      configuration === undefined ? [] : [{ index, configuration }],
    ),
    commitIndex,
  };
}
