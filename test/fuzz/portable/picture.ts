import { demand } from "./judge/finding.ts";
import { jsonOf } from "./judge/form.ts";
import type { Reply, SentRequest } from "./request.ts";
import type { Target } from "./target.ts";

/** As much of GET /status as tells whether anything has changed. */
export interface NodePicture {
  readonly id: string;
  readonly state: string;
  readonly term: number;
  readonly leader: string | null;
  readonly clusterId: string | null;
  readonly storeId: string;
  readonly lastIndex: number;
  readonly commitIndex: number;
  readonly appliedIndex: number;
  /** Clients' commands in its log. */
  readonly commands: number;
}

interface Status {
  readonly node: string;
  readonly state: string;
  readonly term: number;
  readonly leader: string | null;
  readonly logStart: number;
  readonly raft: Pick<NodePicture, "clusterId" | "storeId" | "lastIndex" | "commitIndex" | "appliedIndex">;
}

/** Generous: nothing that is asked here has to wait for anybody. */
const LIMIT_MS = 10_000;

export class Picture {
  readonly nodes: readonly NodePicture[];
  readonly #votes: readonly string[];

  private constructor(nodes: readonly NodePicture[], votes: readonly string[]) {
    this.nodes = nodes;
    this.#votes = votes;
  }

  static async take(target: Target): Promise<Picture> {
    const nodes: NodePicture[] = [];
    for (const [position] of target.ids.entries()) nodes.push(await nodePicture(target, position));
    return new Picture(nodes, target.inside?.votes() ?? []);
  }

  /** The one that leads and that all follow, with nothing on its way any more; null while there is none. */
  get leader(): NodePicture | null {
    const leader = this.nodes.find(({ state }) => state === "Leader");
    if (leader === undefined) return null;
    const isLevel = this.nodes.every(
      (node) =>
        node.term === leader.term &&
        node.leader === leader.id &&
        node.clusterId !== null &&
        node.appliedIndex === leader.lastIndex,
    );
    return isLevel ? leader : null;
  }

  /** The end of the longest log. */
  get lastIndex(): number {
    return Math.max(...this.nodes.map(({ lastIndex }) => lastIndex));
  }

  get commands(): number {
    return Math.max(...this.nodes.map(({ commands }) => commands));
  }

  /** What nothing but a write or an election moves. (Followers' logs catch up at any time.) */
  get still(): string {
    const nodes = this.nodes.map(({ id, state, term, leader }) => [id, state, term, leader]);
    return JSON.stringify({ nodes, lastIndex: this.lastIndex, commands: this.commands, votes: this.#votes });
  }
}

async function nodePicture(target: Target, position: number): Promise<NodePicture> {
  const reply = await ask(target, position, "GET", "/status?log=0");
  const status = jsonOf(reply) as Status;
  const { node: id, state, term, leader, logStart: commands } = status;
  const { clusterId, storeId, lastIndex, commitIndex, appliedIndex } = status.raft;
  return { id, state, term, leader, clusterId, storeId, lastIndex, commitIndex, appliedIndex, commands };
}

/** A request of the fuzz's own, with every credential that it takes. */
export async function ask(
  target: Target,
  node: number,
  method: string,
  path: string,
  body: Uint8Array | null = null,
): Promise<Reply> {
  const credential = target.secret ?? target.token;
  const headers: SentRequest["headers"] =
    credential === null ? [] : [["authorization", `Bearer ${credential}`]];
  const pending = target.send(node, { method, target: path, headers, body });
  await target.until(() => pending.reply !== null || pending.failure !== undefined, LIMIT_MS);
  const { reply } = pending;
  demand(reply !== null, () => `${method} ${path} at ${target.ids[node]}: ${pending.failure ?? "no reply"}`);
  demand(reply.status === 200, () => `${method} ${path} at ${target.ids[node]}: ${reply.status}`);
  return reply;
}
