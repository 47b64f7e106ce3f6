import { mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import type { Miniflare } from "miniflare";
import { unstable_getMiniflareWorkerOptions as optionsOf } from "wrangler";
import type { WorkerOptions } from "../../edge/support/start-miniflare.ts";
import { startMiniflare } from "../../edge/support/start-miniflare.ts";
import type { Lab } from "../../process/support/lab.ts";
import { CHECKOUT, PINNED_NODE } from "../../process/support/lab.ts";
import type { Project } from "./project.ts";
import { run } from "./project.ts";

const WRANGLER = join(CHECKOUT, "node_modules/wrangler/bin/wrangler.js");

/** A Worker of a user's: what `wrangler deploy` makes of it, run by Miniflare as its wrangler.toml says. */
export class DeployedWorker {
  readonly url: string;
  readonly #script: string;
  readonly #settings: string;
  readonly #state: string;
  #miniflare: Miniflare | null = null;

  private constructor(port: number, script: string, settings: string, state: string) {
    this.url = `http://127.0.0.1:${port}`;
    this.#script = script;
    this.#settings = settings;
    this.#state = state;
  }

  /** Bundles `files`, of which one is a wrangler.toml, in a folder of the project. */
  static async deploy(lab: Lab, project: Project, files: Record<string, string>): Promise<DeployedWorker> {
    const folder = mkdtempSync(join(project.directory, "worker-"));
    for (const [name, content] of Object.entries(files)) {
      mkdirSync(join(folder, dirname(name)), { recursive: true });
      writeFileSync(join(folder, name), content);
    }
    const settings = join(folder, Object.keys(files).find((name) => name.endsWith("wrangler.toml"))!);
    const out = join(folder, "out");
    const env = {
      ...process.env,
      WRANGLER_SEND_METRICS: "false",
      WRANGLER_HIDE_BANNER: "true",
      WRANGLER_LOG_PATH: join(folder, "logs"),
    };
    const words = ["deploy", "--dry-run", "--config", settings, "--outdir", out];
    run(PINNED_NODE, [WRANGLER, ...words], dirname(settings), env);
    const { main } = optionsOf(settings);
    const script = await readFile(join(out, `${basename(main!, ".ts")}.js`), "utf8");
    const [port] = await lab.ports(1);
    const worker = new DeployedWorker(port!, script, settings, lab.folder(`worker-${port}`));
    lab.atEnd(() => worker.stop());
    return worker;
  }

  async start(): Promise<void> {
    const { bindings, compatibilityDate, compatibilityFlags, durableObjects } = optionsOf(this.#settings)
      .workerOptions as Partial<WorkerOptions>;
    this.#miniflare = await startMiniflare(this.url, this.#state, {
      ...{ name: "deployed", modules: true, script: this.#script, handleStructuredLogs: () => undefined },
      ...{ bindings, compatibilityDate, compatibilityFlags, durableObjects },
    } as WorkerOptions);
  }

  /** Ends the runtime at once; the objects' state stays. */
  async stop(): Promise<void> {
    const miniflare = this.#miniflare;
    this.#miniflare = null;
    await miniflare?.dispose();
  }
}
