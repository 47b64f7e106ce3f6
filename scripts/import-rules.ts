import type { Import } from "./imports.ts";
import { importsOf } from "./imports.ts";

/**
 * Who may import whom (docs/architecture.md). A compiler sees whether an import resolves, a linter what it is called;
 * neither sees the arrow between two rooms, so it is judged here on resolved paths.
 */

/** A place an import may lead to. A room opens its folder; a path that ends in .ts opens that file alone. */
interface Arrow {
  readonly to: string;
  /** Only `import type` and `export type`, which leave nothing behind at run time. */
  readonly typesOnly?: true;
}

interface Room {
  /** Its folder, or one file in it; the longest that holds a file is the file's room. */
  readonly path: string;
  /** Where else in the repository its imports may lead. Its own folder is always open to a room. */
  readonly arrows: readonly Arrow[];
  /** Packages and `node:` modules it may import: exact names, or "*" for a whole kind. */
  readonly packages: readonly string[];
}

/** The single files at the top of shared/ import at most one another, so everyone may import them. */
const LEAF = /^shared\/[^/]+\.ts$/;

const open = (...paths: string[]): Arrow[] => paths.map((to) => ({ to }));

const ROOMS: readonly Room[] = [
  { path: "shared/raft", arrows: [], packages: [] },
  { path: "shared/storage", arrows: open("shared/raft"), packages: [] },
  {
    path: "shared/store",
    arrows: [
      ...open("shared/storage", "shared/raft"),
      // The store fulfils the node's port; it knows the port and nothing else of the node.
      { to: "shared/node/state-machine.ts", typesOnly: true },
    ],
    packages: [],
  },
  // The state machine comes in through its port: a node must run with any, not with ours.
  { path: "shared/node", arrows: open("shared/storage", "shared/raft"), packages: [] },
  {
    path: "shared/recording",
    arrows: [
      ...open("shared/storage", "shared/raft"),
      // A recorder hears from its node through the node's ports.
      { to: "shared/node/recorder.ts", typesOnly: true },
      { to: "shared/node/ports.ts", typesOnly: true },
    ],
    packages: [],
  },
  {
    path: "shared/http",
    arrows: open("shared/node", "shared/store", "shared/storage", "shared/raft"),
    packages: ["itty-router"],
  },
  // What people type or set, checked: the same words and limits at every host.
  { path: "shared/config", arrows: open("shared/node", "shared/raft"), packages: [] },
  // A client is loaded where no server is: it knows the routes by what docs/client.md says of them.
  { path: "shared/client", arrows: [], packages: [] },
  // What is left of shared/: the leaves. (A new folder of it needs a line of its own here.)
  { path: "shared", arrows: [], packages: [] },
  // A node is there without the AWS SDK: what imports it is loaded by `ec2` alone (ec2-node/cli/ec2/load-commands.ts).
  { path: "ec2-node", arrows: open("shared", "ec2-node/aws"), packages: ["node:*", "commander", "srvx"] },
  { path: "ec2-node/aws", arrows: open("shared", "ec2-node"), packages: ["node:*", "*"] },
  { path: "worker", arrows: open("shared"), packages: ["cloudflare:*", "*"] },
  { path: "sim", arrows: open("shared"), packages: ["node:*", "*"] },
  // The package's entries: they name what is public, and hold nothing of their own.
  { path: "exports", arrows: open("shared", "ec2-node", "worker", "sim"), packages: [] },
  // As a program that uses the package: what it imports goes through the package's entries.
  { path: "examples", arrows: [], packages: ["node:*", "raft-lite"] },
  { path: "examples/worker", arrows: open("examples/tally.ts"), packages: ["cloudflare:*", "raft-lite"] },
  {
    path: "bench",
    arrows: open("shared", "ec2-node", "test/edge/support", "test/process/support"),
    packages: ["node:*", "*"],
  },
  // The sources in the repository, what they were compiled to in the package.
  { path: "bin", arrows: open("ec2-node", "dist/ec2-node"), packages: ["node:*"] },
  { path: "scripts", arrows: [], packages: ["node:*", "*"] },
  // The fuzz itself runs wherever nodes do; what drives it on Node lies beside it.
  {
    path: "test/fuzz/portable",
    arrows: [{ to: "shared/store", typesOnly: true }, ...open("test/store/model.ts")],
    packages: ["fast-check"],
  },
  {
    path: "test",
    arrows: open(
      "shared",
      "ec2-node",
      "worker",
      "sim",
      "scripts",
      "bin",
      "exports",
      "examples",
      "test/fuzz/portable",
      "bench/edge-bill.ts",
    ),
    packages: ["node:*", "cloudflare:*", "*"],
  },
];

/** Configuration files at the top: they are read by tools and import tools. */
const TOP: Room = { path: "", arrows: [], packages: ["node:*", "*"] };

/** Says, one line each, which imports of a file are refused. `file` is relative to the repository, with slashes. */
export function refusedImports(file: string, source: string): string[] {
  const room = roomOf(file);
  if (room === undefined) return [`${file}: lies in no room of scripts/import-rules.ts`];
  return importsOf(file, source).flatMap((found) => {
    const reason = refusal(room, file, found);
    return reason === undefined ? [] : [`${file}:${found.line}: ${reason}`];
  });
}

function refusal(room: Room, file: string, { specifier, typeOnly }: Import): string | undefined {
  const name = room.path || "the top";
  if (specifier === undefined) {
    return room.path.startsWith("shared") ? "a computed import() cannot be checked" : undefined;
  }
  if (specifier.startsWith("/") || specifier.startsWith("file:")) return `absolute import ${specifier}`;
  if (!specifier.startsWith(".")) {
    return packageAllowed(room, specifier) ? undefined : `${name} may not import ${specifier}`;
  }
  const target = resolve(file, specifier);
  if (target === undefined) return `${specifier} leads out of the repository`;
  if (LEAF.test(target)) return undefined;
  if (room === roomOf(target)) return undefined;
  const arrow = room.arrows.find(({ to }) => holds(to, target));
  if (arrow === undefined) return `${name} may not import ${target}`;
  if (arrow.typesOnly && !typeOnly) return `${name} may import only types from ${target}`;
  return undefined;
}

function roomOf(file: string): Room | undefined {
  if (!file.includes("/")) return TOP;
  return ROOMS.filter(({ path }) => holds(path, file)).sort((a, b) => b.path.length - a.path.length)[0];
}

function holds(path: string, file: string): boolean {
  return file === path || file.startsWith(`${path}/`);
}

function packageAllowed(room: Room, specifier: string): boolean {
  const scheme = /^[a-z]+:/.exec(specifier)?.[0];
  if (scheme !== undefined) return room.packages.includes(`${scheme}*`);
  const name = specifier.split("/", specifier.startsWith("@") ? 2 : 1).join("/");
  return room.packages.includes("*") || room.packages.includes(name);
}

/** The file a relative specifier names; undefined when it climbs out of the repository. */
function resolve(from: string, specifier: string): string | undefined {
  const path = from.split("/").slice(0, -1);
  for (const step of specifier.split("/")) {
    if (step === ".." && path.pop() === undefined) return undefined;
    if (step !== ".." && step !== ".") path.push(step);
  }
  return path.join("/");
}
