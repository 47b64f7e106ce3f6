import { invariant } from "../errors.ts";
import type { Entry, LogIndex } from "../raft/types.ts";
import type { LogEntry, Payload } from "../storage/entry.ts";
import type { LogStore } from "../storage/log-store.ts";
import { ownPayload } from "./wire-entry.ts";

/** Bytes of entries kept in memory once they are durable and applied, for followers that are behind. */
const keptBytes = 2 << 20;
/** The newest ones stay, whoever has them: that is what /status shows, again and again. */
const newestEntries = 256;
const newestBytes = 256 << 10;

/** So many places of entries that were let go are kept, at least, before the others are moved down. */
const leastToMove = 1024;
/** Stands in their places, so that they can be collected. */
const released: LogEntry = {
  index: 0,
  term: 0,
  kind: "noop",
  size: 0,
  data: ownPayload(0),
  ordinal: 0,
};

/**
 * The log as the node loop reads it: the newest entries in memory, where they are from the moment the core accepts
 * them, and all durable ones in storage.
 */
export class LogTail {
  readonly #store: LogStore;
  #entries: LogEntry[] = [];
  /** How many of `#entries` have been let go: they are taken out many at a time, because that moves all others. */
  #gone = 0;
  /** Index of the first that is held. */
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
    return this.#first + this.#entries.length - this.#gone - 1;
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
    const staged = stagedEntry(entry, data, this.#commands);
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
      const entry = this.#at(index);
      bytes += entry.size;
      if (entries.length > 0 && bytes > maxBytes) break;
      entries.push(entry);
    }
    return entries;
  }

  /** How many clients' commands the entries 1 to `index` hold. */
  ordinalAfter(index: LogIndex): number {
    if (index >= this.lastIndex) return this.#commands;
    if (index + 1 < this.#first) return this.#store.ordinalAfter(index);
    return this.#at(index + 1).ordinal;
  }

  /** The newest `limit` commands at or below `index`, oldest first. */
  commandsUpTo(index: LogIndex, limit: number): LogEntry[] {
    const found: LogEntry[] = [];
    for (let at = Math.min(index, this.lastIndex); at >= this.#first && found.length < limit; at--) {
      const entry = this.#at(at);
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

  /**
   * Lets go of old entries: of those that every follower has (up to `replicated`), but for the newest, at once, or they
   * would grow old and be expensive to collect; of others when they are many. Those after `needed` stay whatever they
   * take.
   */
  evict(needed: LogIndex, replicated: LogIndex): void {
    const few = this.lastIndex - newestEntries;
    while (this.#first <= needed && this.#gone < this.#entries.length) {
      const isNewest = this.#first > few && this.#bytes <= newestBytes;
      if ((isNewest || this.#first > replicated) && this.#bytes <= keptBytes) break;
      this.#bytes -= this.#at(this.#first).size;
      this.#entries[this.#gone++] = released;
      this.#first++;
    }
    if (this.#gone < leastToMove || 2 * this.#gone < this.#entries.length) return;
    this.#entries.splice(0, this.#gone);
    this.#gone = 0;
  }

  /** An entry in memory. */
  #at(index: LogIndex): LogEntry {
    return this.#entries[index - this.#first + this.#gone] as LogEntry;
  }

  #truncate(from: LogIndex): void {
    if (from < this.#first) {
      this.#commands = this.#store.ordinalAfter(from - 1);
      this.#entries = [];
      this.#gone = 0;
      this.#bytes = 0;
      this.#first = from;
      return;
    }
    const removed = this.#entries.splice(from - this.#first + this.#gone);
    for (const entry of removed) this.#bytes -= entry.size;
    this.#commands = removed[0]?.ordinal ?? this.#commands;
  }
}

/** Field by field: hundreds of thousands of these are made a second, and they should all have one shape. */
function stagedEntry(entry: Entry, data: Payload, ordinal: number): LogEntry {
  const { index, term, kind, size, configuration } = entry;
  if (configuration === undefined) return { index, term, kind, size, data, ordinal };
  return { index, term, kind, size, configuration, data, ordinal };
}
