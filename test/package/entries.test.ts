import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, test } from "vitest";
import { importsOf } from "../../scripts/imports.ts";
import { entryFiles, publicApi } from "./support/public-api.ts";

/**
 * A change here is a change of what programs rely on. When it is meant: `npx vitest run --project unit test/package -u`.
 */
test("what the package offers is what public-api.txt says", async () => {
  await expect(publicApi(entryFiles())).toMatchFileSnapshot("public-api.txt");
});

interface Loaded {
  readonly files: readonly string[];
  /** Packages and `node:` modules. */
  readonly others: readonly string[];
}

/** What comes along when an entry is imported: everything it names, but for types. */
function load(entry: string): Loaded {
  const files = new Set<string>();
  const others = new Set<string>();
  const visit = (file: string) => {
    if (files.has(file)) return;
    files.add(file);
    for (const { specifier, typeOnly } of importsOf(file, readFileSync(file, "utf8"))) {
      if (typeOnly || specifier === undefined) continue;
      if (specifier.startsWith(".")) visit(join(dirname(file), specifier));
      else others.add(specifier);
    }
  };
  visit(entry);
  return { files: [...files], others: [...others].sort() };
}

describe("importing an entry brings along no more than it needs", () => {
  const files = entryFiles();

  test.each([
    ["raft-lite", []],
    ["raft-lite/core", []],
    ["raft-lite/storage", []],
    ["raft-lite/store", []],
    ["raft-lite/node", []],
    ["raft-lite/client", []],
    ["raft-lite/http", ["itty-router"]],
    ["raft-lite/worker", ["itty-router"]],
  ])("%s runs everywhere", (name, packages) => {
    expect(load(files[name]!).others).toEqual(packages);
  });

  test("raft-lite/node-host needs Node, and nothing of the command line's library", () => {
    const { others } = load(files["raft-lite/node-host"]!);
    expect(others.filter((name) => !name.startsWith("node:"))).toEqual(["itty-router", "srvx/node"]);
  });

  test("neither host nor simulator fails to import where SQLite is behind a flag", () => {
    for (const name of ["raft-lite/node-host", "raft-lite/sim"]) {
      expect(load(files[name]!).others).not.toContain("node:sqlite");
    }
  });

  test.each([
    ["raft-lite/core", "shared/raft/"],
    ["raft-lite/client", "shared/client/"],
  ])("%s is its own room and leaves", (name, room) => {
    const [entry, ...rest] = load(files[name]!).files;
    expect(entry).toBe(files[name]);
    expect(rest.filter((file) => !file.startsWith(room) && !/^shared\/[^/]+$/.test(file))).toEqual([]);
  });
});

test("every entry exists, and every file of exports/ is one", () => {
  const files = Object.values(entryFiles());
  expect(files.filter((file) => !existsSync(file))).toEqual([]);
  expect(files).toHaveLength(10);
});
