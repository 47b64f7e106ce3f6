import type { ChildProcess } from "node:child_process";
import { fork } from "node:child_process";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { connect } from "node:net";
import { cpus } from "node:os";
import { parseArgs } from "node:util";
import type { FromChild } from "./http-path-child.ts";
import { CALLERS, SERVERS } from "./http-path-child.ts";

/**
 * What an HTTP exchange costs a node, in CPU microseconds: the ways into a handler, and the ways out to a peer
 * (docs/performance.md). Every way runs in a process of its own; this process is the other end. They take turns,
 * round by round, so that a change of the machine's mood meets all of them.
 *
 *     node bench/http-path.ts [--rounds N] [--seconds S] [--hono DIR]
 *
 * DIR is a directory where `npm install @hono/node-server hono` was run; the project does not depend on it.
 */
const { values } = parseArgs({
  options: {
    rounds: { type: "string", default: "7" },
    seconds: { type: "string", default: "2" },
    hono: { type: "string" },
  },
});
const rounds = Number(values.rounds);
const durationMs = Number(values.seconds) * 1000;

const CONNECTIONS = 64;
/** A follower's worth of exchanges under way, twice. */
const CALLS_AT_ONCE = 2;
const BODY = '{"cmd":"SET key000001=value1"}';
const REQUEST = [
  "POST /command HTTP/1.1",
  ...["host: 127.0.0.1:8000", "user-agent: bench", "accept: */*", "content-type: application/json"],
  ...[`content-length: ${BODY.length}`, "", BODY],
].join("\r\n");

interface Measured {
  readonly cpuUs: number[];
  readonly perSecond: number[];
}

class Child {
  readonly #process: ChildProcess;

  constructor(...args: string[]) {
    this.#process = fork(new URL("./http-path-child.ts", import.meta.url), args);
  }

  next(): Promise<FromChild> {
    return new Promise((resolve) =>
      this.#process.once("message", (message) => resolve(message as FromChild)),
    );
  }

  ask(): Promise<FromChild> {
    const answer = this.next();
    this.#process.send("go");
    return answer;
  }

  end(): void {
    this.#process.kill();
  }
}

/** A closed loop on each connection: the next request leaves when the reply is whole. Resolves with their number. */
function load(port: number, forMs: number): Promise<number> {
  return new Promise((resolve) => {
    let replies = 0;
    let open = CONNECTIONS;
    let stopping = false;
    setTimeout(() => {
      stopping = true;
    }, forMs);
    for (let i = 0; i < CONNECTIONS; i++) {
      let received = "";
      const socket = connect(port, "127.0.0.1").setNoDelay(true).setEncoding("latin1");
      socket.on("data", (text: string) => {
        received += text;
        if (!isWhole(received)) return;
        received = "";
        replies += 1;
        if (stopping) socket.destroy();
        else socket.write(REQUEST);
      });
      socket.on("close", () => {
        open -= 1;
        if (open === 0) resolve(replies);
      });
      socket.write(REQUEST);
    }
  });
}

function isWhole(reply: string): boolean {
  const headEnd = reply.indexOf("\r\n\r\n");
  if (headEnd < 0) return false;
  if (!reply.startsWith("HTTP/1.1 200 ")) throw new Error(`unexpected reply: ${reply}`);
  const length = /\r\ncontent-length: (\d+)/i.exec(reply)?.[1];
  return length === undefined
    ? reply.endsWith("\r\n0\r\n\r\n")
    : reply.length >= headEnd + 4 + Number(length);
}

async function measureServers(names: readonly string[]): Promise<Map<string, Measured>> {
  const children = new Map<string, { child: Child; port: number }>();
  for (const name of names) {
    const child = new Child("serve", name, values.hono ?? "");
    const { port } = await child.next();
    children.set(name, { child, port });
    await load(port, 1000);
  }
  const results = await takeTurns(names, async (name) => {
    const { child, port } = children.get(name)!;
    const before = (await child.ask()).cpuUs;
    const count = await load(port, durationMs);
    return { count, cpuUs: (await child.ask()).cpuUs - before };
  });
  for (const { child } of children.values()) child.end();
  return results;
}

async function measureCallers(names: readonly string[]): Promise<Map<string, Measured>> {
  const server = createServer((req, res) => {
    req.resume().on("end", () => res.writeHead(200, { "content-length": BODY.length }).end(BODY));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const children = new Map<string, Child>();
  for (const name of names) {
    children.set(
      name,
      new Child("call", name, `http://127.0.0.1:${port}`, String(durationMs), String(CALLS_AT_ONCE)),
    );
    await children.get(name)!.ask();
  }
  const results = await takeTurns(names, (name) => children.get(name)!.ask());
  for (const child of children.values()) child.end();
  server.close();
  server.closeAllConnections();
  return results;
}

async function takeTurns(
  names: readonly string[],
  turn: (name: string) => Promise<{ count: number; cpuUs: number }>,
): Promise<Map<string, Measured>> {
  const results = new Map<string, Measured>(names.map((name) => [name, { cpuUs: [], perSecond: [] }]));
  for (let round = 0; round < rounds; round++) {
    for (const name of names) {
      const { count, cpuUs } = await turn(name);
      results.get(name)!.cpuUs.push(cpuUs / count);
      results.get(name)!.perSecond.push((count * 1000) / durationMs);
    }
  }
  return results;
}

function median(numbers: readonly number[]): number {
  return numbers.toSorted((a, b) => a - b)[numbers.length >> 1] ?? Number.NaN;
}

function print(title: string, results: Map<string, Measured>): void {
  console.log(`\n| ${title} | CPU µs, median (min … max) | per second, median |\n| --- | --- | --- |`);
  for (const [name, { cpuUs, perSecond }] of results) {
    const range = `${Math.min(...cpuUs).toFixed(1)} … ${Math.max(...cpuUs).toFixed(1)}`;
    console.log(`| ${name} | ${median(cpuUs).toFixed(1)} (${range}) | ${Math.round(median(perSecond))} |`);
  }
}

console.log(
  `Node ${process.version}, ${cpus().length} × ${cpus()[0]?.model}, ${rounds} rounds of ${values.seconds} s`,
);
const servers = Object.keys(SERVERS).filter((name) => values.hono !== undefined || !name.includes("hono"));
print(`a request in, ${CONNECTIONS} connections`, await measureServers(servers));
print(`a call out, ${CALLS_AT_ONCE} at once`, await measureCallers(Object.keys(CALLERS)));
