import { spawnSync } from "node:child_process";
import { resolve } from "node:path";
import { Running } from "../../process/support/running.ts";
import type { Tap } from "./tap.ts";
import { openTap } from "./tap.ts";

/** moto (https://docs.getmoto.org), an emulator of AWS in Python; a program of the machine, used where it is there. */
const SERVE = `
import sys, time
from moto.server import ThreadedMotoServer
server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
server.start()
print("port", server.get_host_and_port()[1], flush=True)
while True: time.sleep(3600)
`;

const ROOT = resolve(import.meta.dirname, "../../..");

/** Why there is no moto here; null: there is. */
export function whyNoMoto(): string | null {
  const { status, error, stderr } = spawnSync("python3", ["-c", "import moto.server"], { encoding: "utf8" });
  if (status === 0) return null;
  return `no moto on this machine (pip install 'moto[server]'): ${error?.message ?? stderr.trim().split("\n").at(-1)}`;
}

/** One emulator, empty but for what every account has, with a tap in front of it. */
export class Moto {
  readonly tap: Tap;
  readonly #server: Running;

  private constructor(server: Running, tap: Tap) {
    this.#server = server;
    this.tap = tap;
  }

  static async start(): Promise<Moto> {
    const server = new Running("moto", "python3", ["-c", SERVE], { cwd: ROOT });
    const port = Number((await server.line(/^port \d+$/)).split(" ")[1]);
    return new Moto(server, await openTap(port));
  }

  /** What a program needs to take this for AWS. */
  get env(): NodeJS.ProcessEnv {
    const { AWS_PROFILE: _, ...others } = process.env;
    return {
      ...others,
      AWS_ENDPOINT_URL: `http://127.0.0.1:${this.tap.port}`,
      AWS_ACCESS_KEY_ID: "x",
      AWS_SECRET_ACCESS_KEY: "x",
      AWS_REGION: "us-east-1",
    };
  }

  /** Starts `raft-lite ec2 …` as a process. */
  start(...words: string[]): Running {
    return new Running(`ec2 ${words.join(" ")}`, process.execPath, ["bin/raft-lite.js", "ec2", ...words], {
      cwd: ROOT,
      env: this.env,
    });
  }

  /** Runs `raft-lite ec2 …` to its end. */
  async run(...words: string[]): Promise<Running> {
    const running = this.start(...words);
    await running.ended();
    return running;
  }

  /** Runs `raft-lite ec2 …` and kills it (SIGKILL) at its `request`th request. Resolves with its exit code or "killed". */
  async runKilledAt(
    request: number,
    moment: "before" | "after",
    ...words: string[]
  ): Promise<number | "killed" | null> {
    this.tap.count = 0;
    const running = this.start(...words);
    this.tap.cutAt = { request, moment, cut: () => running.signalGroup("SIGKILL") };
    const { code, signal } = await running.ended();
    this.tap.cutAt = null;
    return signal === "SIGKILL" ? "killed" : code;
  }

  async stop(): Promise<void> {
    await this.tap.close();
    await this.#server.kill();
  }
}
