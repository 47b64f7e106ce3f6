import type { Raft } from "../raft/raft.ts";
import type { NodeId, RaftView } from "../raft/types.ts";
import type { LogStore } from "../storage/log-store.ts";
import type { Health, Metric, NodeStatus } from "./api.ts";
import type { Applier } from "./applier.ts";
import type { ClientReads } from "./client-reads.ts";
import type { Commands } from "./commands.ts";
import type { Timings } from "./defaults.ts";
import type { LogTail } from "./log-tail.ts";
import type { NodeReporter } from "./node-reporter.ts";
import { healthOf, metricsOf, statusOf } from "./node-status.ts";
import type { PeerDirectory } from "./peer-directory.ts";
import type { Clock } from "./ports.ts";
import type { Waits } from "./waits.ts";
import type { Writer } from "./writer.ts";

export interface PictureParts {
  readonly id: NodeId;
  readonly timings: Timings;
  readonly clock: Clock;
  readonly log: LogStore;
  readonly tail: LogTail;
  readonly raft: Raft;
  /** As it would be found after a crash. */
  readonly view: () => RaftView;
  readonly directory: PeerDirectory;
  readonly applier: Applier;
  readonly writer: Writer;
  readonly commands: Commands;
  readonly reads: ClientReads;
  readonly waits: Waits;
  readonly reporter: NodeReporter;
}

/** What a running node says of itself, gathered from its parts. */
export class NodePicture {
  readonly #parts: PictureParts;

  constructor(parts: PictureParts) {
    this.#parts = parts;
  }

  status(logLimit: number): NodeStatus {
    const { id, log, raft, applier, directory, tail, reporter } = this.#parts;
    const view = this.#parts.view();
    // The picture may be older than a truncation that is on its way to the disk.
    const durableIndex = Math.min(view.durableIndex, raft.durableIndex);
    return statusOf(
      { id, storeId: log.storeId, view, durableIndex, applied: applier.applied },
      directory,
      tail,
      (entry) => reporter.describe(entry),
      logLimit,
    );
  }

  health(): Health {
    const { clock, raft, applier, directory, view } = this.#parts;
    return healthOf(view(), {
      now: clock.now(),
      contactAt: raft.contactAt(),
      patienceMs: this.#longestElectionTimeoutMs(),
      applied: applier.applied,
      problem: directory.problem(),
    });
  }

  /** In force now: the leader's heartbeat may have stretched this node's own. */
  #longestElectionTimeoutMs(): number {
    const { electionTimeoutMinMs, electionTimeoutMaxMs } = this.#parts.timings;
    return (this.#parts.raft.electionTimeoutMs() * electionTimeoutMaxMs) / electionTimeoutMinMs;
  }

  metrics(): readonly Metric[] {
    const { applier, writer, commands, reads, waits, log, reporter, view } = this.#parts;
    return metricsOf(view(), {
      ...reporter.counters,
      applied: applier.applied,
      writeGroups: writer.groups,
      waitingCommands: commands.count,
      waitingReads: reads.count,
      waits,
      boot: log.boot,
    });
  }

  /** URLs, of the leader and of all. */
  addresses(): { readonly leader: string | null; readonly peers: readonly string[] } {
    const { id, directory } = this.#parts;
    const { leader } = this.#parts.view();
    const self = directory.advertisedAddress;
    const others = directory.peers().map(({ address }) => address);
    return {
      leader: leader === id ? self : leader === null ? null : directory.addressOf(leader),
      peers: [self, ...others],
    };
  }
}
