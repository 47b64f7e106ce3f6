import fc from "fast-check";
import { steps } from "./generate/steps.ts";
import type { Step } from "./request.ts";
import { describeStep } from "./request.ts";
import { Session } from "./session.ts";
import type { Failure, Shrunk } from "./shrink.ts";
import { shrink } from "./shrink.ts";
import type { Target } from "./target.ts";

/** One new cluster and what is asked of it. */
export interface Plan extends ClusterPlan {
  readonly steps: readonly Step[];
}

export interface ClusterPlan {
  readonly ids: readonly string[];
  readonly seed: number;
  readonly secret: string | null;
  readonly token: string | null;
}

export interface FuzzOptions {
  readonly seed: number;
  /** Clusters, and the most that is asked of each. */
  readonly runs: number;
  readonly stepsPerRun: number;
  /** Where a failure was found, as it was printed: goes there at once. */
  readonly path?: string | undefined;
  /** A failing run is made smaller for so long. */
  readonly shrinkMs: number;
  /** What clusters there are to be. */
  readonly clusters: fc.Arbitrary<ClusterPlan>;
  /** Also what only a socket takes. */
  readonly raw: boolean;
  readonly open: (plan: ClusterPlan) => Promise<Target>;
}

export interface FuzzResult {
  readonly requests: number;
  /** Replies by status; those that came late, to readers that wait, are not among them. */
  readonly statuses: ReadonlyMap<number, number>;
  /** null: nothing was found. */
  readonly failure: string | null;
}

/** Plays random requests against new clusters, and makes the first run that breaks something as small as it can. */
export async function fuzz(options: FuzzOptions): Promise<FuzzResult> {
  const { seed, runs, stepsPerRun, path, raw, open, clusters } = options;
  const tally = new Map<number, number>();
  let requests = 0;
  const play = async (cluster: ClusterPlan, steps: readonly Step[]): Promise<Failure | null> => {
    let at = 0;
    try {
      const session = await Session.open(await open(cluster));
      for (; at < steps.length; at++) {
        if (steps[at]!.type === "request") requests++;
        const status = await session.take(steps[at]!);
        if (status !== null) tally.set(status, (tally.get(status) ?? 0) + 1);
      }
      await session.end();
      return null;
    } catch (error) {
      return { at, error };
    }
  };
  let failed: { readonly plan: Plan; readonly failure: Failure } | null = null;
  const property = fc.asyncProperty(plans(clusters, stepsPerRun, raw), async (plan) => {
    const failure = await play(plan, plan.steps);
    if (failure === null) return;
    failed = { plan, failure };
    throw failure.error;
  });
  // Its own way to make a run smaller knows nothing of steps.
  const details = await fc.check(property, {
    ...{ seed, numRuns: runs, endOnFailure: true },
    ...(path !== undefined && { path }),
  });
  const asked = { requests, statuses: new Map(tally) };
  if (!details.failed) return { ...asked, failure: null };
  const { plan, failure } = failed!;
  const end = Date.now() + options.shrinkMs;
  const smallest = await shrink(
    plan.steps,
    failure,
    (steps) => play(plan, steps),
    () => Date.now() < end,
  );
  return { ...asked, failure: report(plan, smallest, details) };
}

/** Runs of that length. */
function plans(clusters: fc.Arbitrary<ClusterPlan>, length: number, raw: boolean): fc.Arbitrary<Plan> {
  return clusters.chain((cluster) =>
    fc
      .array(steps({ ...cluster, raw }), { minLength: length, maxLength: length, size: "max" })
      .map((list) => ({ ...cluster, steps: list })),
  );
}

function report(
  plan: Plan,
  { steps: list, error }: Shrunk,
  { seed, counterexamplePath }: fc.RunDetails<[Plan]>,
): string {
  const { ids, secret, token } = plan;
  const again = `again: FUZZ_SEED=${seed} FUZZ_PATH=${counterexamplePath}`;
  const guards = `secret ${secret ?? "none"}, token ${token ?? "none"}`;
  const lines = list.map((step, at) => `  ${at}: ${describeStep(step)}`);
  return [again, `nodes ${ids.join(" ")}, ${guards}`, ...lines, textOf(error)].join("\n");
}

function textOf(error: unknown): string {
  return error instanceof Error ? `${error.stack}` : String(error);
}
