import type { Host } from "../shared/node/ports.ts";
import { TransportError } from "../shared/node/ports.ts";
import type { StateMachine } from "../shared/node/state-machine.ts";
import { PaceInvariant } from "./invariants/pace.ts";
import type { MachineClock } from "./machine-clock.ts";
import type { Endpoint } from "./network.ts";
import type { Random } from "./random.ts";
import type { SimulatedProcess } from "./simulated-process.ts";
import type { World } from "./world.ts";

/** The ports of a node, made of virtual time and a simulated network. */
export function createSimulatedHost<Machine extends StateMachine>(
  machine: Endpoint,
  clock: MachineClock,
  process: SimulatedProcess<Machine>,
  { scheduler, network, monitor }: World,
  random: Random,
): Host {
  /** Changed with every use of the timer: an event of an earlier setting finds another one. */
  let setting = 0;
  const pace = new PaceInvariant(machine.id, monitor.report);
  return {
    clock: process.clock,
    timer: {
      set(at, wake) {
        const mine = ++setting;
        pace.timer(at, process.clock.now());
        if (at === Number.POSITIVE_INFINITY) return;
        const delay = Math.max(0, clock.trueMs(at - process.clock.now()));
        // Timers are late, never early.
        process.later(delay + random.between(0.01, 1), () => {
          if (setting === mine) wake();
        });
      },
      clear() {
        setting++;
      },
    },
    transport: {
      // Both forms of the exchange, in every run: some peers are sent bytes, the others text.
      carriesBytes: (address) => (network.at(address)?.id.charCodeAt(0) ?? 0) % 2 === 0,
      post(address, body, timeoutMs) {
        const to = network.at(address);
        if (to !== undefined) monitor.leaves(machine.id, to.id, body);
        return new Promise((resolve, reject) => {
          const fail = (failure: "refused" | "broken" | "timeout") =>
            process.deliver(() => reject(new TransportError(failure, `${address}: ${failure}`)));
          scheduler.after(clock.trueMs(timeoutMs), () => fail("timeout"));
          network.post(machine, address, body, {
            replied: (reply) => process.deliver(() => resolve(reply)),
            failed: fail,
          });
        });
      },
    },
    // A turn of the loop takes a little; whoever spins is seen to do so, because time goes on.
    defer(task) {
      pace.turn(scheduler.now);
      process.later(random.between(0.01, 0.1), task);
    },
    random32: () => random.uint32(),
  };
}
