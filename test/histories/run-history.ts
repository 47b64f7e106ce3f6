import { Random } from "../../sim/random.ts";
import { drawShape, StoreLoad } from "../../sim/store/load.ts";
import type { StoreOperation } from "../../sim/store/operation.ts";
import type { Cluster } from "../process/support/cluster.ts";
import { Lab } from "../process/support/lab-room.ts";
import type { TestNode } from "../process/support/test-node.ts";
import { until } from "../process/support/until.ts";
import { HttpClient } from "./client.ts";
import { edgeStage } from "./edge-host.ts";
import { mixedStage } from "./mixed-host.ts";
import { processStage } from "./process-host.ts";
import type { RecordedHistory } from "./recorded-history.ts";
import { format } from "./recorded-history.ts";
import { Recorder } from "./recorder.ts";
import { Runs } from "./runs.ts";
import type { Stage } from "./stage.ts";

const fewestAnswers = 500;
const patientMs = 5000;

/** What came of a history; `transcript` is all that the nodes said. */
export interface HistoryRun {
  readonly history: RecordedHistory;
  /** What went wrong on the way, beside what the judge may find; null when nothing did. */
  readonly failure: string | null;
  readonly transcript: string;
}

/** Where the nodes are: processes, Durable Objects in workerd, or some of each. */
export type HistoryHost = "process" | "edge" | "mixed";

const STAGES: Readonly<Record<HistoryHost, (lab: Lab, random: Random, runs: Runs) => Promise<Stage>>> = {
  process: processStage,
  edge: edgeStage,
  mixed: mixedStage,
};

/**
 * Starts three real nodes and lets clients use them over HTTP while faults befall the nodes. What is done and in which
 * order follows from `seed`; how it falls out does not.
 */
export async function runHistory(seed: number, host: HistoryHost): Promise<HistoryRun> {
  const lab = new Lab();
  const random = new Random(seed, `${host} history`);
  const recorder = new Recorder();
  const runs = new Runs();
  let leaderChanges = 0;
  let stage: Stage | null = null;
  let failure: string | null = null;
  try {
    stage = await STAGES[host](lab, random, runs);
    const { cluster } = stage;
    await cluster.leader();
    const before = termsLed(cluster);
    await use(stage, recorder, runs, random, () => termsLed(cluster) > before);
    leaderChanges = termsLed(cluster) - before;
    failure = (await stage.broken?.()) ?? null;
  } catch (error) {
    failure = String((error as Error)?.stack ?? error);
  }
  const transcript = lab.transcript();
  await lab.dispose();
  const { calls } = recorder;
  const history: RecordedHistory = { format, seed, leaderChanges, faults: stage?.faults.counts ?? {}, calls };
  return { history, failure, transcript };
}

async function use(
  { cluster, faults }: Stage,
  recorder: Recorder,
  runs: Runs,
  random: Random,
  hasChangedLeader: () => boolean,
): Promise<void> {
  const shape = drawShape(random);
  const load = new StoreLoad(shape);
  const ground = { nodes: cluster.nodes, load, recorder, runs };
  const count = random.int(8, 12);
  const clients = Array.from({ length: count }, (_, number) => {
    return new HttpClient(number, ground, random.fork(`client ${number}`));
  });
  const running = Promise.all(clients.map((client) => client.run()));
  const strike = async () => {
    await faults.strikeAll();
    while (!hasChangedLeader() && !faults.isOver) await faults.strikeLeader();
    await until(`${fewestAnswers} answers`, () => faults.isOver || recorder.answered >= fewestAnswers);
  };
  const striking = strike();
  try {
    // A client ends before its time only by an error.
    await Promise.race([striking, running]);
  } finally {
    faults.end();
    for (const client of clients) client.stop();
    // Nothing may be started any more when this is over.
    await Promise.allSettled([striking, running]);
  }
  await running;
  await cluster.leader();
  // Whatever was lost is missed now, at every node.
  const patient = new HttpClient(count, ground, random.fork("patient client"));
  for (const node of cluster.nodes) {
    for (const operation of readsOfAll(shape)) {
      await until(
        `an answer of ${node.id}`,
        async () => (await patient.ask(node, operation, patientMs)).type === "ok",
      );
    }
  }
}

function readsOfAll({ directories, keys }: ReturnType<typeof drawShape>): StoreOperation[] {
  const targets = [...directories.map(({ prefix }) => ({ prefix })), ...keys.map((key) => ({ key }))];
  return targets.map((target) => ({ type: "read", form: "index", target, mode: { type: "linearizable" } }));
}

/** How many terms have had a leader, by what the nodes have printed. */
function termsLed({ nodes }: Cluster<TestNode>): number {
  const terms = nodes.flatMap(({ lines }) => {
    return lines.flatMap((line) => /Became Leader \(term (\d+)\)/.exec(line)?.[1] ?? []);
  });
  return new Set(terms).size;
}
