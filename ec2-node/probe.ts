import { connect } from "node:net";

/**
 * `refused`: nobody listens at that port of a living machine. `dropped`: the connection was taken and closed again at
 * once. `unknown`: no answer in time, or no route.
 */
export type ProbeOutcome = "refused" | "accepted" | "dropped" | "unknown";
export type Probe = (address: string) => Promise<ProbeOutcome>;

/**
 * A machine on the same network answers a connect within a millisecond or two, with a refusal as with a welcome; one
 * that needs longer is judged by its silence, like any other.
 */
const PROBE_DEADLINE_MS = 250;
/** A busy machine may take its time between closing one file of a dying process and the next. */
const STAYS_MS = 1_000;

/**
 * One TCP connect to the host and port of a base URL, and a look whether the connection stays. Sends nothing; never
 * rejects.
 */
export function probe(address: string, deadlineMs: number = PROBE_DEADLINE_MS): Promise<ProbeOutcome> {
  if (!URL.canParse(address)) return Promise.resolve("unknown");
  const { hostname, port, protocol } = new URL(address);
  return new Promise((resolve) => {
    const socket = connect({
      host: hostname.replace(/^\[(.*)\]$/, "$1"),
      port: port === "" ? (protocol === "https:" ? 443 : 80) : Number(port),
    });
    let connected = false;
    let timer = setTimeout(() => settle("unknown"), deadlineMs);
    socket.once("connect", () => {
      connected = true;
      clearTimeout(timer);
      timer = setTimeout(() => settle("accepted"), STAYS_MS);
    });
    // Only a socket that is read from hears that the other side closed it.
    socket.resume().once("end", () => settle("dropped"));
    // The listener stays: a socket that is being destroyed may still fail.
    socket.on("error", ({ code }: NodeJS.ErrnoException) => {
      // A reset may come before we have seen that we were connected.
      if (code === "ECONNREFUSED") settle("refused");
      else settle(connected || code === "ECONNRESET" ? "dropped" : "unknown");
    });

    function settle(outcome: ProbeOutcome): void {
      clearTimeout(timer);
      socket.destroy();
      resolve(outcome);
    }
  });
}
