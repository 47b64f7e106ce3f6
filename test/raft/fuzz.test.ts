import { expect, test } from "vitest";
import { draw, seedRandom } from "../../shared/raft/random.ts";
import type { NodeId } from "../../shared/raft/types.ts";
import { Cluster } from "./support/cluster.ts";
import { emptyImage } from "./support/disk.ts";
import { same } from "./support/invariants.ts";
import { configurationEntry, configurationOf } from "./support/settings.ts";

/**
 * Schedules drawn at random, the promises checked after every step: what no script has thought of. By hand, longer:
 * `RAFT_FUZZ_RUNS=20000 npx vitest run test/raft/fuzz`.
 */
const runs = Number(process.env.RAFT_FUZZ_RUNS ?? 150);
const firstSeed = Number(process.env.RAFT_FUZZ_SEED ?? 1);
const steps = 600;

test(`no schedule of ${runs} breaks a promise`, { timeout: 3_600_000 }, () => {
  for (let seed = firstSeed; seed < firstSeed + runs; seed++) {
    try {
      play(seed);
    } catch (error) {
      throw new Error(`again by RAFT_FUZZ_SEED=${seed} RAFT_FUZZ_RUNS=1`, { cause: error });
    }
  }
});

type Pick = <T>(items: readonly T[]) => T;

interface Chance {
  readonly below: (limit: number) => number;
  readonly pick: Pick;
}

function chanceOf(seed: number): Chance {
  let state = seedRandom(seed * 2654435761);
  const below = (limit: number) => {
    const drawn = draw(state);
    state = drawn.state;
    return Math.floor(drawn.value * limit);
  };
  return { below, pick: (items) => items[below(items.length)] as (typeof items)[number] };
}

function play(seed: number): void {
  const chance = chanceOf(seed);
  const { below, pick } = chance;
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

  const lots = happenings(cluster, ids, begin, chance).map(([often, happen]) => ({
    often: often * pick([0.2, 1, 1, 3]),
    happen,
  }));
  const total = Math.floor(lots.reduce((sum, { often }) => sum + often, 0));
  for (let i = 0; i < steps; i++) {
    let drawn = below(total);
    for (const { often, happen } of lots) {
      drawn -= often;
      if (drawn >= 0) continue;
      happen();
      break;
    }
    cluster.log = [];
  }
  for (const id of ids) {
    if (cluster.machine(id).core === null) begin(id);
    cluster.machine(id).diskIsFast = true;
    while (cluster.machine(id).disk.pending.length > 0) cluster.persist(id);
  }
  cluster.cut.clear();
  converge(cluster, ids);
}

/** What can happen, and how often beside the others. */
function happenings(
  cluster: Cluster,
  ids: readonly NodeId[],
  begin: (id: NodeId) => void,
  { below, pick }: Chance,
): [often: number, happen: () => void][] {
  let payload = 0;
  const up = (id: NodeId) => cluster.machine(id).core !== null;
  const leads = (id: NodeId) => cluster.machine(id).core?.view().role === "Leader";
  /** A leader, mostly. */
  const leader = () => ids.find((id) => leads(id) && below(4) > 0) ?? pick(ids);
  const deadline = (id: NodeId, lateMs: number) => {
    const machine = cluster.machine(id);
    machine.aheadMs = Math.max(machine.aheadMs, machine.deadline - cluster.now + lateMs);
    if (up(id)) cluster.step(id, { type: "deadline" });
  };
  return [
    [
      400,
      () => {
        for (let i = 1 + below(6); i > 0 && cluster.letters.length > 0; i--) {
          cluster.deliver(pick(cluster.letters.slice(0, pick([1, 1, 1, 6]))), below(20) === 0);
        }
      },
    ],
    [20, () => cluster.letters.length > 0 && cluster.drop(pick(cluster.letters))],
    [
      150,
      () => {
        for (const id of ids) {
          if (cluster.machine(id).disk.pending.length > 0 && below(2) > 0) cluster.persist(id);
        }
      },
    ],
    [60, () => deadline(pick(ids), pick([0, 0, 0, 700]))],
    [
      40,
      () => {
        const id = leader();
        if (leads(id)) deadline(id, 0);
      },
    ],
    [
      50,
      () => {
        cluster.machine(pick(ids)).aheadMs += 600;
      },
    ],
    [
      100,
      () => {
        const id = leader();
        const proposals = Array.from({ length: 1 + below(3) }, () => ({ size: 10, data: `c${++payload}` }));
        if (up(id)) cluster.step(id, { type: "propose", proposals });
      },
    ],
    [
      20,
      () => {
        const id = pick(ids);
        if (up(id)) cluster.step(id, { type: "read", readId: ++payload });
      },
    ],
    [
      8,
      () => {
        const id = leader();
        if (up(id)) cluster.step(id, { type: "transfer" });
      },
    ],
    [
      8,
      () => {
        const peer = leader();
        for (const id of ids) if (up(id) && below(2) > 0) cluster.step(id, { type: "peer-lost", peer });
      },
    ],
    [
      8,
      () => {
        const id = leader();
        if (up(id)) cluster.step(id, { type: "unreachable", peer: pick(ids) });
      },
    ],
    [
      3,
      () => {
        const id = pick(ids);
        const writing = cluster.machine(id).disk.pending.length > 0;
        if (up(id) && writing) cluster.step(id, { type: "storage-stalled" });
      },
    ],
    [
      16,
      () => {
        const id = leader();
        if (up(id)) cluster.crash(id, below(cluster.machine(id).disk.pending.length + 1));
      },
    ],
    [
      40,
      () => {
        const id = pick(ids);
        if (!up(id)) begin(id);
      },
    ],
    [
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
    [12, () => cluster.cut.clear()],
  ];
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
