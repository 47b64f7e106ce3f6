import { PassThrough } from "node:stream";
import { describe, expect, test } from "vitest";
import { confirm } from "../../ec2-node/aws/confirm.ts";
import { isUsageError } from "../../shared/config/usage-error.ts";

/** Somebody at a terminal who types `keys`, and then hangs up if `ends`. */
async function answer(keys: string, ends = false): Promise<{ yes: boolean; shown: string }> {
  const input = Object.assign(new PassThrough(), { isTTY: true, setRawMode: () => {} });
  const output = new PassThrough();
  input.write(keys);
  if (ends) input.end();
  const yes = await confirm("Create these?", { input, output });
  return { yes, shown: String(output.read()) };
}

describe("the question before anything is done", () => {
  test.each([
    ["y\r", true],
    ["Y\r", true],
    ["yes\r", true],
    [" YES \r", true],
    ["\r", false],
    ["n\r", false],
    ["no\r", false],
    ["yep\r", false],
    ["j\r", false],
  ])("answered %j is %s", async (keys, yes) => {
    const given = await answer(keys);
    expect(given.yes).toBe(yes);
    expect(given.shown).toContain("Create these? [y/N] ");
  });

  test("is a no after CTRL+C, also in the middle of a yes", async () => {
    expect((await answer("\u0003")).yes).toBe(false);
    expect((await answer("y\u0003")).yes).toBe(false);
  });

  test("is a no at the end of input", async () => {
    expect((await answer("", true)).yes).toBe(false);
    expect((await answer("y", true)).yes).toBe(false);
  });

  test("says to add --yes where nobody can be asked", async () => {
    const error = await confirm("Create\nthese?", {
      input: new PassThrough(),
      output: new PassThrough(),
    }).catch((error) => error);
    expect(isUsageError(error)).toBe(true);
    expect(error.message).toBe('"Create\\nthese?" has nobody to answer it here: add --yes');
  });
});
