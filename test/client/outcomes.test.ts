import fc from "fast-check";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { Client } from "../../shared/client/client.ts";
import { ClientError, UnknownOutcomeError } from "../../shared/client/errors.ts";
import type { WriteResult } from "../../shared/client/writes.ts";
import type { Script, Seen, Settled } from "./support.ts";
import {
  A,
  B,
  broken,
  C,
  problem,
  refused,
  scripted,
  settle,
  silent,
  status,
  useVirtualTime,
  written,
} from "./support.ts";

/**
 * Whatever the network does to a write and whoever writes beside it: it takes effect once at most, and what its caller
 * is told of it is true, also for what arrives long after.
 */

beforeEach(useVirtualTime);
afterEach(() => void vi.useRealTimers());

/** When a request is carried out: never, when it arrives, or long after its sender has turned away. */
type Carried = "never" | "now" | "later";

/** What the sender hears of it. */
type Heard = "answer" | "refused" | "broken" | "silence" | "none" | "unknown" | "overloaded" | "bad-gateway";

interface Fate {
  readonly carried: Carried;
  readonly heard: Heard;
  /** What somebody else does to the key before the request arrives. */
  readonly other: "nothing" | "put" | "delete";
  readonly delayMs: number;
}

/** What may happen: an honest node and an honest network lie about nothing, they only lose things. */
const fate: fc.Arbitrary<Fate> = fc
  .record({
    outcome: fc.constantFrom<readonly [Heard, ...Carried[]]>(
      ["answer", "now"],
      ["refused", "never"],
      ["none", "never"],
      ["overloaded", "never"],
      ["broken", "never", "now", "later"],
      ["silence", "never", "now", "later"],
      ["unknown", "never", "now", "later"],
      ["bad-gateway", "never", "now", "later"],
    ),
    choice: fc.nat(2),
    other: fc.constantFrom("nothing", "nothing", "put", "delete"),
    delayMs: fc.constantFrom(0, 0, 1, 700, 3_000),
  })
  .map(({ outcome: [heard, ...carried], choice, other, delayMs }) => {
    return { heard, carried: carried[choice % carried.length]!, other, delayMs };
  });

/** One key of a store, and who has changed it. */
class Key {
  index = 10;
  modifyIndex = 10;
  isThere = true;
  /** Changes by the write under test. */
  effects = 0;

  other(action: Fate["other"]): void {
    if (action === "put") this.#change(true);
    if (action === "delete" && this.isThere) this.#change(false);
  }

  /** Carries out a write; gives the reply that tells of it. */
  carryOut({ body }: Seen): Response {
    const [operation] = JSON.parse(body).ops as [{ put?: string; cas?: number }];
    const { cas } = operation;
    const isPut = operation.put !== undefined;
    const current = this.isThere ? this.modifyIndex : 0;
    if (!isPut && !this.isThere) return written(0);
    if (cas !== undefined && cas !== current) return written(current, false);
    this.#change(isPut);
    this.effects++;
    return written(this.modifyIndex);
  }

  #change(isThere: boolean): void {
    this.isThere = isThere;
    this.modifyIndex = ++this.index;
  }
}

const writes = {
  put: (client: Client) => client.put("x", "5"),
  "put with cas 10": (client: Client) => client.put("x", "5", { cas: 10 }),
  "put with cas 0": (client: Client) => client.put("x", "5", { cas: 0 }),
  delete: (client: Client) => client.delete("x"),
  "delete with cas 10": (client: Client) => client.delete("x", { cas: 10 }),
};

interface Told {
  readonly key: Key;
  readonly settled: Settled<WriteResult>;
  /** The fates that requests have met. */
  readonly met: readonly Fate[];
}

async function run(
  write: keyof typeof writes,
  isThere: boolean,
  fates: readonly Fate[],
  retryUnknown: boolean,
): Promise<Told> {
  const key = new Key();
  key.isThere = isThere;
  const met: Fate[] = [];
  const script: Script = async (request) => {
    if (request.path === "/status") return status("N");
    const next = fates[met.length] ?? { heard: "answer", carried: "now", other: "nothing", delayMs: 0 };
    met.push(next);
    const { heard, carried, other, delayMs } = next;
    if (heard === "refused") return refused(request);
    await new Promise((resolve) => setTimeout(resolve, delayMs));
    key.other(other);
    const reply = carried === "now" ? key.carryOut(request) : null;
    if (carried === "later") setTimeout(() => key.carryOut(request), 30_000);
    switch (heard) {
      case "answer":
        return reply!;
      case "broken":
        return broken(request);
      case "silence":
        return silent(request);
      case "bad-gateway":
        return new Response("<h1>Bad Gateway</h1>", { status: 502 });
      case "overloaded":
        return problem(429, "overloaded")(request);
      default:
        return problem(503, "timeout", { outcome: heard })(request);
    }
  };
  const { client } = scripted(script, { nodes: [A, B, C], timeoutMs: 5_000, retryUnknown });
  const settled = await settle(writes[write](client));
  await vi.advanceTimersByTimeAsync(60_000);
  return { key, settled, met };
}

function check({ key, settled, met }: Told, mayRepeat: boolean): void {
  if (!mayRepeat) expect(key.effects).toBeLessThanOrEqual(1);
  if ("value" in settled) {
    const { ok, modifyIndex } = settled.value;
    if (!ok) expect(key.effects).toBe(0);
    else if (modifyIndex !== 0) expect(key.effects).toBeGreaterThanOrEqual(1);
    return;
  }
  const { error } = settled;
  expect(error).toBeInstanceOf(ClientError);
  if (!(error instanceof UnknownOutcomeError)) {
    expect(key.effects).toBe(0);
    return;
  }
  // "Unknown" is no excuse where everything is known.
  const isUncertain = ({ heard, delayMs }: Fate) =>
    ["broken", "silence", "unknown", "bad-gateway"].includes(heard) || delayMs > 0;
  expect(met.some(isUncertain)).toBe(true);
}

const names = fc.constantFrom(...(Object.keys(writes) as (keyof typeof writes)[]));
const fates = fc.array(fate, { maxLength: 6 });

test("a write takes effect once at most, and its caller is told the truth", async () => {
  await fc.assert(
    fc.asyncProperty(names, fc.boolean(), fates, async (write, isThere, fates) => {
      check(await run(write, isThere, fates, false), false);
    }),
    { numRuns: 600 },
  );
});

test("with retryUnknown it may take effect twice, and its caller is told the truth all the same", async () => {
  await fc.assert(
    fc.asyncProperty(names, fc.boolean(), fates, async (write, isThere, fates) => {
      check(await run(write, isThere, fates, true), true);
    }),
    { numRuns: 200 },
  );
});

test("the rules are not kept by refusing everything: most writes get through", async () => {
  let done = 0;
  await fc.assert(
    fc.asyncProperty(names, fates, async (write, fates) => {
      const { settled } = await run(write, true, fates, false);
      if ("value" in settled) done++;
    }),
    { numRuns: 200, seed: 1 },
  );
  expect(done).toBeGreaterThan(60);
});
