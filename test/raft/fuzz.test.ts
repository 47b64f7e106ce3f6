import { expect, test } from "vitest";
import { draw, seedRandom } from "../../shared/raft/random.ts";
import type { NodeId } from "../../shared/raft/types.ts";
import { Cluster } from "./support/cluster.ts";
import { emptyImage } from "./support/disk.ts";
import { same } from "./support/invariants.ts";
import { configurationEntry, configurationOf } from "./support/settings.ts";

/** Schedules drawn at random, the promises checked after every step: what no script has thought of. */

const runs = Number(process.env["RAFT_FUZZ_RUNS"] ?? 150);
const first = Number(process.env["RAFT_FUZZ_SEED"] ?? 1);
const steps = 600;

test.each(Array.from({ length: 6 }, (_, i) => i))("no schedule of part %i breaks a promise", (part) => {
  for (let seed = first + part; seed < first + runs; seed += 6) {
    try {
      play(seed);
    } catch (error) {
      throw new Error(`seed ${seed} (RAFT_FUZZ_SEED=${seed} RAFT_FUZZ_RUNS=1)`, { cause: error });
    }
  }
});

function play(seed: number): void {
  let state = seedRandom(seed * 2654435761);
  const below = (limit: number) => {
    const drawn = draw(state);
    state = drawn.state;
    return Math.floor(drawn.value * limit);
  };
  const pick = <T>(items: readonly T[]): T => items[below(items.length)] as T;
  const ids = ["A", "B", "C", "D", "E"].slice(0, pick([1, 2, 3, 3, 3, 3, 4, 5, 5]));
  const configuration = configurationOf(ids);
  const cluster = new Cluster(Math.floor(ids.length / 2) + 1);
  const settings = {
    maxMessageEntries: pick([1, 2, 100]),
    maxInflightMessages: pick([1, 2, 4]),
    maxInflightBytes: pick([200, 10_000]),
  };
  const fresh = below(5) === 0;
  const image = fresh
    ? emptyImage
    : { hardState: { term: 1, votedFor: null }, log: [configurationEntry(1, 1, configuration)] };
  const begin = (id: NodeId) => {
    cluster.start(id);
    if (fresh) cluster.step(id, { type: "discovered", configuration });
  };
  for (const id of ids) {
    cluster.add(id, image, settings);
    cluster.machine(id).diskIsFast = below(2) === 0;
    cluster.machine(id).prefix = pick([1, 2, 100]);
  }
  for (const id of ids) begin(id);

  let payload = 0;
  const leader = () =>
    ids.find((id) => cluster.machine(id).core?.view().role === "Leader" && below(4) > 0) ?? pick(ids);
  const up = (id: NodeId) => cluster.machine(id).core !== null;
  /** What can happen, and how often beside the others. */
  const happenings: Record<string, [weight: number, happen: () => void]> = {
    deliver: [
      400,
      () => {
        for (let i = 1 + below(6); i > 0 && cluster.letters.length > 0; i--) {
          cluster.deliver(pick(cluster.letters.slice(0, pick([1, 1, 1, 6]))), below(20) === 0);
        }
      },
    ],
    drop: [20, () => cluster.letters.length > 0 && cluster.drop(pick(cluster.letters))],
    persist: [
      150,
      () => {
        for (const id of ids)
          if (cluster.machine(id).disk.pending.length > 0 && below(2) > 0) cluster.persist(id);
      },
    ],
    timeout: [
      60,
      () => {
        const id = pick(ids);
        const machine = cluster.machine(id);
        machine.aheadMs = Math.max(machine.aheadMs, machine.deadline - cluster.now + pick([0, 0, 0, 700]));
        if (up(id)) cluster.step(id, { type: "deadline" });
      },
    ],
    heartbeat: [
      40,
      () => {
        const id = leader();
        const machine = cluster.machine(id);
        if (!up(id) || cluster.core(id).view().role !== "Leader") return;
        machine.aheadMs = Math.max(machine.aheadMs, machine.deadline - cluster.now);
        cluster.step(id, { type: "deadline" });
      },
    ],
    silence: [
      50,
      () => {
        cluster.machine(pick(ids)).aheadMs += 600;
      },
    ],
    propose: [
      100,
      () => {
        const id = leader();
        const proposals = Array.from({ length: 1 + below(3) }, () => ({ size: 10, data: `c${++payload}` }));
        if (up(id)) cluster.step(id, { type: "propose", proposals });
      },
    ],
    read: [
      20,
      () => {
        const id = pick(ids);
        if (up(id)) cluster.step(id, { type: "read", readId: ++payload });
      },
    ],
    transfer: [
      8,
      () => {
        const id = leader();
        if (up(id)) cluster.step(id, { type: "transfer" });
      },
    ],
    lost: [
      8,
      () => {
        const peer = leader();
        for (const id of ids) if (up(id) && below(2) > 0) cluster.step(id, { type: "peer-lost", peer });
      },
    ],
    unreachable: [
      8,
      () => {
        const id = leader();
        if (up(id)) cluster.step(id, { type: "unreachable", peer: pick(ids) });
      },
    ],
    stalled: [
      3,
      () => {
        const id = pick(ids);
        if (up(id) && cluster.machine(id).disk.pending.length > 0)
          cluster.step(id, { type: "storage-stalled" });
      },
    ],
    crash: [
      16,
      () => {
        const id = leader();
        if (up(id)) cluster.crash(id, below(cluster.machine(id).disk.pending.length + 1));
      },
    ],
    start: [
      40,
      () => {
        const id = pick(ids);
        if (!up(id)) begin(id);
      },
    ],
    isolate: [
      16,
      () => {
        const id = leader();
        for (const other of ids) {
          if (other === id || below(4) === 0) continue;
          cluster.cut.add(`${id}>${other}`);
          if (below(3) > 0) cluster.cut.add(`${other}>${id}`);
        }
      },
    ],
    heal: [
      12,
      () => {
        cluster.cut.clear();
      },
    ],
  };
  const lots = Object.values(happenings).map(([weight, happen]) => ({
    weight: weight * pick([0.2, 1, 1, 3]),
    happen,
  }));
  const total = lots.reduce((sum, { weight }) => sum + weight, 0);
  for (let i = 0; i < steps; i++) {
    let drawn = below(Math.floor(total));
    lots.find(({ weight }) => (drawn -= weight) < 0)?.happen();
    cluster.log = [];
  }
  for (const id of ids) {
    if (!up(id)) begin(id);
    cluster.machine(id).diskIsFast = true;
    while (cluster.machine(id).disk.pending.length > 0) cluster.persist(id);
  }
  cluster.cut.clear();
  converge(cluster, ids);
}

/** Faults end: the cluster must elect, commit and agree. */
function converge(cluster: Cluster, ids: readonly NodeId[]): void {
  for (let i = 0; i < 40; i++) {
    cluster.run(500);
    const leader = ids.find((id) => cluster.core(id).view().role === "Leader");
    if (leader !== undefined) {
      cluster.step(leader, { type: "propose", proposals: [{ size: 1, data: "last" }] });
      cluster.run(500);
      const { log } = cluster.machine(leader);
      const agreed = ids.every((id) => {
        const { commitIndex } = cluster.core(id).view();
        return (
          commitIndex === log.length && cluster.machine(id).log.every((entry, at) => same(entry, log[at]))
        );
      });
      if (agreed && log.at(-1)?.data === "last") return;
    }
    cluster.log = [];
  }
  expect.fail("the cluster does not come together");
}
