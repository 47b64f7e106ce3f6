import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { createServer } from "node:net";
import { resolve } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { takeState } from "./dev-state.ts";

/**
 * `npm run dev`: the cluster of wrangler.toml on this machine, quick enough to watch, with the chaos routes. Arguments go
 * to `wrangler dev` and win over what stands here.
 */

const given = process.argv.slice(2);
const has = (...flags: string[]) => given.some((word) => flags.some((flag) => word.startsWith(flag)));
const wordAfter = (flag: string) => {
  const at = given.findIndex((word) => word === flag || word.startsWith(`${flag}=`));
  return given[at]?.startsWith(`${flag}=`) ? given[at].slice(flag.length + 1) : given[at + 1];
};
const DEFAULT_PORT = 8787;

const root = fileURLToPath(new URL("..", import.meta.url));
const port = has("--port") ? Number(wordAfter("--port")) : DEFAULT_PORT;
const ip = has("--ip") ? (wordAfter("--ip") ?? "") : "127.0.0.1";
if (port > 0 && (await isTaken(port, ip))) {
  console.error(`port ${port} is in use: stop what listens there, or choose another with -- --port`);
  process.exit(1);
}
const state = resolve(
  root,
  (has("--persist-to") ? wordAfter("--persist-to") : undefined) ?? ".wrangler/state",
);
takeStateOrExit();

const child = spawn(
  process.execPath,
  [
    fileURLToPath(new URL("../node_modules/wrangler/bin/wrangler.js", import.meta.url)),
    "dev",
    ...(has("--port") ? [] : ["--port", String(DEFAULT_PORT)]),
    ...(has("--ip") ? [] : ["--ip", ip]),
    ...(has("--inspector-port") ? [] : ["--inspector-port", "0"]),
    "--show-interactive-dev-session=false",
    // Whoever chooses one of the two timings has both chosen anew: the other follows from it.
    ...(given.some((word) => /RAFT_(HEARTBEAT|ELECTION_TIMEOUT):/.test(word))
      ? []
      : ["--var", "RAFT_HEARTBEAT:100", "--var", "RAFT_ELECTION_TIMEOUT:500-1000"]),
    ...(given.some((word) => word.includes("RAFT_CHAOS:")) ? [] : ["--var", "RAFT_CHAOS:1"]),
    ...given,
  ],
  {
    cwd: root,
    stdio: ["ignore", "pipe", "inherit"],
    // A group of its own, so that all of it can be ended.
    detached: true,
    env: {
      ...process.env,
      // Nobody is called, and nothing is looked up.
      WRANGLER_SEND_METRICS: "false",
      WRANGLER_HIDE_BANNER: "true",
      CLOUDFLARE_CF_FETCH_ENABLED: "false",
      // It traces every call between objects, which takes five to ten times as long as the call.
      X_LOCAL_OBSERVABILITY: "false",
      X_LOCAL_EXPLORER: "false",
    },
  },
);

const guard = spawn(
  process.execPath,
  [fileURLToPath(new URL("dev-guard.ts", import.meta.url)), String(child.pid)],
  { stdio: ["pipe", "ignore", "ignore"], detached: true },
);
guard.stdin.on("error", () => undefined);

let isStopping = false;
function stop(signal: NodeJS.Signals): void {
  isStopping = true;
  child.kill(signal);
}
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, stop);
// npm does not pass on what ends it: with it gone nobody would be left to stop the cluster. It runs this by a shell.
const parent = process.ppid;
const isRunByNpm = process.env.npm_lifecycle_event === "dev";
const grandparent = isRunByNpm ? parentOf(parent) : null;
setInterval(() => {
  if (process.ppid !== parent || (isRunByNpm && parentOf(parent) !== grandparent)) stop("SIGTERM");
}, 500).unref();
// It ends with one number or another, depending on how far it had come.
child.on("exit", (code) => {
  endGroup();
  guard.stdin.end("done\n", () => process.exit(isStopping ? 0 : (code ?? 1)));
});

let greeted = false;
for await (const line of createInterface({ input: child.stdout })) {
  console.log(line);
  const url = /Ready on (http\S+)/.exec(line)?.[1];
  if (url === undefined || greeted) continue;
  greeted = true;
  void greet(url);
}

/** Null where the system has no /proc, or the process has ended. */
function parentOf(pid: number): number | null {
  try {
    return Number(/^PPid:\s*(\d+)$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]);
  } catch {
    return null;
  }
}

/** wrangler that was killed leaves workerd behind. */
function endGroup(): void {
  try {
    if (child.pid !== undefined) process.kill(-child.pid, "SIGKILL");
  } catch {
    // Nobody is left.
  }
}

function takeStateOrExit(): void {
  try {
    if (takeState(state)) return;
    console.error(
      `${state} is in use by another npm run dev: stop that one, or choose another with -- --persist-to DIR`,
    );
  } catch (error) {
    console.error(
      `${state} cannot be used (${(error as Error).message}): choose another with -- --persist-to DIR`,
    );
  }
  process.exit(1);
}

async function greet(url: string): Promise<void> {
  const nodes = await nodesAt(url);
  if (nodes === null) return;
  const [first = "A", ...others] = nodes;
  console.log(
    [
      "",
      `Nodes:   ${[first, ...others].map((id) => `${url}/${id}`).join("  ")}`,
      `         ${url} asks whichever leads`,
      `Try:     curl -X POST ${url}/command -d '{"cmd":"SET x=5"}'`,
      `         curl ${url}/${others[0] ?? first}/status`,
      `         curl -X POST ${url}/${first}/chaos/stop        (and start, and crash)`,
      `Afresh:  CTRL+C, then rm -r ${state}`,
      "",
    ].join("\n"),
  );
}

/**
 * Ids of the nodes that live here; none where they are not told, behind a token for instance; null when the
 * configuration is bad, which the log has said. Objects begin to live when they are first called, and call the others.
 */
async function nodesAt(url: string): Promise<string[] | null> {
  try {
    const reply = await fetch(`${url}/v1/status/peers`);
    if (reply.status === 500) return null;
    const addresses = (await reply.json()) as string[];
    const base = `${new URL(url).host}/`;
    return addresses
      .filter((address) => address.startsWith(base))
      .map((address) => address.slice(base.length))
      .sort();
  } catch {
    return [];
  }
}

/** wrangler would find it out in the end, and say it in many lines. Whatever else is wrong is left to it. */
function isTaken(port: number, host: string): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", (error: NodeJS.ErrnoException) => resolve(error.code === "EADDRINUSE"));
    server.listen({ port, host }, () => server.close(() => resolve(false)));
  });
}
