import { readFileSync } from "node:fs";
import { stripTypeScriptTypes } from "node:module";
import { join } from "node:path";
import { inspect } from "node:util";
import { afterEach, expect, test, vi } from "vitest";
import * as library from "../../exports/client.ts";
import type { ClientOptions } from "../../shared/client/client.ts";
import { realCluster } from "./real-cluster.ts";

/** The examples of docs/client.md, as they stand there, against real nodes: they print what they say they print. */

afterEach(() => {
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
});

const page = readFileSync(join(import.meta.dirname, "../../docs/client.md"), "utf8");
const examples = [...page.matchAll(/^```ts\n(.*?)^```$/gms)].map(([, source]) => source!);

type Program = (library: object, console: object) => Promise<void>;
const AsyncFunction = (async () => undefined).constructor as new (...words: string[]) => Program;

/** Its imports become what is handed in. */
function programOf(source: string): Program {
  const body = source.replace(/^import \{([^}]*)\} from "raft-lite\/client";$/gm, "const {$1} = library;");
  return new AsyncFunction("library", "console", stripTypeScriptTypes(body));
}

test("there are examples", () => {
  expect(examples).toHaveLength(3);
});

test.each(examples)("example %#", async (source) => {
  const { send, get } = await realCluster();
  const printed: string[] = [];
  const console = {
    log: (value: unknown) => printed.push(typeof value === "string" ? value : inspect(value)),
  };
  const createClient = (options: ClientOptions) => library.createClient({ ...options, fetch: send });
  await get(programOf(source)({ ...library, createClient }, console));
  const promised = [...source.matchAll(/console\.log\(.*\); \/\/ (.*)$/gm)].flatMap(([, said]) =>
    said!.split(", then "),
  );
  expect(promised.length).toBeGreaterThan(0);
  expect(printed).toEqual(promised);
});
