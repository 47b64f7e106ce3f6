import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { CHECKOUT, PINNED_NODE } from "../../process/support/lab.ts";

/** A Node that runs the package. */
interface Runtime {
  readonly node: string;
  /** What a program needs to say to it that starts a node itself; the command line says it by itself. */
  readonly options: readonly string[];
}

/** The oldest that package.json promises, and whatever else RAFT_LITE_TEST_NODES names, e.g. "22.13.0 26.10.0". */
const VERSIONS = ["22.12.0", ...(process.env.RAFT_LITE_TEST_NODES?.split(" ") ?? [])];

const PINNED = "the pinned Node";
export const RUNTIME_NAMES: readonly string[] = [...VERSIONS.map((version) => `Node ${version}`), PINNED];

/** An empty project that somebody has installed the packed package in. */
export class Project {
  readonly home = mkdtempSync(join(tmpdir(), "raft-lite-package-"));
  readonly directory = join(this.home, "project with a space");
  readonly tarball: string;
  readonly #runtimes = new Map<string, Runtime>();

  constructor() {
    try {
      this.tarball = this.#prepare();
    } catch (error) {
      this.dispose();
      throw error;
    }
  }

  #prepare(): string {
    run("npm", ["pack", "--pack-destination", this.home], CHECKOUT);
    const tarball = join(this.home, readdirSync(this.home).find((name) => name.endsWith(".tgz"))!);
    this.#install(this.directory, tarball, "--omit=optional");
    this.#runtimes.set(PINNED, { node: PINNED_NODE, options: [] });
    for (const version of VERSIONS) this.#runtimes.set(`Node ${version}`, this.#installNode(version));
    return tarball;
  }

  /** A second project, which has what is optional, too. */
  withOptional(): string {
    const directory = join(this.home, "with optional");
    this.#install(directory, this.tarball);
    return directory;
  }

  /** One of RUNTIME_NAMES. */
  runtime(name: string): Runtime {
    const runtime = this.#runtimes.get(name);
    if (runtime === undefined) throw new Error(`${name} was not installed`);
    return runtime;
  }

  /** The environment of a terminal in which `node` is this one. */
  environment({ node }: Runtime): NodeJS.ProcessEnv {
    const elsewhere = (process.env.PATH ?? "").split(delimiter).filter((path) => !path.startsWith(CHECKOUT));
    return { ...process.env, PATH: [dirname(node), ...elsewhere].join(delimiter), NODE_OPTIONS: "" };
  }

  write(name: string, content: string): string {
    const path = join(this.directory, name);
    writeFileSync(path, content);
    return path;
  }

  dispose(): void {
    rmSync(this.home, { recursive: true, force: true });
  }

  #install(directory: string, ...words: string[]): void {
    run("mkdir", ["-p", directory], this.home);
    writeFileSync(join(directory, "package.json"), '{ "private": true, "type": "module" }\n');
    run("npm", ["install", "--no-audit", "--no-fund", "--prefer-offline", ...words], directory);
  }

  #installNode(version: string): Runtime {
    const name = `node-${process.platform}-${process.arch}`;
    const directory = join(this.home, `node ${version}`);
    this.#install(directory, `${name}@${version}`);
    return {
      node: join(directory, "node_modules", name, "bin/node"),
      options: [
        "--disable-warning=ExperimentalWarning",
        ...(version === "22.12.0" ? ["--experimental-sqlite"] : []),
      ],
    };
  }
}

/** Runs a program to its end and gives its output. Throws with all it said when it fails. */
export function run(
  command: string,
  args: readonly string[],
  cwd: string,
  env: NodeJS.ProcessEnv = process.env,
): string {
  try {
    return execFileSync(command, args, { cwd, env, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
  } catch (error) {
    const { stdout, stderr } = error as { stdout: string; stderr: string };
    throw new Error(`${command} ${args.join(" ")} failed:\n${stdout}${stderr}`, { cause: error });
  }
}
