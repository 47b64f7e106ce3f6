import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { StartNodeOptions } from "../../ec2-node/start-node-options.ts";
import { readStartNodeOptions } from "../../ec2-node/start-node-options.ts";

describe("options that cannot be are refused in one line", () => {
  const good = { id: "A", dataDir: "somewhere" };
  test.each<[string, object, string]>([
    ["no id", { id: undefined }, "wrong-usage"],
    ["an id that is none", { id: "a b" }, "wrong-usage"],
    ["the id of a route", { id: "status" }, "wrong-usage"],
    ["no directory", { dataDir: undefined }, "wrong-usage"],
    ["an empty directory", { dataDir: "" }, "wrong-usage"],
    ["a port that is none", { port: 65_536 }, "wrong-usage"],
    ["half a port", { port: 80.5 }, "wrong-usage"],
    ["a text for a port", { port: "8000" }, "wrong-usage"],
    ["a port for clients that is none", { clientPort: -1 }, "wrong-usage"],
    ["one port for nodes and clients", { port: 9000, clientPort: 9000 }, "wrong-usage"],
    ["a host that is none", { host: "http://x" }, "wrong-usage"],
    ["a peer that is none", { peers: ["host-without-port"] }, "wrong-usage"],
    ["one peer at two addresses", { peers: ["B=h:1", "B=h:2"] }, "wrong-usage"],
    ["a peer at this node's address", { port: 9000, peers: ["B=127.0.0.1:9000"] }, "wrong-usage"],
    ["a URL that is none", { advertise: "nowhere" }, "wrong-usage"],
    ["half an election timeout", { timings: { electionTimeoutMinMs: 500 } }, "wrong-usage"],
    [
      "an election timeout upside down",
      { timings: { electionTimeoutMinMs: 500, electionTimeoutMaxMs: 500 } },
      "wrong-usage",
    ],
    ["a heartbeat of nothing", { timings: { heartbeatMs: 0 } }, "wrong-usage"],
    [
      "a heartbeat too slow",
      { timings: { heartbeatMs: 400, electionTimeoutMinMs: 500, electionTimeoutMaxMs: 1000 } },
      "wrong-usage",
    ],
    ["silence after less than nothing", { quiesceAfterMs: -1 }, "wrong-usage"],
    ["silence after half a millisecond", { quiesceAfterMs: 0.5 }, "wrong-usage"],
    ["a priority that is none", { electionPriority: "high" }, "wrong-usage"],
    ["a secret that no header carries", { secret: "two words" }, "bad-credential"],
    ["an empty token", { token: "" }, "bad-credential"],
    ["a recording nowhere in particular", { trace: "" }, "wrong-usage"],
  ])("%s", (_what, options, code) => {
    const read = () => readStartNodeOptions({ ...good, ...options } as StartNodeOptions);
    expect(read).toThrow(expect.objectContaining({ code, message: expect.not.stringContaining("\n") }));
    expect(read).toThrow(expect.objectContaining({ message: expect.not.stringContaining("--") }));
  });
});

describe("other options", () => {
  const read = (options: Partial<StartNodeOptions>) =>
    readStartNodeOptions({ id: "A", dataDir: "d", ...options });

  test("are those of the command line where they are left out, but for the network", () => {
    expect(read({})).toEqual({
      id: "A",
      port: 8000,
      clientPort: null,
      host: "127.0.0.1",
      peers: [],
      dataDirectory: "d",
      advertise: null,
      timings: { heartbeatMs: 100, electionTimeoutMinMs: 500, electionTimeoutMaxMs: 1000 },
      quiesceAfterMs: 0,
      electionPriority: "normal",
      secret: null,
      token: null,
      traceDirectory: join("d", "trace"),
    });
    expect(read({ trace: false }).traceDirectory).toBeNull();
    expect(read({ trace: "elsewhere" }).traceDirectory).toBe("elsewhere");
  });

  test("peers are read in every dialect, without this node itself", () => {
    const peers = ["A=127.0.0.1:8000", "B=10.0.0.2:8000", "http://10.0.0.3:8000/C", "127.0.0.1:8000"];
    expect(read({ peers }).peers).toEqual([
      { id: "B", address: "http://10.0.0.2:8000" },
      { id: null, address: "http://10.0.0.3:8000/C" },
    ]);
    expect(read({ peers: [] }).peers).toEqual([]);
  });

  test("timings that are left out follow from the rest", () => {
    expect(read({ timings: { heartbeatMs: 200 } }).timings).toEqual({
      heartbeatMs: 200,
      electionTimeoutMinMs: 1000,
      electionTimeoutMaxMs: 2000,
    });
    expect(read({ timings: { electionTimeoutMinMs: 150, electionTimeoutMaxMs: 300 } }).timings).toEqual({
      heartbeatMs: 50,
      electionTimeoutMinMs: 150,
      electionTimeoutMaxMs: 300,
    });
  });
});
