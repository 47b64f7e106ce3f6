#!/usr/bin/env node
// Plain JavaScript, because it must start on a Node that cannot run the rest as it was started. In the repository, whose
// sources are TypeScript, it then finds the Node that `npm ci` brought along; in the package, which holds them compiled,
// it asks the same Node for what is behind a flag there. Either way it runs itself again.
import { spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import * as nodeModule from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const FORWARDED = ["SIGINT", "SIGTERM", "SIGHUP"];
/** Set in the second process alone: the id of the first one, whose stand-in it is. */
const STANDS_IN_FOR = "RAFT_LITE_STANDS_IN_FOR";
/** How long a signal of the parent's may come after the same signal of the child's own and still be the same one. */
const SAME_SIGNAL_MS = 1000;

const standsInFor = process.env[STANDS_IN_FOR];
delete process.env[STANDS_IN_FOR];
const isStandIn = standsInFor === String(process.ppid) && process.channel !== undefined;

/** The package does not hold the sources: Node would not strip types below node_modules. */
const isRepository = existsSync(new URL("../ec2-node/main.ts", import.meta.url));

if (!isStandIn) stopWithNpm();
if (canRun()) {
  if (isStandIn) standIn(process.ppid);
  silenceKnownWarnings();
  nodeModule.enableCompileCache?.();
  await (isRepository ? import("../ec2-node/main.ts") : import("../dist/ec2-node/main.js"));
} else {
  const command = isStandIn ? undefined : isRepository ? findPinnedNode() : withSqlite();
  if (command === undefined) {
    console.error(
      isRepository
        ? `raft-lite needs Node 22.18 or newer and this is ${process.version}: ` +
            "install one, or run `npm ci` in the project's folder, which brings its own"
        : `raft-lite needs Node 22.12 or newer and this is ${process.version}`,
    );
    process.exitCode = 1;
  } else {
    runUnder(command);
  }
}

/** Asks for what is needed and not for a version: SQLite without a flag, and types that are stripped unasked. */
function canRun() {
  return nodeModule.isBuiltin("node:sqlite") && (!isRepository || Boolean(process.features.typescript));
}

/** This Node with its SQLite, which is behind a flag before 22.13. */
function withSqlite() {
  const flag = "--experimental-sqlite";
  return process.allowedNodeEnvironmentFlags.has(flag)
    ? [process.execPath, flag, ...process.execArgv]
    : undefined;
}

/** The `node` package that package.json pins, in this checkout or wherever the dependencies were hoisted to. */
function findPinnedNode() {
  const names = process.platform === "win32" ? ["node/bin/node.exe"] : ["node/bin/node", ".bin/node"];
  let directory = dirname(dirname(fileURLToPath(import.meta.url)));
  for (;;) {
    for (const name of names) {
      const candidate = join(directory, "node_modules", name);
      if (existsSync(candidate)) return [candidate];
    }
    const parent = dirname(directory);
    if (parent === directory) return undefined;
    directory = parent;
  }
}

/** SQLite and type stripping are used knowingly; every other warning stays. */
function silenceKnownWarnings() {
  const emitWarning = process.emitWarning;
  process.emitWarning = (warning, ...rest) => {
    const type = typeof rest[0] === "object" ? rest[0]?.type : rest[0];
    const known = type === "ExperimentalWarning" && /SQLite|Type Stripping/i.test(String(warning));
    if (!known) emitWarning.call(process, warning, ...rest);
  };
}

/**
 * Runs this file under another Node and ends as it ends. Whoever started this process knows its id and no other, so
 * the two must live, stop and die as one; the child's half of that is `standIn`.
 * @param {readonly string[]} command The Node and its options.
 */
function runUnder([node, ...options]) {
  const child = spawn(node, [...options, fileURLToPath(import.meta.url), ...process.argv.slice(2)], {
    stdio: ["inherit", "inherit", "inherit", "ipc"],
    env: { ...process.env, [STANDS_IN_FOR]: String(process.pid) },
  });
  for (const signal of FORWARDED) {
    process.on(signal, () => child.connected && child.send(signal, () => {}));
  }
  process.on("SIGCONT", () => {
    child.kill("SIGCONT");
    // Once more, for a child that was just about to stop itself.
    setTimeout(() => child.kill("SIGCONT"), 100);
  });
  child.on("error", (error) => {
    console.error(`raft-lite could not start ${node}: ${error.message}`);
    process.exitCode = 1;
  });
  child.on("exit", (code, signal) => {
    if (signal === null) process.exit(code);
    process.removeAllListeners(signal);
    process.kill(process.pid, signal);
  });
}

/**
 * The child's half: whatever happens to the parent happens here.
 * @param {number} parent
 */
function standIn(parent) {
  // Killed: die the same way, at once and with nothing tidied up, or the node would outlive its own kill -9.
  process.on("disconnect", () => process.kill(process.pid, "SIGKILL"));

  // Signalled: a terminal sends its signals to the whole group, so that this process may have it already. The parent's
  // copy counts only where none came here. A listener of ours must not keep a signal from ending a process that has
  // no other listener.
  /** @type {Map<string, number>} */
  const receivedAt = new Map();
  for (const signal of FORWARDED) {
    const listener = () => {
      receivedAt.set(signal, performance.now());
      if (process.listenerCount(signal) > 1) return;
      process.removeListener(signal, listener);
      process.kill(process.pid, signal);
    };
    process.on(signal, listener);
  }
  process.on("message", (signal) => {
    // Two deliveries of one key press arrive in any order: let the direct one go first.
    setTimeout(() => {
      const since = performance.now() - (receivedAt.get(signal) ?? Number.NEGATIVE_INFINITY);
      if (since > SAME_SIGNAL_MS) process.kill(process.pid, signal);
    }, 50);
  });

  // Stopped (SIGSTOP cannot be listened to): stop too. The parent's SIGCONT goes on to here.
  if (process.platform === "linux") {
    setInterval(() => {
      if (processStatus(parent)?.state === "T") process.kill(process.pid, "SIGSTOP");
    }, 20).unref();
  }

  // None of this is a reason to keep running.
  process.channel.unref();
}

/**
 * `npm start` and `npx raft-lite` put npm and a shell between the user and this process, and neither passes SIGTERM on:
 * without this the nodes would go on, and hold their ports, after what the user started is gone. Its end is taken as
 * the SIGTERM that never came.
 */
function stopWithNpm() {
  if (process.platform !== "linux") return;
  const isNpm = (/** @type {number | undefined} */ pid) => {
    const status = processStatus(pid);
    return status !== undefined && status.state !== "Z" && /^npm /.test(status.name);
  };
  const npm = [process.ppid, processStatus(process.ppid)?.parent].find(isNpm);
  if (npm === undefined) return;
  const timer = setInterval(() => {
    if (isNpm(npm)) return;
    clearInterval(timer);
    process.kill(process.pid, "SIGTERM");
  }, 100).unref();
}

/**
 * What proc(5) says of a process; undefined when it is gone. State "T" is stopped, "Z" dead and not yet buried.
 * @param {number | undefined} pid
 */
function processStatus(pid) {
  try {
    const [, name, state, parent] = /\((.*)\) (.) (\d+)/s.exec(readFileSync(`/proc/${pid}/stat`, "latin1"));
    return { name, state, parent: Number(parent) };
  } catch {
    return undefined;
  }
}
