import { defaultTimings, labTimings } from "../shared/node/defaults.ts";
import type { ListedPeer } from "../shared/node/peer-directory.ts";
import type { StateMachine } from "../shared/node/state-machine.ts";
import type { RaftLimits } from "../shared/raft/core.ts";
import type { NodeId } from "../shared/raft/types.ts";
import type { MachineOptions } from "./machine.ts";
import { MachineClock } from "./machine-clock.ts";
import type { NetworkProfile } from "./network.ts";
import type { Random } from "./random.ts";
import type { Scheduler } from "./scheduler.ts";

/** A machine as the plan has it. */
export interface PlannedMachine<Machine extends StateMachine> {
  readonly options: Omit<MachineOptions<Machine>, "electionPriority">;
  /** All the URLs by which it can be reached. */
  readonly addresses: readonly string[];
  /** When it is first started; null: not before the faults have ended, or never. */
  readonly startsAt: number | null;
}

export interface ClusterPlan<Machine extends StateMachine> {
  readonly machines: readonly PlannedMachine<Machine>[];
  readonly network: NetworkProfile;
  /** The machine that stays away is started when the faults have ended. */
  readonly latecomerComes: boolean;
}

const names: readonly NodeId[] = ["A", "B", "C", "D", "E"];

/** Draws a cluster: how many nodes, how fast, how they know each other, when they are first started. */
export function drawCluster<Machine extends StateMachine>(
  random: Random,
  scheduler: Scheduler,
  behaviour: Pick<MachineOptions<Machine>, "createStateMachine" | "dump">,
): ClusterPlan<Machine> {
  const size = random.chance(0.08) ? 1 : random.chance(0.65) ? 3 : 5;
  const ids = names.slice(0, size);
  const timings = random.chance(0.5)
    ? [defaultTimings]
    : random.chance(0.5)
      ? [labTimings]
      : [defaultTimings, labTimings];
  const limits = drawLimits(random);
  // A crystal is off by far less; a virtual machine that is short of time can be worse.
  const drift = random.chance(0.3) ? 0.3 : 0.02;
  const slowDisks = random.pick([0, 0, 0.4, 0.8]);
  const away = size > 1 && random.chance(0.15) ? random.pick(ids) : null;
  const together = random.chance(0.5);
  const machines = ids.map((id): PlannedMachine<Machine> => {
    const addresses = addressesOf(id);
    const options: PlannedMachine<Machine>["options"] = {
      ...behaviour,
      id,
      address: addresses[0] as string,
      peers: drawPeers(random, ids, id),
      advertise: random.chance(0.3) ? (addresses[0] as string) : null,
      timings: random.pick(timings),
      limits,
      clock: new MachineClock(scheduler, {
        rate: random.between(1 - drift, 1 + drift),
        offsetMs: random.between(-10_000, 10_000),
      }),
      longestSyncMs: random.chance(slowDisks) ? random.between(5, 60) : 2,
      random: random.fork(`machine ${id}`),
    };
    const startsAt = id === away ? null : together ? random.between(0, 20) : random.between(0, 3000);
    return { options, addresses, startsAt };
  });
  return { machines, network: drawNetwork(random), latecomerComes: random.chance(0.5) };
}

function addressesOf(id: NodeId): readonly string[] {
  return [`http://10.0.0.${1 + names.indexOf(id)}:8000`, `http://${id.toLowerCase()}.example:8000`];
}

/** The same nodes by all the ways of writing a list: with ids and without, by either address, itself included. */
function drawPeers(random: Random, ids: readonly NodeId[], self: NodeId): ListedPeer[] {
  const withIds = random.chance(0.4);
  const withSelf = random.chance(0.2);
  return random
    .shuffle(ids.filter((id) => id !== self || (withSelf && ids.length > 1)))
    .map((id) => ({ address: random.pick(addressesOf(id)), id: withIds ? id : null }));
}

function drawNetwork(random: Random): NetworkProfile {
  const minDelayMs = random.between(0.05, 2);
  return {
    minDelayMs,
    maxDelayMs: minDelayMs + random.between(0.1, random.chance(0.2) ? 30 : 3),
    lossRate: random.chance(0.5) ? random.between(0, 0.03) : 0,
    duplicateRate: random.chance(0.5) ? random.between(0, 0.1) : 0,
    longDelayRate: random.chance(0.5) ? random.between(0, 0.02) : 0,
    longDelayMs: random.between(50, 1000),
  };
}

/** Mostly the limits of production, which a small load never meets; sometimes such that it does. */
function drawLimits(random: Random): Partial<RaftLimits> {
  if (random.chance(0.6)) return {};
  const limits: { -readonly [Name in keyof RaftLimits]?: number } = {
    maxMessageEntries: random.chance(0.5) ? 1 : random.int(2, 8),
    maxInflightMessages: random.int(1, 4),
    maxMessageBytes: random.int(80, 2000),
    maxInflightBytes: random.int(200, 5000),
  };
  if (random.chance(0.3)) limits.maxUncommittedBytes = random.int(300, 3000);
  return limits;
}
