import { describe, expect, test } from "vitest";
import { nodeIdProblem } from "../../shared/ids.ts";

describe("a node's id", () => {
  test.each(["A", "b", "0", "_", "-", "node-1", "NODE_2", "a".repeat(32), "Status", "rafts"])("%s", (id) => {
    expect(nodeIdProblem(id)).toBeNull();
  });

  test.each(["", "a".repeat(33), "a b", "a/b", "../x", ".", "a.b", "A\n", "ä", "A\u0000", "%41"])(
    "is not %j",
    (id) => {
      expect(nodeIdProblem(id)).toContain("characters");
    },
  );

  test.each([
    "status",
    "command",
    "client",
    "client_command",
    "v1",
    "health",
    "metrics",
    "chaos",
    "raft",
    "requestVote",
    "request_vote",
    "appendEntries",
    "append_entries",
    "installSnapshot",
    "install_snapshot",
    "timeoutNow",
    "timeout_now",
  ])("is not the route %s", (id) => {
    expect(nodeIdProblem(id)).toContain("route");
  });
});
