import type { RequestOptions } from "../node/api.ts";
import { isRefusal, refusalError } from "../refusal.ts";
import { OPERATIONS_SCHEMA } from "../store/operations.ts";
import type { BatchResult } from "../store/results.ts";
import type { HttpContext, RoutedRequest } from "./context.ts";
import type { Outcome } from "./outcome.ts";
import { withOutcome } from "./outcome.ts";
import { requestOptions } from "./parameters.ts";

/**
 * One write of /v1/kv: `prepare` reads the request into the bytes of operations (`encodeOperations`), which are one
 * entry of the log; `answer` tells what came of them. Every error of either says whether they may have been carried out.
 */
export async function kvWrite(
  context: HttpContext,
  request: RoutedRequest,
  prepare: () => Uint8Array | Promise<Uint8Array>,
  answer: (result: BatchResult) => Response,
): Promise<Response> {
  let outcome: Outcome = "none";
  try {
    const options: RequestOptions = requestOptions(request);
    const prepared = prepare();
    // To wait for what is there takes a turn of the queue, and there is one for each put.
    const bytes = prepared instanceof Promise ? await prepared : prepared;
    outcome = "unknown";
    const { result } = await context.node.execute(OPERATIONS_SCHEMA, bytes, options);
    if (isRefusal(result)) throw refusalError(result);
    return answer(result as BatchResult);
  } catch (error) {
    throw withOutcome(error, outcome);
  }
}
