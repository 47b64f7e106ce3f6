import type { Operation } from "../../../../shared/store/operations.ts";
import type { BatchResult } from "../../../../shared/store/results.ts";
import type { Write } from "../expect/expectation.ts";
import type { Ledger, Row } from "../ledger.ts";
import type { NodePicture } from "../picture.ts";
import type { Reply } from "../request.ts";
import { demand, demandEqual } from "./finding.ts";
import { jsonOf, problemOf } from "./form.ts";
import { indexOf } from "./rows.ts";

/** What came of a write, by the model. */
export interface Written {
  readonly batch: BatchResult;
  /** As /command shows it. */
  readonly result: "OK" | 0 | 1 | boolean;
}

/** Carries it out in the ledger; it is the entry of that index. */
export function enter(write: Write, revision: number, ledger: Ledger): Written {
  const before = ledger.get(write.operations[0]?.key ?? "");
  const operations = operationsOf(write, before);
  const batch = ledger.write(revision, operations, write.atomic);
  ledger.lines.push(write.line);
  const { answer } = write;
  if (typeof answer === "string" || answer.verb === "SET") return { batch, result: "OK" };
  if (answer.verb === "DEL") return { batch, result: before === null ? 0 : 1 };
  return { batch, result: operations.length > 0 };
}

/** A CAS of the lab compares values, which a list of operations cannot say. */
function operationsOf({ answer, operations }: Write, before: Row | null): readonly Operation[] {
  if (typeof answer === "string" || answer.verb !== "CAS") return operations;
  const holds =
    before !== null &&
    new TextDecoder("utf-8", { fatal: false, ignoreBOM: true }).decode(before.value) === answer.expected;
  return holds ? operations : [];
}

export function judgeWritten(
  { answer, atomic }: Write,
  { batch, result }: Written,
  reply: Reply,
  leader: NodePicture,
  ledger: Ledger,
): void {
  if (typeof answer === "object") {
    const { id, term } = leader;
    demandEqual(reply.status, 200, "status");
    const wanted = { ok: true, index: ledger.lines.length - 1, term, leader: id, result };
    demandEqual(jsonOf(reply), wanted, "reply");
    return;
  }
  demandEqual(indexOf(reply), ledger.index, "x-consul-index");
  if (answer === "boolean") {
    demandEqual(reply.status, 200, "status");
    demandEqual(jsonOf(reply), batch.results[0]?.ok, "reply");
    return;
  }
  demand(batch.ok || atomic, () => "the model refused a batch that is not atomic");
  demandEqual(reply.status, batch.ok ? 200 : 409, "status");
  if (batch.ok) {
    demandEqual(jsonOf(reply), batch, "reply");
    return;
  }
  const problem = problemOf(reply);
  demandEqual(problem.results, batch.results, "results");
  demandEqual(problem.code, "cas-failed", "code");
  demandEqual(
    problem.operation,
    batch.results.findIndex(({ code }) => code === "cas-failed"),
    "operation",
  );
}
