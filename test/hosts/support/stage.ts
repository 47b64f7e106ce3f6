import { loadBundle } from "../../../ec2-node/aws/bundle/load-bundle.ts";
import { CLIENT_PORT, PEER_PORT } from "../../../ec2-node/aws/names.ts";
import type { BundleSource } from "../../../ec2-node/aws/user-data.ts";
import { userData } from "../../../ec2-node/aws/user-data.ts";
import { Cluster } from "../../process/support/cluster.ts";
import { Lab } from "../../process/support/lab-room.ts";
import { Cloud } from "./cloud.ts";
import type { Outcome } from "./host.ts";
import { Host } from "./host.ts";
import { HostNode } from "./host-node.ts";
import { Volume } from "./volume.ts";
import type { NetworkInterface } from "./vpc.ts";
import { Vpc } from "./vpc.ts";

/** The addresses that the lab was first run with. */
const ADDRESSES = { A: "172.31.28.165", B: "172.31.20.250", C: "172.31.16.147" } as const;
const IDS = ["A", "B", "C"] as const;
const SECRET_PARAMETER = "/raft-lite/lab/secret";
export const SECRET = "swordfish-0123456789abcdef";

/** Three nodes' places in a network, and what the cloud has for the machines that are going to stand there. */
export class Stage {
  readonly lab: Lab;
  readonly vpc: Vpc;
  readonly cloud: Cloud;
  readonly bundle: BundleSource;
  readonly cluster: Cluster<HostNode>;
  readonly #interfaces: ReadonlyMap<string, NetworkInterface>;
  #volumes = 0;

  private constructor(
    parts: Pick<Stage, "lab" | "vpc" | "cloud" | "bundle" | "cluster">,
    interfaces: Map<string, NetworkInterface>,
  ) {
    this.lab = parts.lab;
    this.vpc = parts.vpc;
    this.cloud = parts.cloud;
    this.bundle = parts.bundle;
    this.cluster = parts.cluster;
    this.#interfaces = interfaces;
  }

  static async set(): Promise<Stage> {
    const lab = new Lab();
    try {
      const vpc = await Vpc.open(lab);
      const cloud = new Cloud(lab, "raft-lite-lab-123456789012-us-east-1");
      cloud.setParameter(SECRET_PARAMETER, SECRET);
      const bundle = cloud.upload((await loadBundle()).bytes);
      const interfaces = new Map<string, NetworkInterface>();
      const nodes: HostNode[] = [];
      for (const id of IDS) {
        const networkInterface = await vpc.attach(id, ADDRESSES[id]);
        await networkInterface.guard([
          { port: PEER_PORT, from: Object.values(ADDRESSES) },
          { port: CLIENT_PORT, from: [vpc.clientAddress] },
        ]);
        interfaces.set(id, networkInterface);
        const peers = IDS.filter((other) => other !== id).map((other) => ({
          id: other,
          address: ADDRESSES[other],
        }));
        const launch = {
          cluster: "lab",
          region: "us-east-1",
          id,
          privateAddress: ADDRESSES[id],
          publicAddress: null,
          peers,
          bundle,
          secretParameter: SECRET_PARAMETER,
        };
        nodes.push(new HostNode(lab, launch, await vpc.door(ADDRESSES[id], CLIENT_PORT)));
      }
      return new Stage({ lab, vpc, cloud, bundle, cluster: new Cluster(nodes) }, interfaces);
    } catch (error) {
      await lab.dispose();
      throw error;
    }
  }

  networkOf(node: HostNode): NetworkInterface {
    return this.#interfaces.get(node.id)!;
  }

  createVolume(): Promise<Volume> {
    return Volume.create(this.lab, `vol-${String(this.#volumes++).padStart(17, "0")}`);
  }

  /** A fresh machine at a node's place, with nothing on it. */
  async boot(node: HostNode): Promise<Host> {
    return Host.boot(this.lab, node.id, this.networkOf(node), this.cloud);
  }

  userData(node: HostNode, volume: Volume): string {
    return userData({ ...node.launch, volumeId: volume.id });
  }

  /** A fresh machine that becomes the node by its user data. Throws what that said when it failed. */
  async install(node: HostNode, volume: Volume, as: "id" | "name" = "id"): Promise<Outcome> {
    const host = await this.boot(node);
    node.place(host);
    await host.attach(volume, as);
    const outcome = await host.firstStart(this.userData(node, volume));
    if (outcome.code !== 0) throw new Error(`user data of ${node.id}:\n${outcome.output}`);
    return outcome;
  }
}
