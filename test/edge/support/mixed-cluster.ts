import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { Cluster } from "../../process/support/cluster.ts";
import type { Lab } from "../../process/support/lab-room.ts";
import type { LabNode } from "../../process/support/node.ts";
import type { TcpProxy } from "../../process/support/proxy.ts";
import type { TestNode } from "../../process/support/test-node.ts";
import { EdgeNode } from "./edge-node.ts";
import { MiniflareEdge } from "./miniflare-edge.ts";

const SECRET = "swordfish";

export interface MixedOptions {
  /** Ids of the nodes that are Durable Objects, one letter each. */
  readonly objects: string;
  /** Ids of the nodes that are processes. */
  readonly processes: string;
  /** Calls between a process and anybody else go through wires, which can be cut, delayed and counted. */
  readonly wired?: boolean;
  readonly vars?: Readonly<Record<string, string>>;
  /** Further words of each process's command line. */
  readonly words?: readonly string[];
  /** The Worker's module, if not the usual one. */
  readonly entry?: string;
}

/** `ends`: the nodes that it is between. All objects are at the end where the Worker is. */
interface Wired {
  readonly proxy: TcpProxy;
  readonly ends: string;
}

/** Durable Objects of one Worker and processes, as members of one cluster. */
export class MixedCluster {
  readonly edge: MiniflareEdge;
  readonly processes: readonly LabNode[];
  readonly cluster: Cluster<TestNode>;
  /** All of them; none where the cluster is not wired. */
  readonly wires: readonly TcpProxy[];
  readonly #wires: readonly Wired[];

  private constructor(edge: MiniflareEdge, processes: readonly LabNode[], wires: readonly Wired[]) {
    this.edge = edge;
    this.processes = processes;
    this.cluster = new Cluster<TestNode>([...edge.cluster.nodes, ...processes]);
    this.wires = wires.map(({ proxy }) => proxy);
    this.#wires = wires;
  }

  /** The Worker runs and the processes have been started. */
  static async open(lab: Lab, options: MixedOptions): Promise<MixedCluster> {
    const { objects, processes, wired = false, words = [] } = options;
    const wires: Wired[] = [];
    /** The URL under which one of those at the ends reaches `port`. */
    const wire = async (port: number, ends: string): Promise<string> => {
      if (!wired) return `http://127.0.0.1:${port}`;
      const proxy = await lab.proxy(port);
      wires.push({ proxy, ends });
      return proxy.url;
    };
    const ports = await lab.ports(processes.length);
    const portOf = (id: string) => ports[processes.indexOf(id)]!;
    const members = [...objects].map((id) => `${id}=do`);
    for (const id of processes) members.push(`${id}=${await wire(portOf(id), id + objects)}`);
    const edge = await MiniflareEdge.open(lab, {
      vars: { ...options.vars, RAFT_NODES: members.join(","), RAFT_SECRET: SECRET },
      knowsUrl: true,
      ...(options.entry !== undefined && { entry: options.entry }),
    });
    const secretFile = join(lab.directory, "secret");
    writeFileSync(secretFile, SECRET);
    const nodes: LabNode[] = [];
    for (const id of processes) {
      const worker = await wire(Number(new URL(edge.url).port), id + objects);
      const peers = [...objects].map((object) => `${object}=${worker}/${object}`);
      for (const other of processes) {
        if (other !== id) peers.push(`${other}=${await wire(portOf(other), id + other)}`);
      }
      const own = ["--peers", peers.join(","), "--secret-file", secretFile, ...words];
      nodes.push(lab.node({ id, port: portOf(id), words: own }));
    }
    for (const node of nodes) node.start();
    return new MixedCluster(edge, nodes, wires);
  }

  /** Those that end at a node; at an object, whatever ends at its Worker. */
  wiresOf({ id }: TestNode): readonly TcpProxy[] {
    return this.#wires.filter(({ ends }) => ends.includes(id)).map(({ proxy }) => proxy);
  }

  /** What goes to and from processes takes so long from now on, each way. */
  delay(ms: number): void {
    for (const wire of this.wires) wire.delay(ms);
  }

  /** Everything ends at once, and starts again with the state it had. */
  async restart(): Promise<void> {
    await Promise.all([this.edge.stop(), ...this.processes.map((node) => node.kill())]);
    await this.edge.start();
    for (const node of this.processes) node.start();
  }

  /** Ends a process, or takes an object's memory, and gives what starts it or waits until it has come back by itself. */
  async crash(node: TestNode): Promise<() => Promise<void>> {
    if (node instanceof EdgeNode) {
      const boot = await node.boot();
      await node.crash();
      return () => node.bootAfter(boot);
    }
    await node.kill();
    return async () => void node.start();
  }
}
