import type { ExchangeBody, TransportReply } from "../../../shared/node/ports.ts";
import { decodeRequest } from "../../../shared/node/wire.ts";
import { unpackRequest } from "../../../shared/node/wire-packed.ts";
import worker, { RaftObject as PlainRaftObject } from "../../../worker/main.ts";
import type { Life } from "./awake-meter.ts";
import { AwakeMeter } from "./awake-meter.ts";

/**
 * The Worker as it is, with a count of what is billed or waited for: requests and calls to objects, what they write, and how
 * long they are awake. All of it is counted around the objects: not one figure is a node's own word.
 */

/** What test/edge/support/object-counts.ts reads. */
interface Counts {
  /** Times that the object was made. */
  constructions: number;
  /** An alarm is set and has not rung. */
  alarmIsPending: number;
  requests: number;
  calls: number;
  callsWithEntries: number;
  entries: number;
  transactions: number;
  rowsWritten: number;
  alarmsSet: number;
  alarmsDeleted: number;
  alarmsRung: number;
}

const lives = new WeakMap<DurableObjectState, Life>();
const counts = new Map<string, Counts>();

function countsOf(id: string): Counts {
  const found = counts.get(id) ?? {
    constructions: 0,
    alarmIsPending: 0,
    requests: 0,
    calls: 0,
    callsWithEntries: 0,
    entries: 0,
    transactions: 0,
    rowsWritten: 0,
    alarmsSet: 0,
    alarmsDeleted: 0,
    alarmsRung: 0,
  };
  counts.set(id, found);
  return found;
}

const meters = new Map<string, AwakeMeter>();

function meterOf(id: string): AwakeMeter {
  const found = meters.get(id) ?? new AwakeMeter();
  meters.set(id, found);
  return found;
}

/** The same state, with its methods and its storage's replaced by ones that count. The object is being made. */
function counted(ctx: DurableObjectState): DurableObjectState {
  const id = ctx.id.name ?? "";
  const count = countsOf(id);
  count.constructions++;
  const life = meterOf(id).begin();
  lives.set(ctx, life);
  const { storage } = ctx;
  const { sql } = storage;
  const plain = {
    exec: sql.exec.bind(sql),
    transactionSync: storage.transactionSync.bind(storage),
    setAlarm: storage.setAlarm.bind(storage),
    deleteAlarm: storage.deleteAlarm.bind(storage),
    blockConcurrencyWhile: ctx.blockConcurrencyWhile.bind(ctx),
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
    count.alarmsDeleted += count.alarmIsPending;
    count.alarmIsPending = 0;
    return plain.deleteAlarm(...options);
  };
  // All that the constructor begins is begun in here.
  const blockConcurrencyWhile: typeof ctx.blockConcurrencyWhile = (work) => {
    return plain.blockConcurrencyWhile(() => life.during(work));
  };
  Object.defineProperty(sql, "exec", { value: exec });
  Object.defineProperty(storage, "transactionSync", { value: transactionSync });
  Object.defineProperty(storage, "setAlarm", { value: setAlarm });
  Object.defineProperty(storage, "deleteAlarm", { value: deleteAlarm });
  Object.defineProperty(ctx, "blockConcurrencyWhile", { value: blockConcurrencyWhile });
  return ctx;
}

export class RaftObject extends PlainRaftObject {
  constructor(ctx: DurableObjectState, env: object) {
    super(counted(ctx), env);
  }

  override fetch(request: Request): Promise<Response> {
    countsOf(this.#id).requests++;
    return this.#life.during(() => super.fetch(request));
  }

  override alarm(): Promise<void> {
    const count = countsOf(this.#id);
    count.alarmIsPending = 0;
    count.alarmsRung++;
    return this.#life.during(() => super.alarm());
  }

  override exchange(body: ExchangeBody): Promise<TransportReply | null> {
    const id = this.#id;
    const count = countsOf(id);
    const { messages } = typeof body === "string" ? decodeRequest(body, id) : unpackRequest(body, id);
    const entries = messages.reduce((sum, message) => {
      return message.type === "AppendEntries" ? sum + message.entries.length : sum;
    }, 0);
    count.calls++;
    count.entries += entries;
    if (entries > 0) count.callsWithEntries++;
    return this.#life.during(() => super.exchange(body));
  }

  get #id(): string {
    return this.ctx.id.name ?? "";
  }

  get #life(): Life {
    return lives.get(this.ctx)!;
  }
}

/** By the objects' ids, with what their meters show. */
function report(): object {
  const entries = [...counts].map(([id, count]) => {
    const { awakeMs, isAwake } = meterOf(id);
    return [id, { ...count, awakeMs, isAwake: Number(isAwake) }];
  });
  return Object.fromEntries(entries);
}

export default {
  async fetch(request: Request, env: object): Promise<Response> {
    if (new URL(request.url).pathname !== "/counts") return await worker.fetch(request, env);
    return Response.json(report());
  },
};
