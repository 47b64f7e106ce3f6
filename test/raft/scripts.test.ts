import { globSync } from "node:fs";
import { basename, join } from "node:path";
import { expect, test } from "vitest";
import { runScript } from "./support/script.ts";

const files = globSync(join(import.meta.dirname, "scripts/*.txt")).sort();

test.each(files.map((file) => [basename(file, ".txt"), file]))("%s goes as written", (_name, file) => {
  const { expected, actual } = runScript(file);
  expect(actual).toBe(expected);
});
