import { existsSync, readdirSync, readFileSync } from "node:fs";
import { createServer } from "node:net";
import { describe, expect } from "vitest";
import type { Lab } from "../process/support/lab.ts";
import { CHECKOUT, PINNED_NODE, test } from "../process/support/lab.ts";
import type { Running } from "../process/support/running.ts";
import { until } from "../process/support/until.ts";

/** `npm run dev` around wrangler: one line for what is wrong, and nothing left behind. */

const NODES = /^Nodes: .*\/A /;

function dev(lab: Lab, port: number, state: string): Running {
  const words = ["--port", String(port), "--persist-to", state];
  return lab.run(`dev ${port}`, PINNED_NODE, ["scripts/dev.ts", ...words], { cwd: CHECKOUT });
}

/** Processes that a lab has started, or that these have started in turn: all of them carry its name. */
function pidsOf(lab: Lab): number[] {
  return readdirSync("/proc").flatMap((name) => {
    try {
      const isOfLab =
        /^\d+$/.test(name) && readFileSync(`/proc/${name}/environ`, "utf8").includes(lab.directory);
      return isOfLab && readFileSync(`/proc/${name}/cmdline`, "utf8") !== "" ? [Number(name)] : [];
    } catch {
      return [];
    }
  });
}

test("a port or a state that is in use is said in one line", async ({ lab }) => {
  const [taken, first, second] = (await lab.ports(3)) as [number, number, number];
  const server = createServer().listen(taken, "127.0.0.1");
  lab.atEnd(() => server.close());
  const state = lab.folder("state");
  const onTakenPort = dev(lab, taken, state);
  expect(await onTakenPort.ended()).toMatchObject({ code: 1 });
  expect(onTakenPort.lines).toEqual([
    expect.stringMatching(new RegExp(`^port ${taken} is in use: .*-- --port$`)),
  ]);

  const running = dev(lab, first, state);
  await running.line(NODES);
  const onTakenState = dev(lab, second, state);
  expect(await onTakenState.ended()).toMatchObject({ code: 1 });
  expect(onTakenState.lines).toEqual([expect.stringMatching(/state is in use .*-- --persist-to DIR$/)]);
});

describe.skipIf(!existsSync("/proc/self/environ"))("however it ends", () => {
  test.for([
    ["SIGINT", "itself"],
    ["SIGTERM", "itself"],
    ["SIGKILL", "itself"],
    ["SIGKILL", "wrangler"],
  ] as const)(
    "%s to %s leaves no process behind, and the state to the next",
    async ([signal, whom], { lab }) => {
      const [port] = (await lab.ports(1)) as [number];
      const state = lab.folder("state");
      const run = dev(lab, port, state);
      await run.line(NODES);
      expect(pidsOf(lab).length).toBeGreaterThan(3);
      if (whom === "itself") run.signal(signal);
      else {
        const isWrangler = (pid: number) =>
          readFileSync(`/proc/${pid}/cmdline`, "utf8").includes("wrangler-dist/cli");
        process.kill(pidsOf(lab).find(isWrangler)!, signal);
      }
      const { code } = await run.ended();
      if (signal !== "SIGKILL") expect(code).toBe(0);
      await until("nothing is left of it", () => pidsOf(lab).length === 0);
      await dev(lab, port, state).line(NODES);
    },
  );
});
