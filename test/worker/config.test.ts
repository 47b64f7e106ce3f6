import { describe, expect, it } from "vitest";
import { RaftLiteError } from "../../shared/errors.ts";
import { LOCATIONS, readConfig } from "../../worker/config.ts";
import type { Settings } from "../../worker/settings.ts";

const SECRET = "s".repeat(32);

describe("a configuration", () => {
  it("is three objects beating twice a second where nothing is set", () => {
    expect(readConfig({})).toEqual({
      nodes: ["A", "B", "C"].map((id) => ({ id, url: null, location: null })),
      timings: { heartbeatMs: 500, electionTimeoutMinMs: 2000, electionTimeoutMaxMs: 4000 },
      quiesceAfterMs: 10_000,
      electionPriority: "normal",
      url: null,
      log: "text",
      chaos: false,
      secret: undefined,
      token: undefined,
    });
  });

  it("places objects, and knows nodes elsewhere", () => {
    const { nodes, url } = readConfig({
      RAFT_NODES: " A=do, B=do,C=HTTPS://node.example/raft/ ",
      RAFT_LOCATIONS: "A=weur,B=apac-ne",
      RAFT_URL: "https://edge.example/",
      RAFT_SECRET: SECRET,
    });
    expect(nodes).toEqual([
      { id: "A", url: null, location: "weur" },
      { id: "B", url: null, location: "apac-ne" },
      { id: "C", url: "https://node.example/raft", location: null },
    ]);
    expect(url).toBe("https://edge.example");
  });

  it("falls silent and gives way as it is told", () => {
    const told = readConfig({ RAFT_QUIESCE_AFTER: "off", RAFT_ELECTION_PRIORITY: "low" });
    expect(told).toMatchObject({ quiesceAfterMs: 0, electionPriority: "low" });
    expect(readConfig({ RAFT_QUIESCE_AFTER: "60000" }).quiesceAfterMs).toBe(60_000);
  });

  it("knows every location of the platform", () => {
    for (const where of LOCATIONS) {
      expect(readConfig({ RAFT_LOCATIONS: `B=${where}` }).nodes[1]?.location).toBe(where);
    }
  });

  it.each<[Settings, Record<string, number>]>([
    [{ RAFT_HEARTBEAT: "100" }, { heartbeatMs: 100, electionTimeoutMinMs: 2000 }],
    [{ RAFT_HEARTBEAT: "1000" }, { heartbeatMs: 1000, electionTimeoutMinMs: 4000 }],
    [{ RAFT_ELECTION_TIMEOUT: "300-600" }, { heartbeatMs: 100, electionTimeoutMaxMs: 600 }],
    [{ RAFT_HEARTBEAT: "50", RAFT_ELECTION_TIMEOUT: "150-300" }, { heartbeatMs: 50 }],
  ])("lets %o fit the rest", (settings, timings) => {
    expect(readConfig(settings).timings).toMatchObject(timings);
  });

  it.each<[string, Settings, RegExp]>([
    ["silence in words", { RAFT_QUIESCE_AFTER: "10s" }, /^RAFT_QUIESCE_AFTER: "10s" is neither milliseconds/],
    ["silence at once", { RAFT_QUIESCE_AFTER: "0" }, /^RAFT_QUIESCE_AFTER: "0" is not a whole number from 1/],
    ["a priority", { RAFT_ELECTION_PRIORITY: "high" }, /^RAFT_ELECTION_PRIORITY: "high" is neither normal/],
    ["no node", { RAFT_NODES: " , " }, /^RAFT_NODES names no node: write e\.g\./],
    ["no pair", { RAFT_NODES: "A" }, /^RAFT_NODES: "A" is not ID=VALUE: write e\.g\./],
    ["no value", { RAFT_NODES: "A=do,B=" }, /^RAFT_NODES: "B=" is not ID=VALUE/],
    ["a twin", { RAFT_NODES: "A=do,A=do" }, /^RAFT_NODES names node A twice/],
    ["a route", { RAFT_NODES: "status=do" }, /^RAFT_NODES: "status" is the name of a route/],
    ["a later route", { RAFT_NODES: "A=do,chaos=do" }, /^RAFT_NODES: "chaos" is the name of a route/],
    ["a bad id", { RAFT_NODES: "a.b=do" }, /^RAFT_NODES: "a\.b" is not 1 to 32 of the characters/],
    ["a word", { RAFT_NODES: "A=durable" }, /^RAFT_NODES: "A=durable" is neither "do" nor a URL/],
    [
      "a bad URL",
      { RAFT_NODES: "A=do,B=http://:1" },
      /^RAFT_NODES: B: "http:\/\/:1" is no base URL: it has no host/,
    ],
    [
      "a password",
      { RAFT_NODES: "A=do,B=https://me:pa55@h:1" },
      /^RAFT_NODES: B: "https:\/\/…@h:1" is no base URL/,
    ],
    [
      "a password without a scheme",
      { RAFT_NODES: "A=do,B=me:pa55@h:1" },
      /^RAFT_NODES: "B=…@h:1" is neither/,
    ],
    [
      "a misspelt name",
      { RAFT_TOKENS: "t0ken" } as Settings,
      /^RAFT_TOKENS is no setting; there are RAFT_NODES, /,
    ],
    ["another scheme", { RAFT_NODES: "A=do,B=ftp://h" }, /ftp:\/\/ is neither http nor https/],
    [
      "one URL twice",
      { RAFT_NODES: "A=do,B=http://h,C=http://h/" },
      /^RAFT_NODES: B and C have the same URL/,
    ],
    [
      "ten nodes",
      { RAFT_NODES: "0123456789".replace(/./g, "n$&=do,") },
      /^RAFT_NODES names 10 nodes, the most is 9/,
    ],
    [
      "no object",
      { RAFT_NODES: "C=http://h:1", RAFT_SECRET: SECRET },
      /^RAFT_NODES: none of the nodes is a Durable Object/,
    ],
    [
      "no secret",
      { RAFT_NODES: "A=do,C=http://h:1" },
      /^RAFT_NODES: node C is elsewhere.*RAFT_SECRET must be set/,
    ],
    [
      "an odd location",
      { RAFT_LOCATIONS: "A=mars" },
      /^RAFT_LOCATIONS: "mars" of node A is none of wnam enam/,
    ],
    ["a stranger's location", { RAFT_LOCATIONS: "D=weur" }, /^RAFT_LOCATIONS: RAFT_NODES has no node D/],
    [
      "a location elsewhere",
      { RAFT_NODES: "A=do,C=http://h:1", RAFT_SECRET: SECRET, RAFT_LOCATIONS: "C=weur" },
      /^RAFT_LOCATIONS: node C is elsewhere/,
    ],
    ["a heartbeat", { RAFT_HEARTBEAT: "fast" }, /^RAFT_HEARTBEAT: "fast" is not a whole number/],
    ["a range", { RAFT_ELECTION_TIMEOUT: "500" }, /^RAFT_ELECTION_TIMEOUT: "500" is not MIN-MAX/],
    [
      "a turned range",
      { RAFT_ELECTION_TIMEOUT: "900-300" },
      /^RAFT_ELECTION_TIMEOUT 900-300: MIN must be below MAX/,
    ],
    [
      "timings that do not fit",
      { RAFT_HEARTBEAT: "500", RAFT_ELECTION_TIMEOUT: "600-900" },
      /^RAFT_ELECTION_TIMEOUT 600-900 with RAFT_HEARTBEAT 500: MIN must be at least 3 heartbeats, here 1500/,
    ],
    ["a URL", { RAFT_URL: "edge.example?x" }, /^RAFT_URL: "edge\.example\?x" is no base URL/],
    ["a log", { RAFT_LOG: "xml" }, /^RAFT_LOG: "xml" is none of text, json, verbose/],
    ["chaos", { RAFT_CHAOS: "yes" }, /^RAFT_CHAOS: "yes" is none of 0, 1/],
    [
      "a number",
      { RAFT_HEARTBEAT: 500 as unknown as string },
      /^RAFT_HEARTBEAT must be text: put its value in quotes/,
    ],
    ["an empty secret", { RAFT_SECRET: "" }, /RAFT_SECRET is empty/],
    ["an empty token", { RAFT_TOKEN: "" }, /RAFT_TOKEN is empty/],
    ["control characters", { RAFT_LOG: "\u001b[2J" }, /^RAFT_LOG: "\\u001b\[2J" is none of/],
  ])("names %s and how to mend it", (_, settings, message) => {
    const error = thrownBy(() => readConfig(settings));
    expect(error).toBeInstanceOf(RaftLiteError);
    expect(error).toMatchObject({ code: "bad-configuration", status: 500, details: { outcome: "none" } });
    expect((error as Error).message).toMatch(message);
    expect((error as Error).message).not.toContain("\n");
  });

  it("never shows a secret, not even a wrong one", () => {
    for (const settings of [{ RAFT_SECRET: "hush hush" }, { RAFT_TOKEN: "hush hush" }]) {
      expect(String(thrownBy(() => readConfig(settings)))).not.toContain("hush");
    }
  });
});

function thrownBy(work: () => unknown): unknown {
  try {
    work();
  } catch (error) {
    return error;
  }
  throw new Error("nothing was thrown");
}
