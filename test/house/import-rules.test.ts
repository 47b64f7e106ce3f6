import { describe, expect, test } from "vitest";
import { refusedImports } from "../../scripts/import-rules.ts";

const value = (specifier: string) => `import { a } from "${specifier}";`;
const type = (specifier: string) => `import type { A } from "${specifier}";`;

describe("every arrow that may be drawn", () => {
  test.each([
    ["shared/raft/raft.ts", value("./quorum.ts")],
    ["shared/raft/quorum/joint.ts", value("../types.ts")],
    ["shared/raft/raft.ts", value("../errors.ts")],
    ["shared/storage/log.ts", value("../raft/types.ts")],
    ["shared/store/store.ts", value("../storage/entry.ts")],
    ["shared/store/store.ts", value("../raft/types.ts")],
    ["shared/store/store.ts", type("../node/state-machine.ts")],
    ["shared/node/node.ts", value("../storage/log.ts")],
    ["shared/node/node.ts", value("../raft/raft.ts")],
    ["shared/http/handler.ts", value("../node/node.ts")],
    ["shared/http/handler.ts", value("../store/store.ts")],
    ["shared/http/handler.ts", value("../storage/entry.ts")],
    ["shared/http/handler.ts", value("../raft/types.ts")],
    ["shared/http/handler.ts", value("itty-router")],
    ["shared/client/client.ts", value("../ids.ts")],
    ["shared/printable.ts", value("./errors.ts")],
    ["exports/main.ts", value("../shared/client/client.ts")],
    ["exports/node-host.ts", value("../ec2-node/start-node.ts")],
    ["exports/sim.ts", value("../sim/simulate.ts")],
    ["exports/worker.ts", value("../worker/create-raft-object.ts")],
    ["examples/tally.ts", value("raft-lite/node-host")],
    ["examples/worker/main.ts", value("cloudflare:workers")],
    ["examples/worker/main.ts", value("../tally.ts")],
    ["ec2-node/main.ts", value("../shared/http/handler.ts")],
    ["ec2-node/main.ts", value("node:fs")],
    ["ec2-node/main.ts", value("commander")],
    ["ec2-node/aws/clients.ts", value("@aws-sdk/client-ec2")],
    ["ec2-node/aws/clients.ts", value("../cli/text-table.ts")],
    ["ec2-node/cli/ec2/flags.ts", value("../../aws/names.ts")],
    ["worker/node.ts", value("../shared/http/handler.ts")],
    ["worker/node.ts", value("cloudflare:workers")],
    ["sim/main.ts", value("../shared/node/node.ts")],
    ["sim/main.ts", value("node:sqlite")],
    ["bin/raft-lite.js", `await import("../ec2-node/main.ts");\n`],
    ["test/sim/judge.test.ts", value("../../sim/judge.ts")],
    ["vitest.config.ts", value("vitest/config")],
  ])("%s: %s", (file, source) => {
    expect(refusedImports(file, source)).toEqual([]);
  });
});

