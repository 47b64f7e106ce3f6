/** Set in the nodes that `start` runs, to its process id. */
const SUPERVISOR = "RAFT_LITE_SUPERVISOR";

/** The environment for a child that is to end with this process. It also needs an IPC channel. */
export function supervisedEnvironment(): NodeJS.ProcessEnv {
  return { ...process.env, [SUPERVISOR]: String(process.pid) };
}

/**
 * Calls `stop` when the `start` process above this one has died or let go of it, even kill -9'd: the nodes of `start`
 * are not left behind with nobody to stop them. Never calls it in a node that the user started.
 */
export function onSupervisorGone(stop: () => void): void {
  const supervisor = process.env[SUPERVISOR];
  if (supervisor === undefined) return;
  delete process.env[SUPERVISOR];
  process.on("disconnect", stop);
  // It may have gone before anybody listened.
  if (!process.connected || supervisor !== String(process.ppid)) stop();
}
