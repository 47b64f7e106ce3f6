import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { packageVersion } from "../../cli/version.ts";

/** What instances are given: one .tar.gz with the node's command line, and what installs it. */
export interface Bundle {
  readonly bytes: Uint8Array;
  /** Of `bytes`, 64 hexadecimal digits. */
  readonly sha256: string;
  /** The package's version, for people. */
  readonly version: string;
}

let loaded: Promise<Bundle> | undefined;

/** The bundle of this version: as it was built with the package, and in the repository made from the sources as they are. */
export function loadBundle(): Promise<Bundle> {
  loaded ??= load();
  return loaded;
}

async function load(): Promise<Bundle> {
  const bytes = import.meta.url.endsWith(".ts") ? await build() : readFileSync(PREBUILT);
  const sha256 = createHash("sha256").update(bytes).digest("hex");
  return { bytes, sha256, version: packageVersion() };
}

/** Beside this file's compiled form (scripts/build.ts). */
const PREBUILT = new URL("raft-lite.tar.gz", import.meta.url);

/** Named at run time alone: what builds is not shipped. */
async function build(): Promise<Uint8Array> {
  const script = pathToFileURL(join(import.meta.dirname, "../../../scripts/build-bundle.ts"));
  const { buildBundle } = (await import(script.href)) as { buildBundle: () => Promise<Uint8Array> };
  return buildBundle();
}
