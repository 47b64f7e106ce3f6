import type { StateMachine } from "../shared/node/state-machine.ts";
import type { NodeId } from "../shared/raft/types.ts";
import type { LogEntry } from "../shared/storage/entry.ts";
import type { DurableStorage } from "../shared/storage/port.ts";
import type { Monitor } from "./monitor.ts";

/** Replicas are compared whole at every so many entries: often enough to say where they parted. */
const entriesPerDump = 16;

/** A state machine with somebody looking on: what is applied, what comes of it, and what it holds now and then. */
export class ObservedStateMachine<Machine extends StateMachine> implements StateMachine {
  readonly #id: NodeId;
  readonly #machine: Machine;
  readonly #dump: (machine: Machine) => string;
  readonly #monitor: Monitor;

  constructor(id: NodeId, machine: Machine, dump: (machine: Machine) => string, monitor: Monitor) {
    this.#id = id;
    this.#machine = machine;
    this.#dump = dump;
    this.#monitor = monitor;
  }

  get volatile(): boolean {
    return this.#machine.volatile ?? false;
  }

  open(storage: DurableStorage, applied: number): void {
    this.#monitor.opened(this.#id, applied);
    this.#machine.open(storage, applied);
  }

  apply(entry: LogEntry): unknown {
    const result = this.#machine.apply(entry);
    this.#monitor.applied(this.#id, entry, result);
    if (entry.index % entriesPerDump === 0) {
      this.#monitor.dumped(this.#id, entry.index, this.#dump(this.#machine));
    }
    return result;
  }

  flush(): void {
    this.#machine.flush();
  }

  describe(schema: number, bytes: Uint8Array): string {
    return this.#machine.describe(schema, bytes);
  }
}
