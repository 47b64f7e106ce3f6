import { spawn } from "node:child_process";
import { createServer } from "node:net";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

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
const port = has("--port") ? Number(wordAfter("--port")) : 0;
const ip = has("--ip") ? (wordAfter("--ip") ?? "") : "127.0.0.1";
if (port > 0 && (await isTaken(port, ip))) {
  console.error(`port ${port} is in use: stop what listens there, or choose another with -- --port`);
  process.exit(1);
}

const child = spawn(
  process.execPath,
  [
    fileURLToPath(new URL("../node_modules/wrangler/bin/wrangler.js", import.meta.url)),
    "dev",
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
    cwd: fileURLToPath(new URL("..", import.meta.url)),
    stdio: ["inherit", "pipe", "inherit"],
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

let isStopping = false;
function stop(signal: NodeJS.Signals): void {
  isStopping = true;
  child.kill(signal);
}
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, stop);
// npm does not pass on what ends it: with it gone nobody would be left to stop the cluster.
const parent = process.ppid;
setInterval(() => {
  if (process.ppid !== parent) stop("SIGTERM");
}, 500).unref();
// It ends with one number or another, depending on how far it had come.
child.on("exit", (code) => process.exit(isStopping ? 0 : (code ?? 1)));

let greeted = false;
for await (const line of createInterface({ input: child.stdout })) {
  console.log(line);
  const url = /Ready on (http\S+)/.exec(line)?.[1];
  if (url === undefined || greeted) continue;
  greeted = true;
  void greet(url);
}

async function greet(url: string): Promise<void> {
  const nodes = await nodesAt(url);
  if (nodes === null) return;
  const [first = "A", ...others] = nodes;
  const state = has("--persist-to") ? "the directory given" : ".wrangler/state";
  console.log(
    [
      "",
      `Nodes:   ${[first, ...others].map((id) => `${url}/${id}`).join("  ")}`,
      `         ${url} asks whichever leads`,
      `Try:     curl -X POST ${url}/command -d '{"cmd":"SET x=5"}'`,
      `         curl ${url}/${others[0] ?? first}/status`,
      `         curl -X POST ${url}/${first}/chaos/stop        (and start, and crash)`,
      `Afresh:  CTRL+C, then remove ${state}`,
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
