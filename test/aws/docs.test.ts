import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { costLines, estimateCost, PRICES_OF } from "../../ec2-node/aws/prices.ts";
import { ec2Command } from "../../ec2-node/cli/ec2/ec2-command.ts";

const root = join(import.meta.dirname, "../..");
const page = readFileSync(join(root, "docs/ec2.md"), "utf8");
const readme = readFileSync(join(root, "README.md"), "utf8");

const commands = new Map(ec2Command().commands.map((command) => [command.name(), command]));

/** Everything that stands behind `raft-lite ec2` in the text, up to the end of the line or of the quotation. */
const typed = [...`${page}\n${readme}`.matchAll(/npx raft-lite ec2 ([a-z]+)([^`#\n]*)/g)].map(
  ([, name = "", rest = ""]) => [name, rest.trim()] as const,
);

describe("docs/ec2.md", () => {
  test.each(typed)("ec2 %s %s: is a command, with options that it has", (name, rest) => {
    const command = commands.get(name);
    expect(command, name).toBeDefined();
    const known = command?.options.flatMap(({ short, long }) => [short, long]);
    for (const [option] of rest.matchAll(/(?<=^|\s)--?[a-z][a-z-]*/g)) expect(known).toContain(option);
  });

  test("names every command and every option of up", () => {
    for (const name of commands.keys()) expect(page).toContain(`npx raft-lite ec2 ${name}`);
    for (const { long } of commands.get("up")?.options ?? []) expect(page).toContain(long);
    const others = ["logs", "update", "replace", "authorize", "destroy", "doctor"] as const;
    const shared = new Set(commands.get("up")?.options.map(({ long }) => long));
    for (const name of others) {
      for (const { long } of commands.get(name)?.options ?? []) {
        if (!shared.has(long)) expect(page, `${name} ${long}`).toContain(long);
      }
    }
  });

  test("shows the estimate as it is printed", () => {
    const estimate = estimateCost({
      nodes: 3,
      instanceType: "t3.small",
      rootGb: 8,
      dataGb: 10,
      publicAddresses: 3,
    });
    expect(page).toContain(costLines(estimate, "us-east-1").slice(0, 4).join("\n"));
    expect(page).toContain(`on-demand list of ${PRICES_OF}`);
  });
});
