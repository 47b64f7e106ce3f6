import { spawnSync } from "node:child_process";
import { cpSync, globSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { buildBundle } from "./build-bundle.ts";
import { importsOf } from "./imports.ts";

/** `npm run build`: compiles what the package ships into dist/. */

rmSync("dist", { recursive: true, force: true });
const { status } = spawnSync("tsc -p tsconfig.build.json", { shell: true, stdio: "inherit" });
if (status !== 0) process.exit(1);

// The compiler writes `./x.js` for `./x.ts` in the JavaScript and leaves declarations as they are (TypeScript issue
// 61037); but there is no x.ts beside them.
for (const file of globSync("**/*.d.ts", { cwd: "dist" })) {
  const path = join("dist", file);
  const parts: string[] = [];
  const text = readFileSync(path, "utf8");
  let at = 0;
  for (const { specifier, end } of importsOf(path, text)) {
    if (!specifier?.startsWith(".") || !specifier.endsWith(".ts")) continue;
    const extension = end - '.ts"'.length;
    parts.push(text.slice(at, extension), ".js");
    at = end - '"'.length;
  }
  parts.push(text.slice(at));
  writeFileSync(path, parts.join(""));
}

// What instances are given, and the scripts that their user data is made of.
const BUNDLE = "ec2-node/aws/bundle";
for (const script of ["boot", "fetch"]) cpSync(join(BUNDLE, script), join("dist", BUNDLE, script));
writeFileSync(join("dist", BUNDLE, "raft-lite.tar.gz"), await buildBundle());
