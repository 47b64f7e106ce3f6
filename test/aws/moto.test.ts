import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Moto, whyNoMoto } from "./support/moto.ts";
import { contents } from "./support/moto-contents.ts";

const WHY_NOT = whyNoMoto();
if (WHY_NOT !== null) console.warn(`not tested against an emulator of AWS: ${WHY_NOT}`);

/** Requests between the points at which the program is killed. */
const STRIDE = 5;
const LIMIT_MS = 280_000;

describe.skipIf(WHY_NOT !== null)("real processes, killed at any request, against an emulator", () => {
  let moto: Moto;
  beforeAll(async () => {
    moto = await Moto.start();
  });
  afterAll(() => moto.stop());

  /** Kills the command further and further on, until it comes through. Returns how often it was killed. */
  async function killAndRepeat(...words: string[]): Promise<number> {
    for (let kills = 0; ; kills++) {
      const ending = await moto.runKilledAt(
        3 + kills * STRIDE,
        kills % 2 === 0 ? "after" : "before",
        ...words,
      );
      if (ending !== "killed") {
        expect(ending).toBe(0);
        return kills;
      }
    }
  }

  test("up, replace and destroy end in the same state", { timeout: LIMIT_MS }, async () => {
    const up = ["up", "--yes", "--wait", "0", "--client-cidr", "198.51.100.7/32"];
    expect(await killAndRepeat(...up)).toBeGreaterThan(2);
    const again = await moto.run(...up);
    expect(again.transcript()).toContain("nothing to do");
    expect(again.ending?.code).toBe(0);
    const whole = await contents(moto.env.AWS_ENDPOINT_URL!);
    expect(whole).toEqual(WHOLE);
    expect(await killAndRepeat("replace", "B", "--yes", "--wait", "0")).toBeGreaterThan(1);
    expect(await contents(moto.env.AWS_ENDPOINT_URL!)).toEqual(WHOLE);
    await killAndRepeat("destroy", "--yes");
    const kept = await contents(moto.env.AWS_ENDPOINT_URL!);
    expect(kept).toEqual(["A", "B", "C"].map((id) => `volume of ${id}: available`));
    await killAndRepeat("destroy", "--yes", "--delete-data");
    expect(await contents(moto.env.AWS_ENDPOINT_URL!)).toEqual([]);
    const last = await moto.run("destroy", "--yes", "--delete-data");
    expect(last.stdout).toContain("nothing to do");
  });
});

describe.skipIf(WHY_NOT !== null)("what AWS answers on the wire", () => {
  let moto: Moto;
  beforeAll(async () => {
    moto = await Moto.start();
  });
  afterAll(() => moto.stop());

  const up = ["up", "--yes", "--wait", "0", "--client-cidr", "198.51.100.7/32"];
  const isEc2 = (body: string): boolean => body.includes("Version=2016-11-15");

  test("a refusal becomes one line on stderr, exit code 1, and no more", { timeout: LIMIT_MS }, async () => {
    moto.tap.answer = (body) =>
      body.includes("Action=AllocateAddress")
        ? ec2Error(403, "UnauthorizedOperation", "You are not authorized")
        : null;
    const refused = await moto.run(...up);
    expect(refused.ending?.code).toBe(1);
    expect(refused.stderr.trim().split("\n")).toEqual([
      expect.stringContaining("not permitted: ec2:AllocateAddress"),
    ]);
    expect(refused.stdout).toMatch(/\d+ of \d+ steps are done, and what they made is kept/);
    moto.tap.answer = () => null;
    expect((await moto.run("destroy", "--yes", "--delete-data")).ending?.code).toBe(0);
    expect(await contents(moto.env.AWS_ENDPOINT_URL!)).toEqual([]);
  });

  test("a busy AWS is waited for", { timeout: LIMIT_MS }, async () => {
    // Every third request, so that the SDK's own patience is not always enough.
    moto.tap.answer = (body, request) =>
      isEc2(body) && request % 3 === 0
        ? ec2Error(503, "RequestLimitExceeded", "Request limit exceeded.")
        : null;
    const ended = await moto.run(...up);
    expect(ended.ending?.code, ended.transcript()).toBe(0);
    expect(await contents(moto.env.AWS_ENDPOINT_URL!)).toEqual(WHOLE);
    moto.tap.answer = () => null;
    expect((await moto.run("destroy", "--yes", "--delete-data")).ending?.code).toBe(0);
    expect(await contents(moto.env.AWS_ENDPOINT_URL!)).toEqual([]);
  });
});

function ec2Error(status: number, code: string, message: string): { status: number; body: string } {
  const error = `<Error><Code>${code}</Code><Message>${message}</Message></Error>`;
  return { status, body: `<Response><Errors>${error}</Errors><RequestID>r</RequestID></Response>` };
}

const OWN = "raft-lite-raft-lite";
const WHOLE = [
  ...["A", "B", "C"].flatMap((id) => [
    `address of ${id}: associated`,
    `instance of ${id}: running`,
    `interface of ${id}`,
    `volume of ${id}: in-use`,
    "volume: in-use",
  ]),
  `bucket ${OWN}-123456789012-us-east-1`,
  `group ${OWN}`,
  "parameter /raft-lite/raft-lite/cluster: String",
  "parameter /raft-lite/raft-lite/secret: SecureString",
  `profile ${OWN}-us-east-1: ${OWN}-us-east-1`,
  `role ${OWN}-us-east-1`,
].toSorted();
