import { RaftLiteError } from "../shared/errors.ts";
import type { Verdict } from "../shared/recording/verdict.ts";
import { verifyRecordings } from "../shared/recording/verify.ts";
import { findRecordings } from "./find-recordings.ts";

/** A node makes room every few minutes at most, and several may run. */
const mostAttempts = 10;

/**
 * Finds the recordings in `paths` and judges them. Nodes may be running: when one of them removes its oldest file
 * meanwhile, it begins anew. Throws what `findRecordings`, reading and `verifyRecordings` throw.
 */
export async function judgeRecordings(
  paths: readonly string[],
  find: typeof findRecordings = findRecordings,
): Promise<Verdict> {
  for (let attempt = 1; ; attempt++) {
    const files = await find(paths);
    try {
      return await verifyRecordings(files);
    } catch (error) {
      const isGone = error instanceof RaftLiteError && error.code === "recording-gone";
      if (!isGone || attempt === mostAttempts) throw error;
    }
  }
}
