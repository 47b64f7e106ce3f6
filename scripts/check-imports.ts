import { globSync, readFileSync } from "node:fs";
import { sep } from "node:path";
import { refusedImports } from "./import-rules.ts";

const files = globSync("**/*.{ts,js}", {
  exclude: (path) =>
    path === "node_modules" || path === "dist" || path === "coverage" || path.startsWith("."),
})
  .map((file) => file.split(sep).join("/"))
  .sort();
const refused = files.flatMap((file) => refusedImports(file, readFileSync(file, "utf8")));

for (const line of refused) console.error(line);
if (refused.length > 0) process.exitCode = 1;
else console.log(`${files.length} files keep to their rooms`);
