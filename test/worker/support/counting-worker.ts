import type { ExchangeBody, TransportReply } from "../../../shared/node/ports.ts";
import { decodeRequest } from "../../../shared/node/wire.ts";
import { unpackRequest } from "../../../shared/node/wire-packed.ts";
import worker, { RaftObject as PlainRaftObject } from "../../../worker/main.ts";

/** The Worker as it is, with a count of what is billed or waited for: calls between objects, and what they write. */

/** What test/edge/support/object-counts.ts reads. */
interface Counts {
  /** Times that the object was made. */
  constructions: number;
  /** An alarm is set and has not rung. */
  alarmIsPending: number;
  calls: number;
  callsWithEntries: number;
  entries: number;
  transactions: number;
  rowsWritten: number;
  alarmsSet: number;
}

const counts = new Map<string, Counts>();

function countsOf(id: string): Counts {
  const found = counts.get(id) ?? {
    constructions: 0,
    alarmIsPending: 0,
    calls: 0,
    callsWithEntries: 0,
    entries: 0,
    transactions: 0,
    rowsWritten: 0,
    alarmsSet: 0,
  };
  counts.set(id, found);
  return found;
}

/** The same state, with its storage's methods replaced by ones that count. */
function counted(ctx: DurableObjectState): DurableObjectState {
  const count = countsOf(ctx.id.name ?? "");
  const { storage } = ctx;
  const { sql } = storage;
  const plain = {
    exec: sql.exec.bind(sql),
    transactionSync: storage.transactionSync.bind(storage),
    setAlarm: storage.setAlarm.bind(storage),
    deleteAlarm: storage.deleteAlarm.bind(storage),
  };
  /** Rows that the transaction under way has written; null outside of one. */
  let written: number | null = null;
  const exec: typeof sql.exec = (query, ...bindings) => {
    const cursor = plain.exec(query, ...bindings);
    const rows = cursor.rowsWritten;
    count.rowsWritten += rows;
    // Outside of a transaction each statement is one.
    if (written === null) count.transactions += rows > 0 ? 1 : 0;
    else written += rows;
    return cursor as never;
  };
  const transactionSync = <Result>(work: () => Result): Result => {
    written = 0;
    try {
      return plain.transactionSync(work);
    } finally {
      if (written > 0) count.transactions++;
      written = null;
    }
  };
  const setAlarm: typeof storage.setAlarm = (...at) => {
    count.alarmsSet++;
    count.alarmIsPending = 1;
    return plain.setAlarm(...at);
  };
  const deleteAlarm: typeof storage.deleteAlarm = (...options) => {
    count.alarmIsPending = 0;
    return plain.deleteAlarm(...options);
  };
  Object.defineProperty(sql, "exec", { value: exec });
  Object.defineProperty(storage, "transactionSync", { value: transactionSync });
  Object.defineProperty(storage, "setAlarm", { value: setAlarm });
  Object.defineProperty(storage, "deleteAlarm", { value: deleteAlarm });
  return ctx;
}

export class RaftObject extends PlainRaftObject {
  constructor(ctx: DurableObjectState, env: object) {
    super(counted(ctx), env);
    countsOf(ctx.id.name ?? "").constructions++;
  }

  override alarm(): Promise<void> {
    countsOf(this.ctx.id.name ?? "").alarmIsPending = 0;
    return super.alarm();
  }

  override exchange(body: ExchangeBody): Promise<TransportReply | null> {
    const id = this.ctx.id.name ?? "";
    const count = countsOf(id);
    const { messages } = typeof body === "string" ? decodeRequest(body, id) : unpackRequest(body, id);
    const entries = messages.reduce((sum, message) => {
      return message.type === "AppendEntries" ? sum + message.entries.length : sum;
    }, 0);
    count.calls++;
    count.entries += entries;
    if (entries > 0) count.callsWithEntries++;
    return super.exchange(body);
  }
}

export default {
  async fetch(request: Request, env: object): Promise<Response> {
    if (new URL(request.url).pathname !== "/counts") return await worker.fetch(request, env);
    return Response.json(Object.fromEntries(counts));
  },
};
