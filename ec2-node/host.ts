import { randomInt } from "node:crypto";
import type { Host, Transport } from "../shared/node/ports.ts";
import { systemClock } from "./clock.ts";
import { SystemTimer } from "./timer.ts";

/** A Node process as a node's host. Each node needs its own: a host has one timer. */
export function createHost(transport: Transport): Host {
  return {
    transport,
    timer: new SystemTimer(systemClock),
    clock: systemClock,
    defer: (task) => void setImmediate(task),
    random32: () => randomInt(2 ** 32),
  };
}
