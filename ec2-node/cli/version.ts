import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";

/** The version of the package this file belongs to, from the nearest package.json above. */
export function packageVersion(): string {
  for (let directory = import.meta.dirname; ; directory = dirname(directory)) {
    const file = join(directory, "package.json");
    if (existsSync(file)) return (JSON.parse(readFileSync(file, "utf8")) as { version: string }).version;
    if (directory === dirname(directory)) return "unknown";
  }
}
