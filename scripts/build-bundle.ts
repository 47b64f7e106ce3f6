import {
  chmodSync,
  copyFileSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import type { Plugin } from "rolldown";
import { rolldown } from "rolldown";
import { create } from "tar";

/** Makes the bundle that instances are given (ec2-node/aws/bundle): the same bytes from the same sources. */

const ROOT = join(import.meta.dirname, "..");
const SOURCES = join(ROOT, "ec2-node/aws/bundle");
/** What is in it beside the program and the licences, and what may be executed. */
const FILES: readonly (readonly [name: string, mode: number])[] = [
  ["fetch", 0o755],
  ["fetch-secret", 0o755],
  ["install.sh", 0o755],
  ["raft-lite", 0o755],
  ["raft-lite.service", 0o644],
];

/** Any would do that is always the same; GNU tar warns of 1970. */
const MODIFIED = new Date("2000-01-01T00:00:00Z");
/** RFC 1952, 2.3.1: the operating system, unknown. zlib writes the one that it runs on. */
const GZIP_OS_AT = 9;
const GZIP_OS_UNKNOWN = 255;

/** Resolves with the bytes of a .tar.gz. Throws when a dependency in it has no licence to go with it. */
export async function buildBundle(): Promise<Uint8Array> {
  const { code, packages } = await bundleProgram();
  const directory = mkdtempSync(join(tmpdir(), "raft-lite-bundle-"));
  try {
    writeFileSync(join(directory, "raft-lite.mjs"), code);
    copyFileSync(join(ROOT, "LICENSE"), join(directory, "LICENSE"));
    writeFileSync(join(directory, "THIRD-PARTY-LICENSES"), packages.map(licenceText).join("\n"));
    for (const [name] of FILES) copyFileSync(join(SOURCES, name), join(directory, name));
    const modes = new Map(FILES);
    const names = readdirSync(directory).sort();
    for (const name of names) chmodSync(join(directory, name), modes.get(name) ?? 0o644);
    const options = { cwd: directory, portable: true, mtime: MODIFIED, sync: true } as const;
    const archive = create(options, names).read();
    if (archive === null) throw new Error("tar made nothing");
    const bytes = gzipSync(archive, { level: 9 });
    bytes[GZIP_OS_AT] = GZIP_OS_UNKNOWN;
    return bytes;
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

interface Program {
  readonly code: string;
  /** Directories of the packages that are part of it. */
  readonly packages: readonly string[];
}

async function bundleProgram(): Promise<Program> {
  const build = await rolldown({
    input: join(SOURCES, "main.ts"),
    cwd: ROOT,
    platform: "node",
    plugins: [packageVersionBakedIn],
    onLog(level, log) {
      if (level === "warn") throw new Error(log.message);
    },
  });
  try {
    const { output } = await build.generate({ format: "esm", codeSplitting: false });
    const [program, ...more] = output;
    if (more.length > 0) throw new Error(`more than one file: ${more.map(({ fileName }) => fileName)}`);
    const found = program.moduleIds.flatMap(
      (id) => /^.*\/node_modules\/(?:@[^/]+\/)?[^/]+/.exec(id.replaceAll("\\", "/"))?.[0] ?? [],
    );
    return { code: program.code, packages: [...new Set(found)].sort() };
  } finally {
    await build.close();
  }
}

/** On an instance there is no package.json to read it from. */
const packageVersionBakedIn: Plugin = {
  name: "package-version-baked-in",
  load: {
    filter: { id: /ec2-node\/cli\/version\.ts$/ },
    handler() {
      const { version } = readPackage(ROOT);
      return { code: `export const packageVersion = () => ${JSON.stringify(version)};`, moduleType: "js" };
    },
  },
};

function licenceText(directory: string): string {
  const { name, version } = readPackage(directory);
  const file = readdirSync(directory).find((one) => /^licen[cs]e(\.|$)/i.test(one));
  if (file === undefined) throw new Error(`${name} ${version} has no file with its licence`);
  const title = `${name} ${version}`;
  return `${title}\n${"-".repeat(title.length)}\n\n${readFileSync(join(directory, file), "utf8").trim()}\n`;
}

function readPackage(directory: string): { readonly name: string; readonly version: string } {
  return JSON.parse(readFileSync(join(directory, "package.json"), "utf8")) as {
    name: string;
    version: string;
  };
}
