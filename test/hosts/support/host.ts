import { execFile } from "node:child_process";
import { chmodSync, globSync, mkdirSync, mkdtempSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { parse } from "yaml";
import type { CloudConfig } from "../../aws/support/launch.ts";
import type { Lab } from "../../process/support/lab-room.ts";
import { PINNED_NODE } from "../../process/support/lab-room.ts";
import type { Running } from "../../process/support/running.ts";
import { until } from "../../process/support/until.ts";
import type { Cloud } from "./cloud.ts";
import type { Volume } from "./volume.ts";
import type { NetworkInterface } from "./vpc.ts";

const BY_ID = "/dev/disk/by-id/nvme-Amazon_Elastic_Block_Store_";
const PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/** Nobody waits ten minutes for what is not going to come. */
const PATIENCE_SECONDS = "20";

export interface Outcome {
  readonly code: number;
  /** Both of what it printed. */
  readonly output: string;
}

/** A machine: its own processes, files, journal and name under a systemd of its own, on an interface of the network. */
export class Host {
  readonly name: string;
  readonly networkInterface: NetworkInterface;
  readonly #process: Running;
  readonly #pid: number;

  private constructor(name: string, networkInterface: NetworkInterface, process: Running, pid: number) {
    this.name = name;
    this.networkInterface = networkInterface;
    this.#process = process;
    this.#pid = pid;
  }

  static async boot(lab: Lab, name: string, networkInterface: NetworkInterface, cloud: Cloud): Promise<Host> {
    const place = mkdtempSync(join(lab.directory, `${name}-`));
    const unique = place.replaceAll("/", "-").replace(/^-/, "");
    const words = [join(import.meta.dirname, "enter-host"), unique, place, PINNED_NODE, cloud.directory];
    const process = networkInterface.spawn(`host ${name}`, words[0]!, words.slice(1));
    lab.atEnd(async () => {
      await process.ended();
      await removeGroups(unique);
    });
    const pid = await until(`${name} boots`, () => {
      if (process.ending !== null) throw new Error(process.transcript());
      const child = Number(readFileSync(`/proc/${process.pid}/task/${process.pid}/children`, "utf8").trim());
      return child > 0 && readFileSync(`/proc/${child}/comm`, "utf8") === "systemd\n" && child;
    });
    const host = new Host(name, networkInterface, process, pid);
    await until(`${name} has started`, async () => {
      const { output } = await host.run("systemctl", "is-system-running");
      return /^(running|degraded)/.test(output);
    });
    return host;
  }

  /** Words before a command that is to run on this host. */
  get #enter(): string[] {
    const environment = [
      "env",
      "-i",
      `PATH=${PATH}`,
      `RAFT_PATIENCE_SECONDS=${PATIENCE_SECONDS}`,
      "LC_ALL=C",
    ];
    return ["-t", String(this.#pid), "-m", "-p", "-n", "-u", "-i", "-C", "-r", "-w", ...environment];
  }

  run(...command: string[]): Promise<Outcome> {
    return new Promise((resolve, reject) => {
      execFile("nsenter", [...this.#enter, ...command], (error, stdout, stderr) => {
        if (typeof (error?.code ?? 0) === "number")
          resolve({ code: Number(error?.code ?? 0), output: stdout + stderr });
        else reject(error);
      });
    });
  }

  /** As `run`, where nothing else than success is expected: the output. */
  async insist(...command: string[]): Promise<string> {
    const { code, output } = await this.run(...command);
    if (code !== 0) throw new Error(`${this.name}: ${command.join(" ")} ended with ${code}:\n${output}`);
    return output;
  }

  /** A process that goes on. */
  spawn(lab: Lab, name: string, ...command: string[]): Running {
    return lab.run(name, "nsenter", [...this.#enter, ...command]);
  }

  read(path: string): string {
    return readFileSync(this.#path(path), "utf8");
  }

  write(path: string, content: string, mode = 0o644): void {
    mkdirSync(dirname(this.#path(path)), { recursive: true });
    writeFileSync(this.#path(path), content);
    chmodSync(this.#path(path), mode);
  }

  #path(path: string): string {
    return `/proc/${this.#pid}/root${path}`;
  }

  /** Plugs a volume in, under the name that carries its id, or the name that older machines give it. */
  async attach(volume: Volume, as: "id" | "name" = "id"): Promise<void> {
    const [major, minor] = volume.numbers.map(String) as [string, string];
    const number = volume.id.replace("-", "");
    const device = as === "name" ? "/dev/sdf" : `/dev/nvme-${number}`;
    await this.insist("mknod", device, "b", major, minor);
    if (as === "name") return;
    await this.insist("mkdir", "-p", dirname(BY_ID));
    await this.insist("ln", "-s", device, `${BY_ID}${number}`);
  }

  /** What cloud-init does with user data at the first start. Resolves with how its last command ended. */
  async firstStart(userData: string): Promise<Outcome> {
    this.writeFiles(userData);
    let last: Outcome = { code: 0, output: "" };
    for (const command of this.commandsOf(userData)) last = await this.run(...command);
    return last;
  }

  writeFiles(userData: string): void {
    for (const { path, permissions, content } of (parse(userData) as CloudConfig).write_files) {
      this.write(path, content, Number.parseInt(permissions, 8));
    }
  }

  commandsOf(userData: string): readonly (readonly string[])[] {
    return (parse(userData) as CloudConfig).runcmd;
  }

  /** The plug is pulled: everything on it ends at once. */
  async powerOff(): Promise<void> {
    process.kill(this.#pid, "SIGKILL");
    await this.#process.ended();
  }
}

/** The control groups that a host leaves behind, empty once all its processes are gone. */
function removeGroups(name: string): Promise<true> {
  return until(`the control groups of ${name} are empty`, () => {
    for (const group of globSync(`/sys/fs/cgroup/**/${name}/**/`).sort((a, b) => b.length - a.length)) {
      rmdirSync(group);
    }
    return true;
  });
}
