import { readFileSync } from "node:fs";
import { join } from "node:path";
import { rolldown } from "rolldown";
import { entryFiles } from "../../package/support/public-api.ts";
import { CHECKOUT } from "../../process/support/lab-room.ts";

/**
 * The Worker as one module, as it would be deployed. `entry` is relative to the repository; examples import the package by
 * its name, which here is its sources.
 */
export async function bundle(entry: string): Promise<string> {
  const build = await rolldown({
    input: join(CHECKOUT, entry),
    external: /^(cloudflare|node):/,
    platform: "neutral",
    resolve: {
      alias: Object.fromEntries(
        Object.entries(entryFiles()).map(([name, file]) => [`${name}$`, join(CHECKOUT, file)]),
      ),
    },
  });
  try {
    const { output } = await build.generate({ format: "esm" });
    return output[0].code;
  } finally {
    await build.close();
  }
}

/** What wrangler.toml says of the runtime: tests run under the same. */
export function compatibility(): { readonly date: string; readonly flags: string[] } {
  const toml = readFileSync(join(CHECKOUT, "wrangler.toml"), "utf8");
  const date = /^compatibility_date = "([^"]+)"$/m.exec(toml)?.[1];
  const flags = /^compatibility_flags = (\[.*\])$/m.exec(toml)?.[1] ?? "[]";
  if (date === undefined) throw new Error("wrangler.toml has no compatibility_date");
  return { date, flags: JSON.parse(flags) as string[] };
}
