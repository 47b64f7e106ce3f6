import { Cluster } from "../../process/support/cluster.ts";
import type { Lab } from "../../process/support/lab-room.ts";
import { CHECKOUT, PINNED_NODE } from "../../process/support/lab-room.ts";
import type { Running } from "../../process/support/running.ts";
import type { EdgeHost } from "./edge-node.ts";
import { EdgeNode } from "./edge-node.ts";

/** So soon everything is to be there after a user has typed `npm run dev`. */
const READY_WITHIN_MS = 20_000;

/** What `npm run dev` runs, on a port and a directory of the test's own. */
export class WranglerDev implements EdgeHost {
  readonly url: string;
  readonly cluster: Cluster<EdgeNode>;
  readonly #lab: Lab;
  readonly #words: readonly string[];
  readonly #runs: Running[] = [];

  private constructor(lab: Lab, port: number, words: readonly string[]) {
    this.url = `http://127.0.0.1:${port}`;
    this.#lab = lab;
    this.#words = ["--port", String(port), "--persist-to", lab.folder(`dev-${port}`), ...words];
    this.cluster = new Cluster(["A", "B", "C"].map((id) => new EdgeNode(this, id)));
  }

  /** `words` go to wrangler. Fails when it is not ready in time. */
  static async open(lab: Lab, words: readonly string[] = []): Promise<WranglerDev> {
    const [port] = await lab.ports(1);
    const dev = new WranglerDev(lab, port!, words);
    await dev.#start();
    return dev;
  }

  get process(): Running {
    return this.#runs.at(-1)!;
  }

  get running(): boolean {
    return this.process.ending === null;
  }

  get lines(): readonly string[] {
    return this.#runs.flatMap(({ lines }) => lines);
  }

  /** CTRL+C, and the same command again. */
  async restart(): Promise<void> {
    this.process.signalGroup("SIGINT");
    await this.process.ended();
    await this.#start();
  }

  async #start(): Promise<void> {
    const args = ["scripts/dev.ts", ...this.#words];
    const run = this.#lab.run("npm run dev", PINNED_NODE, args, { cwd: CHECKOUT });
    this.#runs.push(run);
    await run.line(/^Nodes: .*\/A /, READY_WITHIN_MS);
  }
}
