import { createHash } from "node:crypto";
import type { NodeReport, ReportedStatus } from "../../../ec2-node/cli/node-report.ts";
import type { Instance } from "./ec2-instance.ts";
import type { FakeCloud } from "./fake-cloud.ts";
import type { CommandOutcome } from "./ssm-commands.ts";

/** From "running" until a node answers, its bundle fetched and its volume mounted. */
const BOOT_MS = 20_000;
/** A node that gets another bundle is away that long. */
const RESTART_MS = 4_000;

/** What one instance was told by its user data. */
interface Told {
  readonly id: string;
  readonly port: string;
  readonly clientPort: string;
  readonly peers: readonly string[];
  readonly volumeId: string;
  readonly secretParameter: string;
  readonly bundle: { readonly bucket: string; readonly key: string; readonly sha256: string };
}

interface Node {
  readonly instance: Instance;
  readonly told: Told;
  readonly problem: string | null;
}

/**
 * What the instances of a fake cloud would do, by what their user data says: a node comes up where everything is there
 * that it was told of, and a leader where a majority of those that were told of one another can reach each other.
 */
export class FakeNodes {
  /** Where the operator sits: an address of TEST-NET-2. */
  operator = "198.51.100.7";
  /** Ids of nodes that never come up, whatever is there. */
  readonly broken = new Set<string>();
  /** Ids of nodes that never lead. */
  readonly followers = new Set<string>();
  /** A bundle that does not run: its hash. */
  brokenBundle: string | null = null;
  /** Which node a volume was first used by: its directory is that node's for ever. */
  readonly disks = new Map<string, string>();
  /** What each instance runs, and since when it runs that. */
  readonly installed = new Map<string, { sha256: string; since: number }>();
  /** Nodes in the order in which they were given other bundles. */
  readonly installs: string[] = [];

  readonly #cloud: FakeCloud;

  constructor(cloud: FakeCloud) {
    this.#cloud = cloud;
    cloud.ssm.commands.execute = (instance, lines) => this.#execute(instance, lines);
  }

  /** As the node at `url` answers the operator. */
  report(url: string): Promise<NodeReport> {
    const asked = new URL(url);
    const nodes = this.nodes();
    const node = nodes.find(({ instance }) => this.#addressesOf(instance).includes(asked.hostname));
    const silent = (reason: string): Promise<NodeReport> => Promise.resolve({ url, status: null, reason });
    if (node === undefined || node.told.clientPort !== asked.port) return silent("nobody listens there");
    const isOutside = !this.operator.startsWith("172.31.");
    if (isOutside && asked.hostname === this.#privateOf(node.instance)) return silent("does not answer");
    if (!this.#lets(node.instance, this.operator, node.told.clientPort)) return silent("does not answer");
    if (node.problem !== null) return silent(node.problem);
    const { status, healthy } = this.#statusOf(node, nodes);
    return Promise.resolve({ url, status, healthy });
  }

  #statusOf(node: Node, nodes: readonly Node[]): { status: ReportedStatus; healthy: boolean } {
    const leader = this.#leader(
      nodes.filter(({ told }) => told.secretParameter === node.told.secretParameter),
    );
    const status: ReportedStatus = {
      node: node.told.id,
      state: leader === node ? "Leader" : "Follower",
      term: 1 + this.installs.length,
      leader: leader?.told.id ?? null,
      logLength: 1,
      commitIndex: 0,
      lastIndex: 3,
      clusterSize: node.told.peers.length + 1,
      peers: node.told.peers.map((address) => ({ id: address.split("=")[0]!, address, lag: 0 })),
      quiet: false,
      problem: null,
    };
    return { status, healthy: leader !== undefined };
  }

  /** As curl prints it that asks the node on its own instance. */
  #answers(instance: Instance): CommandOutcome {
    const nodes = this.nodes();
    const node = nodes.find((one) => one.instance === instance);
    if (node === undefined || node.problem !== null) return { exitCode: 0, stdout: "\n000", stderr: "" };
    const { status, healthy } = this.#statusOf(node, nodes);
    const { logLength, lastIndex, clusterSize, peers, quiet, problem, ...shown } = status;
    const raft = { lastIndex, clusterSize, peers, quiet, problem };
    const body = JSON.stringify({ ...shown, log: [], logStart: logLength, raft });
    return { exitCode: 0, stdout: `${body}\n${healthy ? 200 : 503}`, stderr: "" };
  }

