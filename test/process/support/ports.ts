import type { Socket } from "node:dgram";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer } from "node:net";

/** Consecutive ports that are this test's own until they are given back. */
export interface ReservedPorts {
  readonly ports: readonly number[];
  release(): void;
}

const FIRST = 10_240;

/**
 * Takes `count` consecutive ports. They lie below those that the kernel gives to whoever asks for any, so that no
 * outgoing connection happens to sit on one while its node is down; and the UDP port of the same number is held as a
 * token, which keeps other test processes away and is gone with this one, however it ends.
 */
export async function reservePorts(count: number): Promise<ReservedPorts> {
  const end = firstEphemeralPort();
  for (let attempt = 0; attempt < 200; attempt++) {
    const first = FIRST + Math.floor(Math.random() * (end - FIRST - count));
    const tokens: Socket[] = [];
    const ports = Array.from({ length: count }, (_, position) => first + position);
    const release = () => {
      for (const token of tokens.splice(0)) token.close();
    };
    let mine = true;
    for (const port of ports) {
      const token = await holdToken(port);
      if (token !== null) tokens.push(token);
      mine = token !== null && (await isFree(port));
      if (!mine) break;
    }
    if (mine) return { ports, release };
    release();
  }
  throw new Error(`found no ${count} free ports`);
}

function firstEphemeralPort(): number {
  try {
    const [first] = readFileSync("/proc/sys/net/ipv4/ip_local_port_range", "utf8").split("\t");
    return Math.max(FIRST + 1000, Number(first));
  } catch {
    return 32_768;
  }
}

async function holdToken(port: number): Promise<Socket | null> {
  const token = createSocket("udp4");
  try {
    token.bind({ address: "0.0.0.0", port, exclusive: true });
    await once(token, "listening");
    token.unref();
    return token;
  } catch {
    token.close();
    return null;
  }
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  try {
    server.listen({ host: "0.0.0.0", port, exclusive: true });
    await once(server, "listening");
    await once(server.close(), "close");
    return true;
  } catch {
    return false;
  }
}
