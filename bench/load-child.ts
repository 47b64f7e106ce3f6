import type { Socket } from "node:net";
import { connect } from "node:net";
import { HttpReplyReader } from "./http-reply.ts";
import type { Dialect, Workload } from "./requests.ts";
import { requestsOf } from "./requests.ts";

/**
 * The load generator: a process of its own, so that neither the nodes nor the harness wait for it, and the same for
 * every system. Clients are kept-open sockets in closed loops: each sends its next request when the reply to the one
 * before is whole. Requests are made beforehand; what is left to do per request is a write, a read and a clock.
 */

export interface Job {
  readonly dialect: Dialect;
  readonly workload: Workload;
  /** Ports on this machine; clients are dealt out among them in turn. */
  readonly ports: readonly number[];
  readonly clients: number;
  readonly warmUpMs: number;
  readonly measureMs: number;
  /** Ends the measurement early, after so many requests. */
  readonly requests?: number;
}

export interface LoadResult {
  /** Requests answered with 200 while it was measured, and how long that was. */
  readonly count: number;
  readonly elapsedMs: number;
  readonly failed: number;
  /** What the first failure said. */
  readonly failure: string | null;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
  /** User and system time of this process while it was measured. */
  readonly cpuUs: number;
}

/** What the harness hears: the load has warmed up, and later the result. */
export type FromLoad =
  | { readonly type: "measuring" }
  | { readonly type: "done"; readonly result: LoadResult };

/** What each read brings, whichever socket it is from: none of it is needed longer than that. */
const received = Buffer.allocUnsafe(256 << 10);

function run(job: Job, report: (message: FromLoad) => void): void {
  const requests = requestsOf(job.dialect, job.workload);
  const latencies: number[] = [];
  const sockets: Socket[] = [];
  let next = Math.floor(Math.random() * requests.length);
  let measuring = false;
  let ended = false;
  let count = 0;
  let failed = 0;
  let failure: string | null = null;
  let startedAt = 0;
  let cpuAtStart = process.cpuUsage();

  const fail = (why: string) => {
    failed++;
    failure ??= why;
  };

  const begin = () => {
    measuring = true;
    startedAt = performance.now();
    cpuAtStart = process.cpuUsage();
    report({ type: "measuring" });
  };

  const end = () => {
    if (ended) return;
    ended = true;
    for (const timer of timers) clearTimeout(timer);
    const elapsedMs = performance.now() - startedAt;
    const { user, system } = process.cpuUsage(cpuAtStart);
    for (const socket of sockets) socket.destroy();
    const sorted = Float64Array.from(latencies).sort();
    const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0;
    const result = { count, elapsedMs, failed, failure, cpuUs: user + system };
    report({ type: "done", result: { ...result, p50Ms: at(0.5), p99Ms: at(0.99), maxMs: at(1) } });
  };

  const open = (port: number) => {
    const reader = new HttpReplyReader();
    let sentAt = 0;
    const send = () => {
      sentAt = performance.now();
      socket.write(requests[next]!);
      next = next + 1 === requests.length ? 0 : next + 1;
    };
    const onread = {
      buffer: received,
      callback: (bytes: number, buffer: Uint8Array) => {
        const status = reader.take(buffer as Buffer, bytes);
        if (status === null || ended) return true;
        const now = performance.now();
        if (status !== 200) fail(`HTTP ${status}: ${reader.text}`);
        else if (measuring) {
          count++;
          latencies.push(now - sentAt);
          if (count === job.requests) end();
        }
        if (!ended) send();
        return true;
      },
    };
    const socket = connect({ host: "127.0.0.1", port, noDelay: true, onread });
    socket.on("connect", send);
    socket.on("error", (error) => fail(error.message));
    socket.on("close", () => {
      if (!ended) fail("a connection was closed");
    });
    sockets.push(socket);
  };

  for (let client = 0; client < job.clients; client++) open(job.ports[client % job.ports.length]!);
  const timers = [setTimeout(begin, job.warmUpMs), setTimeout(end, job.warmUpMs + job.measureMs)];
}

process.on("disconnect", () => process.exit());
process.on("message", (job: Job) => run(job, (message) => process.send?.(message)));