describe("every arrow that may not", () => {
  test.each([
    // Who runs a node does without AWS.
    ["ec2-node/main.ts", value("@aws-sdk/client-ec2"), "ec2-node may not import @aws-sdk/client-ec2"],
    // The core knows nobody.
    ["shared/raft/raft.ts", value("../storage/log.ts"), "shared/raft may not import shared/storage/log.ts"],
    ["shared/raft/raft.ts", type("../node/ports.ts"), "shared/raft may not import shared/node/ports.ts"],
    ["shared/raft/raft.ts", value("itty-router"), "shared/raft may not import itty-router"],
    ["shared/raft/quorum/joint.ts", value("../../store/store.ts"), "may not import shared/store/store.ts"],
    // Each room of shared/ looks down only.
    ["shared/storage/log.ts", value("../node/ports.ts"), "may not import shared/node/ports.ts"],
    ["shared/storage/log.ts", value("../store/store.ts"), "may not import shared/store/store.ts"],
    ["shared/store/store.ts", value("../node/node.ts"), "may not import shared/node/node.ts"],
    ["shared/store/store.ts", value("../node/state-machine.ts"), "may import only types from"],
    ["shared/store/store.ts", `import { type A } from "../node/state-machine.ts";\n`, "only types from"],
    ["shared/node/node.ts", value("../store/store.ts"), "may not import shared/store/store.ts"],
    ["shared/node/node.ts", type("../http/handler.ts"), "may not import shared/http/handler.ts"],
    ["shared/http/handler.ts", value("../client/client.ts"), "may not import shared/client/client.ts"],
    ["shared/client/client.ts", type("../http/replies.ts"), "may not import shared/http/replies.ts"],
    ["shared/client/client.ts", type("../node/node.ts"), "may not import shared/node/node.ts"],
    ["shared/errors.ts", value("./raft/types.ts"), "may not import shared/raft/types.ts"],
    ["shared/attic/old.ts", value("../raft/types.ts"), "may not import shared/raft/types.ts"],
    // shared/ runs everywhere.
    ...[
      "raft/raft.ts",
      "storage/log.ts",
      "store/store.ts",
      "node/node.ts",
      "http/handler.ts",
      "client/client.ts",
    ]
      .map((file) => `shared/${file}`)
      .flatMap((file) => [
        [file, value("node:fs"), "may not import node:fs"],
        [file, value("cloudflare:workers"), "may not import cloudflare:workers"],
        [file, type("../../ec2-node/storage.ts"), "may not import ec2-node/storage.ts"],
        [file, type("../../worker/node.ts"), "may not import worker/node.ts"],
        [file, type("../../sim/clock.ts"), "may not import sim/clock.ts"],
      ]),
    // The package's entries only name what is elsewhere, nobody within uses them, and examples see nothing else.
    ["exports/main.ts", value("itty-router"), "may not import itty-router"],
    ["shared/node/node.ts", type("../../exports/node.ts"), "may not import exports/node.ts"],
    ["ec2-node/main.ts", value("../exports/node-host.ts"), "may not import exports/node-host.ts"],
    ["ec2-node/main.ts", value("../examples/tally.ts"), "may not import examples/tally.ts"],
    ["examples/tally.ts", value("../shared/node/node.ts"), "may not import shared/node/node.ts"],
    ["examples/tally.ts", value("../exports/main.ts"), "may not import exports/main.ts"],
    ["examples/tally.ts", value("cloudflare:workers"), "may not import cloudflare:workers"],
    ["examples/worker/main.ts", value("../../worker/main.ts"), "may not import worker/main.ts"],
    ["examples/tally.ts", value("srvx"), "may not import srvx"],
    // The hosts do not know one another, and nobody but tests knows the simulator.
    ["ec2-node/main.ts", value("../worker/node.ts"), "may not import worker/node.ts"],
    ["ec2-node/main.ts", value("../sim/main.ts"), "may not import sim/main.ts"],
    ["ec2-node/main.ts", value("cloudflare:workers"), "may not import cloudflare:workers"],
    ["worker/node.ts", value("../ec2-node/storage.ts"), "may not import ec2-node/storage.ts"],
    ["worker/node.ts", value("node:fs"), "may not import node:fs"],
    ["sim/main.ts", value("../ec2-node/storage.ts"), "may not import ec2-node/storage.ts"],
    ["sim/main.ts", value("../test/helpers.ts"), "may not import test/helpers.ts"],
  ])("%s: %s", (file, source, reason) => {
    expect(refusedImports(file!, source!)).toEqual([expect.stringContaining(reason!)]);
  });
});

describe("every way to write an import is seen", () => {
  test.each([
    `import "../node/node.ts";`,
    `export { a } from "../node/node.ts";`,
    `export * from "../node/node.ts";`,
    `export type { A } from "../node/node.ts";`,
    `await import("../node/node.ts");`,
    `type A = import("../node/node.ts").A;`,
  ])("%s", (source) => {
    expect(refusedImports("shared/raft/raft.ts", source)).toHaveLength(1);
  });

  test("a computed one is refused where rooms are closed", () => {
    expect(refusedImports("shared/http/handler.ts", "await import(name);")).toHaveLength(1);
    expect(refusedImports("ec2-node/main.ts", "await import(name);")).toEqual([]);
  });

  test("text that only looks like one is not", () => {
    const source = `// import { a } from "node:fs";\nconst b = 'import { a } from "node:fs"';\n`;
    expect(refusedImports("shared/raft/raft.ts", source)).toEqual([]);
  });

  test("the line is named", () => {
    expect(refusedImports("shared/raft/raft.ts", `\n\n${value("node:fs")}`)).toEqual([
      "shared/raft/raft.ts:3: shared/raft may not import node:fs",
    ]);
  });
});

describe("what leads nowhere", () => {
  test.each([
    ["shared/raft/raft.ts", value("/etc/passwd.ts"), "absolute import"],
    ["shared/raft/raft.ts", value("../../../elsewhere.ts"), "out of the repository"],
    ["attic/old.ts", value("./a.ts"), "lies in no room"],
  ])("%s: %s", (file, source, reason) => {
    expect(refusedImports(file, source)).toEqual([expect.stringContaining(reason)]);
  });
});
