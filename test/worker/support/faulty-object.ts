import { RaftObject } from "../../../worker/main.ts";

/** What is wrong with an object's storage. */
interface Faults {
  /** Statements that fail; null: none does. */
  failing: RegExp | null;
  /** What `sync` waits for. */
  syncing: Promise<void> | null;
  /** As the platform does when a write does not reach the disk. */
  isKilledBySync: boolean;
  /** How often the object has begun to open its node. */
  openings: number;
  /** How often its alarm has been set: each time a row. */
  alarmsSet: number;
}

const faults = new Map<string, Faults>();

/** Of the object of that name. Tests run beside the objects, and change it. */
export function faultsOf(name: string): Faults {
  const found = faults.get(name) ?? {
    failing: null,
    syncing: null,
    isKilledBySync: false,
    openings: 0,
    alarmsSet: 0,
  };
  faults.set(name, found);
  return found;
}

function faulty(ctx: DurableObjectState): DurableObjectState {
  const state = faultsOf(ctx.id.name ?? "");
  const { storage } = ctx;
  const { sql } = storage;
  const plain = {
    exec: sql.exec.bind(sql),
    sync: storage.sync.bind(storage),
    setAlarm: storage.setAlarm.bind(storage),
  };
  const exec: typeof sql.exec = (query, ...bindings) => {
    // The first thing that is asked of a storage.
    if (query.includes("name IN ('meta'")) state.openings++;
    if (state.failing?.test(query)) throw new Error("database or disk is full: SQLITE_FULL");
    return plain.exec(query, ...bindings);
  };
  const sync = async () => {
    await state.syncing;
    if (state.isKilledBySync) ctx.abort("a write did not reach the disk");
    await plain.sync();
  };
  const setAlarm: typeof storage.setAlarm = (...at) => {
    state.alarmsSet++;
    return plain.setAlarm(...at);
  };
  Object.defineProperty(sql, "exec", { value: exec });
  Object.defineProperty(storage, "setAlarm", { value: setAlarm });
  Object.defineProperty(storage, "sync", { value: sync });
  return ctx;
}

/** A cluster of one, over a storage that fails when it is told to. */
export class FaultyObject extends RaftObject {
  constructor(ctx: DurableObjectState, { FAULTY }: { FAULTY: object }) {
    const settings = {
      RAFT_NODES: `${ctx.id.name}=do`,
      RAFT_HEARTBEAT: "50",
      RAFT_ELECTION_TIMEOUT: "150-300",
      RAFT_CHAOS: "1",
    };
    super(faulty(ctx), { ...settings, RAFT: FAULTY });
  }
}