  /** Everything that lives, with what keeps it from being of use. */
  nodes(): Node[] {
    this.#cloud.world.settle();
    return [...this.#cloud.ec2.instances.all.values()]
      .filter(({ state }) => state === "running")
      .map((instance) => {
        const told = readUserData(instance.userData);
        return { instance, told, problem: this.#problemOf(instance, told) };
      });
  }

  #problemOf(instance: Instance, told: Told): string | null {
    const { now } = this.#cloud.world;
    if (this.broken.has(told.id) || now < instance.runningAt + BOOT_MS) return "nobody listens there";
    const volume = this.#cloud.ec2.volumes.all.get(told.volumeId);
    if (volume?.attachment?.instanceId !== instance.id || volume.attachment.state !== "attached") {
      return `has no volume ${told.volumeId}`;
    }
    const owner = this.disks.get(volume.id) ?? told.id;
    if (owner !== told.id) return `the volume is ${owner}'s`;
    const secret = this.#cloud.ssm.parameters.get(told.secretParameter);
    if (secret?.type !== "SecureString" || !this.#mayRead(instance, told.secretParameter))
      return "has no secret";
    const running = this.installed.get(instance.id) ?? this.#install(instance, told.bundle);
    if (running === null) return "has no bundle";
    if (running.sha256 === this.brokenBundle) return "crashes";
    if (now < running.since + RESTART_MS) return "starts again";
    this.disks.set(volume.id, told.id);
    return null;
  }

  #install(
    instance: Instance,
    bundle: Told["bundle"],
    delayMs = 0,
  ): { sha256: string; since: number } | null {
    const stored = this.#cloud.s3.buckets.get(bundle.bucket)?.objects.get(bundle.key);
    const policies = instance.profile === null ? [] : this.#cloud.iam.policiesOf(instance.profile);
    if (
      stored === undefined ||
      !policies.some((text) => /s3:GetObject/.test(text) && text.includes(bundle.bucket))
    ) {
      return null;
    }
    if (createHash("sha256").update(stored.body).digest("hex") !== bundle.sha256) return null;
    const running = { sha256: bundle.sha256, since: this.#cloud.world.now - RESTART_MS + delayMs };
    this.installed.set(instance.id, running);
    return running;
  }

  #mayRead(instance: Instance, parameter: string): boolean {
    if (instance.profile === null) return false;
    return this.#cloud.iam
      .policiesOf(instance.profile)
      .some((text) => text.includes("ssm:GetParameter") && text.includes(`parameter${parameter}`));
  }

  #leader(nodes: readonly Node[]): Node | undefined {
    const well = nodes.filter(({ problem }) => problem === null);
    return well.find((candidate) => {
      if (this.followers.has(candidate.told.id)) return false;
      const reached = candidate.told.peers.filter((peer) =>
        well.some(
          (other) =>
            peer === `${other.told.id}=http://${this.#privateOf(other.instance)}:${other.told.port}` &&
            this.#letsNodes(other.instance, candidate.instance, other.told.port),
        ),
      );
      return (reached.length + 1) * 2 > candidate.told.peers.length + 1;
    });
  }

  #privateOf(instance: Instance): string {
    return this.#cloud.ec2.interfaces.all.get(instance.interfaceId)?.privateAddress ?? "";
  }

  #addressesOf(instance: Instance): string[] {
    const publicOne = this.#cloud.ec2.interfaces.publicOf(instance.interfaceId)?.address;
    return [this.#privateOf(instance), ...(publicOne === undefined ? [] : [publicOne])];
  }

  #rulesOf(instance: Instance, port: string) {
    const groups = this.#cloud.ec2.interfaces.all.get(instance.interfaceId)?.groups ?? [];
    return groups
      .flatMap((id) => this.#cloud.ec2.network.groups.get(id)?.rules ?? [])
      .filter(({ fromPort, toPort }) => fromPort <= Number(port) && Number(port) <= toPort);
  }

  #letsNodes(to: Instance, from: Instance, port: string): boolean {
    const groups = this.#cloud.ec2.interfaces.all.get(from.interfaceId)?.groups ?? [];
    return this.#rulesOf(to, port).some(({ source }) => groups.includes(source));
  }

  #lets(instance: Instance, address: string, port: string): boolean {
    return this.#rulesOf(instance, port).some(
      ({ source }) => source.includes("/") && within(address, source),
    );
  }

  #execute(instance: Instance, lines: readonly string[]): CommandOutcome {
    const [line = ""] = lines;
    const [program, bucket = "", key = "", sha256 = ""] = line.split(" ");
    if (program === "journalctl") {
      const isLater = line.includes("--after-cursor='s=1;i=2'");
      const said = isLater ? "a later line" : "a line";
      return { exitCode: 0, stdout: `${said} of ${instance.id}\n-- cursor: s=1;i=2\n`, stderr: "" };
    }
    if (program === "curl") return this.#answers(instance);
    if (program !== "/opt/raft-lite/fetch")
      return { exitCode: 127, stdout: "", stderr: `${program}: not found` };
    const running = this.#install(instance, { bucket, key, sha256 }, RESTART_MS);
    if (running === null) return { exitCode: 1, stdout: "", stderr: "the bundle could not be fetched" };
    this.installs.push(readUserData(instance.userData).id);
    return { exitCode: 0, stdout: "", stderr: "" };
  }
}

function readUserData(text: string): Told {
  const variable = (name: string): string => new RegExp(`^ *${name}=(.*)$`, "m").exec(text)?.[1] ?? "";
  const boot = JSON.parse(/^runcmd:\n- (\[.*\])$/m.exec(text)?.[1] ?? "[]") as string[];
  const [, bucket = "", key = "", sha256 = ""] = boot;
  return {
    id: variable("RAFT_ID"),
    port: variable("RAFT_PORT"),
    clientPort: variable("RAFT_CLIENT_PORT"),
    peers: variable("RAFT_PEERS").split(","),
    volumeId: variable("RAFT_VOLUME"),
    secretParameter: variable("RAFT_SECRET_PARAMETER"),
    bundle: { bucket, key, sha256 },
  };
}

function within(address: string, cidr: string): boolean {
  const [network = "", length = "32"] = cidr.split("/");
  const value = (text: string): number =>
    text.split(".").reduce((sum, octet) => sum * 256 + Number(octet), 0);
  const size = 2 ** (32 - Number(length));
  return Math.floor(value(address) / size) === Math.floor(value(network) / size);
}
