import { chmodSync, cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { CHECKOUT } from "../process/support/lab.ts";
import { has, runTool } from "./support/tool.ts";

/** What runs on an instance, as the tools made for it judge it. */

const SOURCES = join(CHECKOUT, "ec2-node/aws/bundle");
const directory = mkdtempSync(join(tmpdir(), "raft-lite-unit-"));
afterAll(() => rmSync(directory, { recursive: true }));

describe.skipIf(!has("shellcheck"))("shellcheck has nothing to say of", () => {
  test.each([
    ...["boot", "fetch", "fetch-secret", "install.sh", "raft-lite"].map(
      (name) => `ec2-node/aws/bundle/${name}`,
    ),
    ...["aws", "dnf", "enter-host"].map((name) => `test/hosts/support/${name}`),
  ])("%s", (script) => {
    expect(runTool("shellcheck", [join(CHECKOUT, script)])).toEqual({ status: 0, output: "" });
  });
});

describe.skipIf(!has("systemd-analyze"))("the unit", () => {
  const unit = join(directory, "raft-lite.service");
  const text = readFileSync(join(SOURCES, "raft-lite.service"), "utf8");

  beforeAll(() => {
    for (const program of ["raft-lite", "fetch-secret"]) {
      cpSync(join(SOURCES, program), join(directory, program));
      chmodSync(join(directory, program), 0o755);
    }
  });

  test("is understood, to the last word", () => {
    // systemd wants to see that the programs are there.
    writeFileSync(unit, text.replaceAll("/opt/raft-lite/current/", `${directory}/`));
    expect(runTool("systemd-analyze", ["verify", "--man=no", unit])).toEqual({ status: 0, output: "" });
  });

  test("exposes little", () => {
    writeFileSync(unit, text);
    const { status, output } = runTool("systemd-analyze", [
      "security",
      "--offline=1",
      "--threshold=15",
      unit,
    ]);
    expect([status, output]).toEqual([
      0,
      expect.stringMatching(/Overall exposure level for raft-lite.service: \d\.\d OK/),
    ]);
  });
});
