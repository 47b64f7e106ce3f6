import type { NodeStatus } from "../../shared/node/api.ts";
import type { LogIndex } from "../../shared/raft/types.ts";
import type { DiskContent } from "../observed-disk.ts";
import type { Report } from "./violation.ts";

/** What nodes show to people: nothing that a crash now would take back, and no two stories of what is committed. */
export class StatusInvariants {
  readonly #report: Report;
  /** The committed lines of the lab's log, by ordinal. */
  readonly #lines = new Map<number, string>();

  constructor(report: Report) {
    this.#report = report;
  }

  /** `durable`: the disk of the node; `commit`: how far it knows the log to be committed. */
  shown(status: NodeStatus, durable: DiskContent, commit: LogIndex): void {
    const { node, term, state, leader, raft } = status;
    if (term > durable.term) this.#lie(node, `term ${term}, its disk has ${durable.term}`);
    if (raft.durableIndex > durable.log.length) {
      this.#lie(node, `${raft.durableIndex} entries as durable, its disk has ${durable.log.length}`);
    }
    if (raft.commitIndex > commit || raft.appliedIndex > commit) {
      this.#lie(node, `commit index ${raft.commitIndex}, applied ${raft.appliedIndex}; it knows ${commit}`);
    }
    if (state === "Leader" && leader !== node) this.#lie(node, `that it leads, and ${leader} as leader`);
    status.log.forEach((line, place) => {
      const ordinal = status.logStart + place;
      if (ordinal > status.commitIndex) return;
      const shown = JSON.stringify(line);
      const known = this.#lines.get(ordinal);
      this.#lines.set(ordinal, shown);
      if (known !== undefined && known !== shown) {
        this.#lie(node, `${shown} as command ${ordinal}, which was ${known}`);
      }
    });
  }

  #lie(node: string, what: string): void {
    this.#report("status-is-true", `${node} shows ${what}`);
  }
}
