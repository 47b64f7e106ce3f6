import type { LabNode } from "./node.ts";
import type { Status, TestNode } from "./test-node.ts";
import { until } from "./until.ts";

/** Nodes that list each other. */
export class Cluster<Node extends TestNode = LabNode> {
  readonly nodes: readonly Node[];

  constructor(nodes: readonly Node[]) {
    this.nodes = nodes;
  }

  node(id: string): Node {
    const found = this.nodes.find((node) => node.id === id);
    if (found === undefined) throw new Error(`no node ${id}`);
    return found;
  }

  others(node: Node): Node[] {
    return this.nodes.filter((other) => other !== node);
  }

  get running(): Node[] {
    return this.nodes.filter((node) => node.running);
  }

  start(): void {
    for (const node of this.nodes) void node.start();
  }

  statuses(query = ""): Promise<Status[]> {
    return Promise.all(this.running.map((node) => node.status(query)));
  }

  /** All that run follow one leader, in one term. */
  leader(): Promise<Node> {
    return until("one leader that all follow", async () => {
      const statuses = await this.statuses("?log=0");
      const leader = statuses.find(({ state }) => state === "Leader");
      if (leader === undefined) return null;
      const agreed = statuses.every(({ term, leader: of }) => term === leader.term && of === leader.node);
      return agreed ? this.node(leader.node) : null;
    });
  }

  async follower(): Promise<Node> {
    const leader = await this.leader();
    return this.running.find((node) => node !== leader)!;
  }

  /** All that run have the same log, all of it committed and applied. Resolves with one of the equal statuses. */
  level(): Promise<Status> {
    return until("equal logs, wholly committed and applied", async () => {
      const statuses = await this.statuses("?log=all");
      const [first] = statuses;
      if (first === undefined) return null;
      const picture = (status: Status) =>
        JSON.stringify([status.log, status.commitIndex, status.raft.lastIndex, status.term, status.leader]);
      const equal = statuses.every(
        (status) =>
          picture(status) === picture(first) &&
          status.leader !== null &&
          status.raft.commitIndex === status.raft.lastIndex &&
          status.raft.appliedIndex === status.raft.lastIndex,
      );
      return equal && first.commitIndex === first.log.length - 1 ? first : null;
    });
  }
}
