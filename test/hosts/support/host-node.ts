import type { NodeLaunch } from "../../../ec2-node/aws/user-data.ts";
import type { Lab } from "../../process/support/lab-room.ts";
import type { Running } from "../../process/support/running.ts";
import { TestNode } from "../../process/support/test-node.ts";
import { until } from "../../process/support/until.ts";
import type { Host } from "./host.ts";

/** All but the volume, which may be another one next time. */
export type Launch = Omit<NodeLaunch, "volumeId">;

/** A node as a service of a host, over all the hosts that it has had. */
export class HostNode extends TestNode {
  readonly launch: Launch;
  readonly #lab: Lab;
  #host: Host | null = null;
  #running = false;
  readonly #journals: Running[] = [];

  constructor(lab: Lab, launch: Launch, url: string) {
    super(launch.id, url);
    this.launch = launch;
    this.#lab = lab;
  }

  /** It is on this host from now on. */
  place(host: Host): void {
    this.#host = host;
    this.#running = true;
    const words = ["journalctl", "--follow", "--lines", "all", "--output", "cat", "--unit", "raft-lite"];
    this.#journals.push(host.spawn(this.#lab, `journal of ${this.id}`, ...words));
  }

  get host(): Host {
    if (this.#host === null) throw new Error(`node ${this.id} has no host`);
    return this.#host;
  }

  override get running(): boolean {
    return this.#running;
  }

  override get lines(): readonly string[] {
    return this.#journals.flatMap((journal) => journal.lines);
  }

  /** The process that is the node; 0 where there is none. */
  async mainPid(): Promise<number> {
    return Number(await this.host.insist("systemctl", "show", "--property=MainPID", "--value", "raft-lite"));
  }

  /** kill -9, and nobody starts it again. */
  override async kill(): Promise<void> {
    await this.host.insist("systemctl", "kill", "--signal=KILL", "raft-lite");
    await this.host.insist("systemctl", "stop", "raft-lite");
    this.#running = false;
  }

  /** kill -9; systemd brings it back. */
  async crash(): Promise<void> {
    const before = await this.mainPid();
    await this.host.insist("systemctl", "kill", "--signal=KILL", "raft-lite");
    await until(`${this.id} is back`, async () => {
      const pid = await this.mainPid();
      return pid > 0 && pid !== before && (await this.status());
    });
  }

  override async start(): Promise<void> {
    await this.host.insist("systemctl", "start", "raft-lite");
    this.#running = true;
  }

  async powerOff(): Promise<void> {
    await this.host.powerOff();
    this.#running = false;
  }
}
