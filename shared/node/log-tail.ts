import { invariant } from "../errors.ts";
import type { Entry, LogIndex } from "../raft/types.ts";
import type { LogEntry, Payload } from "../storage/entry.ts";
import type { LogStore } from "../storage/log-store.ts";
import { ownPayload } from "./wire-entry.ts";

/** Bytes of entries kept in memory once they are durable and applied, for followers that are a little behind. */
const keptBytes = 8 << 20;

/**
 * The log as the node loop reads it: the newest entries in memory, where they are from the moment the core accepts
 * them, and all durable ones in storage.
 */
export class LogTail {
  readonly #store: LogStore;
  #entries: LogEntry[] = [];
  #first: LogIndex;
  #bytes = 0;
  /** Clients' commands in the whole log. */
  #commands: number;

  constructor(store: LogStore) {
    this.#store = store;
    this.#first = store.lastIndex + 1;
    this.#commands = store.ordinalAfter(store.lastIndex);
  }

  get lastIndex(): LogIndex {
    return this.#first + this.#entries.length - 1;
  }

  /** Takes in an entry as the core hands it over; whatever stood at its index or after it goes. */
  stage(entry: Entry, time: number): LogEntry {
    if (entry.index <= this.lastIndex) this.#truncate(entry.index);
    invariant(
      entry.index === this.lastIndex + 1,
      "the log has no gaps",
      () => `${entry.index} after ${this.lastIndex}`,
    );
    const data = (entry.data as Payload | undefined) ?? ownPayload(time, entry.configuration);
    const staged: LogEntry = { ...entry, data, ordinal: this.#commands };
    this.#entries.push(staged);
    this.#bytes += entry.size;
    if (entry.kind === "command") this.#commands++;
    return staged;
  }

  /** At least one entry and at most `maxBytes` of them, from `first` on. */
  read(first: LogIndex, last: LogIndex, maxBytes: number): LogEntry[] {
    const entries: LogEntry[] = [];
    let bytes = 0;
    if (first < this.#first) {
      for (const entry of this.#store.read(first, Math.min(last, this.#first - 1), maxBytes)) {
        bytes += entry.size;
        entries.push(entry);
      }
    }
    if (first + entries.length < this.#first) return entries;
    for (let index = first + entries.length; index <= last; index++) {
      const entry = this.#entries[index - this.#first] as LogEntry;
      bytes += entry.size;
      if (entries.length > 0 && bytes > maxBytes) break;
      entries.push(entry);
    }
    return entries;
  }

  /** How many clients' commands the entries 1 to `index` hold. */
  ordinalAfter(index: LogIndex): number {
    if (index >= this.lastIndex) return this.#commands;
    if (index < this.#first) return this.#store.ordinalAfter(index);
    return (this.#entries[index + 1 - this.#first] as LogEntry).ordinal;
  }

  /** The newest `limit` commands at or below `index`, oldest first. */
  commandsUpTo(index: LogIndex, limit: number): LogEntry[] {
    const found: LogEntry[] = [];
    for (let at = Math.min(index, this.lastIndex); at >= this.#first && found.length < limit; at--) {
      const entry = this.#entries[at - this.#first] as LogEntry;
      if (entry.kind === "command") found.push(entry);
    }
    found.reverse();
    if (found.length === limit || this.#first === 1) return found;
    return [...this.#store.commandsUpTo(Math.min(index, this.#first - 1), limit - found.length), ...found];
  }

  /** All entries of a range, which may be empty; from storage in parts. */
  *range(first: LogIndex, last: LogIndex): Iterable<LogEntry> {
    for (let next = first; next <= last; ) {
      for (const entry of this.read(next, last, keptBytes)) {
        next = entry.index + 1;
        yield entry;
      }
    }
  }

  /** Lets go of old entries; those after `needed` stay whatever they take. */
  evict(needed: LogIndex): void {
    let dropped = 0;
    while (this.#bytes > keptBytes && this.#first + dropped <= needed && dropped < this.#entries.length) {
      this.#bytes -= (this.#entries[dropped] as LogEntry).size;
      dropped++;
    }
    if (dropped === 0) return;
    this.#entries.splice(0, dropped);
    this.#first += dropped;
  }

  #truncate(from: LogIndex): void {
    if (from < this.#first) {
      this.#commands = this.#store.ordinalAfter(from - 1);
      this.#entries = [];
      this.#bytes = 0;
      this.#first = from;
      return;
    }
    const removed = this.#entries.splice(from - this.#first);
    for (const entry of removed) this.#bytes -= entry.size;
    this.#commands = removed[0]?.ordinal ?? this.#commands;
  }
}
