import type { AppendEntries, AppendEntriesResponse, EntryKind, LogIndex, NodeId } from "../raft/types.ts";
import type { LogEntry, Origin, UncountedEntry } from "../storage/entry.ts";
import type { Fields } from "./fields.ts";
import { badMessage } from "./fields.ts";
import { decodeUtf8, PackedReader, PackedWriter } from "./packed.ts";
import type {
  ExchangeHead,
  ExchangeRequest,
  ExchangeResponse,
  Forward,
  ForwardedCommand,
  ForwardResponse,
  ForwardResult,
  Introduction,
  NodeMessage,
} from "./wire.ts";
import {
  checkedAppendEntries,
  checkedTerm,
  decodeIntroduction,
  decodeMessage,
  decodeRequestHead,
  encodeMessage,
  parseObject,
} from "./wire.ts";
import { commandEntry, configurationEntry, decodeConfiguration, noopEntry } from "./wire-entry.ts";

/**
 * The exchange in fewer bytes and far fewer objects, for nodes that keep a connection with each other: what is sent
 * once in a while stays JSON, and the messages that carry commands, or come with every group of them, are packed.
 *
 *     exchange = MAGIC, who speaks (JSON, as text), message …
 *     message  = kind, length, content
 *
 * A kind that is not known is skipped, as an unknown type is in JSON.
 */

/** The first byte: no JSON begins with it. */
const MAGIC = 0xb1;

const JSON_MESSAGE = 0;
const APPEND_ENTRIES = 1;
const APPEND_ENTRIES_RESPONSE = 2;
const FORWARD = 3;
const FORWARD_RESPONSE = 4;

const ENTRY_KINDS: readonly EntryKind[] = ["command", "noop", "configuration"];
const HAS_ORIGIN = 0x10;

/** Of an AppendEntries. */
const HAS_CLUSTER = 0x1;
const ASKS_FOR_SILENCE = 0x2;
/** Of its answer. */
const SUCCESS = 0x1;
const QUIET = 0x2;
const LOW_PRIORITY = 0x4;

const OUTCOMES: readonly ForwardResult["outcome"][] = ["appended", "applied", "refused"];

/** What an entry or a command takes beside its bytes. */
const headerBytes = 64;
const messageBytes = 192;

const utf8 = new TextEncoder();

// ---- out ----

/** Who speaks, as bytes: the same object goes with exchange after exchange. */
const packedHeads = new WeakMap<ExchangeHead, Uint8Array>();

/** `head` is kept with what it was packed into: whoever changes makes another one. */
export function packExchange(head: ExchangeHead, messages: readonly NodeMessage[]): Uint8Array<ArrayBuffer> {
  let packedHead = packedHeads.get(head);
  if (packedHead === undefined) {
    packedHead = utf8.encode(JSON.stringify(head));
    packedHeads.set(head, packedHead);
  }
  let expected = packedHead.length + headerBytes;
  for (const message of messages) expected += expectedBytes(message);
  const writer = new PackedWriter(expected);
  writer.byte(MAGIC);
  writer.sized(packedHead);
  for (const message of messages) packMessage(writer, message);
  return writer.finish();
}

function expectedBytes(message: NodeMessage): number {
  let expected = messageBytes;
  if (message.type === "AppendEntries") {
    for (const { size } of message.entries) expected += size + headerBytes;
  } else if (message.type === "Forward") {
    for (const { bytes } of message.commands) expected += bytes.length + headerBytes;
  }
  return expected;
}

function packMessage(writer: PackedWriter, message: NodeMessage): void {
  switch (message.type) {
    case "AppendEntries":
      writer.byte(APPEND_ENTRIES);
      writer.section(() => packAppendEntries(writer, message));
      return;
    case "AppendEntriesResponse":
      writer.byte(APPEND_ENTRIES_RESPONSE);
      writer.section(() => packAppendEntriesResponse(writer, message));
      return;
    case "Forward":
      writer.byte(FORWARD);
      writer.section(() => packForward(writer, message));
      return;
    case "ForwardResponse":
      writer.byte(FORWARD_RESPONSE);
      writer.section(() => packForwardResponse(writer, message));
      return;
    default:
      writer.byte(JSON_MESSAGE);
      // A text too has its length before it.
      writer.text(encodeMessage(message));
  }
}

/** What the entries of one message were packed into: the same array goes to every follower. */
const packedEntries = new WeakMap<readonly LogEntry[], Uint8Array>();
/** Fewer are packed again sooner than they are looked up. */
const fewestKept = 4;

function packAppendEntries(writer: PackedWriter, message: AppendEntries): void {
  writer.number(message.term);
  writer.number(message.prevLogIndex);
  writer.number(message.prevLogTerm);
  writer.number(message.leaderCommit);
  writer.number(message.heartbeatMs);
  writer.number(message.round);
  writer.byte(
    (message.logClusterId === undefined ? 0 : HAS_CLUSTER) | (message.quiesce ? ASKS_FOR_SILENCE : 0),
  );
  if (message.logClusterId !== undefined) writer.text(message.logClusterId);
  const entries = message.entries as readonly LogEntry[];
  const packed = packedEntries.get(entries);
  if (packed !== undefined) {
    writer.raw(packed);
    return;
  }
  const written = writer.written(() => packEntries(writer, entries));
  if (entries.length >= fewestKept) packedEntries.set(entries, written);
}

function packEntries(writer: PackedWriter, entries: readonly LogEntry[]): void {
  // Few nodes take all commands: their names stand once.
  const origins: NodeId[] = [];
  for (const { data } of entries) {
    if (data.origin !== null && !origins.includes(data.origin.node)) origins.push(data.origin.node);
  }
  writer.length(origins.length);
  for (const node of origins) writer.text(node);
  writer.length(entries.length);
  for (const entry of entries) packEntry(writer, entry, origins);
}

function packEntry(writer: PackedWriter, entry: LogEntry, origins: readonly NodeId[]): void {
  const { origin, time, schema, bytes } = entry.data;
  const kind = ENTRY_KINDS.indexOf(entry.kind);
  writer.byte(origin === null ? kind : kind | HAS_ORIGIN);
  writer.number(entry.term);
  writer.number(time);
  if (origin !== null) {
    writer.length(origins.indexOf(origin.node));
    writer.number(origin.boot);
    writer.number(origin.sequence);
    writer.number(origin.floor);
  }
  if (entry.kind === "command") {
    writer.number(schema);
    writer.sized(bytes);
  } else if (entry.kind === "configuration") {
    writer.text(JSON.stringify(entry.configuration));
  }
}

function packAppendEntriesResponse(writer: PackedWriter, message: AppendEntriesResponse): void {
  writer.byte(
    (message.success ? SUCCESS : 0) | (message.quiet ? QUIET : 0) | (message.lowPriority ? LOW_PRIORITY : 0),
  );
  writer.number(message.term);
  writer.number(message.matchIndex);
  writer.number(message.conflictIndex);
  writer.number(message.conflictTerm);
  writer.number(message.prevLogIndex);
  writer.number(message.round);
}

function packForward(writer: PackedWriter, { boot, call, commands }: Forward): void {
  writer.number(boot);
  writer.number(call);
  writer.length(commands.length);
  for (const { sequence, floor, schema, bytes } of commands) {
    writer.number(sequence);
    writer.number(floor);
    writer.number(schema);
    writer.sized(bytes);
  }
}

function packForwardResponse(writer: PackedWriter, { boot, call, results }: ForwardResponse): void {
  writer.number(boot);
  writer.number(call);
  writer.length(results.length);
  for (const result of results) {
    writer.number(result.sequence);
    writer.byte(OUTCOMES.indexOf(result.outcome));
    if (result.outcome === "appended") {
      writer.number(result.index);
      writer.number(result.term);
    } else if (result.outcome === "refused") {
      writer.text(result.reason);
    }
  }
}

// ---- in ----

/** Throws a RaftLiteError `bad-message`, 400, for whatever cannot be right, as the JSON decoder does. */
export function unpackRequest(bytes: Uint8Array, self: NodeId, known?: KnownHeads): ExchangeRequest {
  return unpack(bytes, self, decodeRequestHead, known) as ExchangeRequest;
}

/** The same for a reply. */
export function unpackResponse(bytes: Uint8Array, self: NodeId, known?: KnownHeads): ExchangeResponse {
  return unpack(bytes, self, decodeIntroduction, known);
}

/**
 * Heads that were read before, of requests or of replies: every peer sends the same one with exchange after exchange.
 */
export class KnownHeads {
  readonly #heads: { readonly bytes: Uint8Array; readonly head: Introduction }[] = [];
  #next = 0;

  find(bytes: Uint8Array): Introduction | undefined {
    for (const known of this.#heads) if (areEqual(known.bytes, bytes)) return known.head;
    return undefined;
  }

  /** Keeps nothing for long that a stranger has blown up. */
  add(bytes: Uint8Array, head: Introduction): void {
    if (bytes.length > longestKnownHead) return;
    this.#heads[this.#next] = { bytes: bytes.slice(), head };
    this.#next = (this.#next + 1) % mostKnownHeads;
  }
}

/** As many as a cluster has nodes, and some that come and go. */
const mostKnownHeads = 16;
/** In bytes; names and addresses take a few hundred. */
const longestKnownHead = 4096;

function areEqual(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let at = 0; at < a.length; at++) if (a[at] !== b[at]) return false;
  return true;
}

function unpack(
  bytes: Uint8Array,
  self: NodeId,
  decodeHead: (fields: Fields) => Introduction,
  known: KnownHeads | undefined,
): Introduction & { readonly messages: readonly NodeMessage[] } {
  const reader = new PackedReader(bytes);
  if (reader.byte() !== MAGIC) throw badMessage("the body is not a packed exchange");
  const packedHead = reader.sized();
  let head = known?.find(packedHead);
  if (head === undefined) {
    head = decodeHead(parseObject(decodeUtf8(packedHead)));
    known?.add(packedHead, head);
  }
  const messages: NodeMessage[] = [];
  while (!reader.atEnd) {
    const kind = reader.byte();
    const message = unpackMessage(kind, reader.section(), head.id, self);
    if (message !== null) messages.push(message);
  }
  return { ...head, messages };
}

/** null for a kind of message that this version does not know. */
function unpackMessage(kind: number, content: PackedReader, from: NodeId, to: NodeId): NodeMessage | null {
  switch (kind) {
    case JSON_MESSAGE:
      return decodeMessage(parseObject(content.rest()), from, to);
    case APPEND_ENTRIES:
      return unpackAppendEntries(content, from, to);
    case APPEND_ENTRIES_RESPONSE:
      return unpackAppendEntriesResponse(content, from, to);
    case FORWARD:
      return unpackForward(content, from, to);
    case FORWARD_RESPONSE:
      return unpackForwardResponse(content, from, to);
    default:
      return null;
  }
}

function unpackAppendEntries(reader: PackedReader, from: NodeId, to: NodeId): AppendEntries {
  const term = checkedTerm(reader.count());
  const prevLogIndex = reader.count();
  const prevLogTerm = reader.count();
  const leaderCommit = reader.count();
  const heartbeatMs = reader.count();
  const round = reader.count();
  const flags = reader.byte();
  const founding = (flags & HAS_CLUSTER) === 0 ? {} : { logClusterId: reader.text() };
  const origins = listOf(reader, () => reader.text());
  let index = prevLogIndex;
  const entries = listOf(reader, () => unpackEntry(reader, ++index, origins));
  return checkedAppendEntries({
    type: "AppendEntries",
    from,
    to,
    term,
    leaderId: from,
    prevLogIndex,
    prevLogTerm,
    leaderCommit,
    heartbeatMs,
    ...founding,
    round,
    ...((flags & ASKS_FOR_SILENCE) !== 0 && { quiesce: true }),
    entries,
  });
}

function unpackEntry(reader: PackedReader, index: LogIndex, origins: readonly NodeId[]): UncountedEntry {
  const form = reader.byte();
  const term = reader.count();
  const time = reader.count();
  const origin = (form & HAS_ORIGIN) === 0 ? null : unpackOrigin(reader, origins);
  switch (ENTRY_KINDS[form & ~HAS_ORIGIN]) {
    case "command": {
      const schema = reader.count();
      return commandEntry(index, term, { time, origin, schema, bytes: reader.sized() });
    }
    case "noop":
      return noopEntry(index, term, time);
    case "configuration":
      return configurationEntry(index, term, time, decodeConfiguration(parseObject(reader.text())));
    default:
      throw badMessage("a packed entry is of no known kind");
  }
}

function unpackOrigin(reader: PackedReader, origins: readonly NodeId[]): Origin {
  const node = origins[reader.length()];
  if (node === undefined) throw badMessage("a packed origin names no node");
  return { node, boot: reader.count(), sequence: reader.count(), floor: reader.count() };
}

function unpackAppendEntriesResponse(reader: PackedReader, from: NodeId, to: NodeId): AppendEntriesResponse {
  const flags = reader.byte();
  return {
    type: "AppendEntriesResponse",
    from,
    to,
    success: (flags & SUCCESS) !== 0,
    term: checkedTerm(reader.count()),
    matchIndex: reader.count(),
    conflictIndex: reader.count(),
    conflictTerm: reader.count(),
    prevLogIndex: reader.count(),
    round: reader.count(),
    ...((flags & QUIET) !== 0 && { quiet: true }),
    ...((flags & LOW_PRIORITY) !== 0 && { lowPriority: true }),
  };
}

function unpackForward(reader: PackedReader, from: NodeId, to: NodeId): Forward {
  const boot = reader.count();
  const call = reader.count();
  const commands = listOf(reader, (): ForwardedCommand => {
    return { sequence: reader.count(), floor: reader.count(), schema: reader.count(), bytes: reader.sized() };
  });
  return { type: "Forward", from, to, boot, call, commands };
}

function unpackForwardResponse(reader: PackedReader, from: NodeId, to: NodeId): ForwardResponse {
  const boot = reader.count();
  const call = reader.count();
  const results = listOf(reader, (): ForwardResult => {
    const sequence = reader.count();
    const outcome = OUTCOMES[reader.byte()];
    if (outcome === "appended") return { sequence, outcome, index: reader.count(), term: reader.count() };
    if (outcome === "applied") return { sequence, outcome };
    // How long it is, and so where the next one begins, is not known either.
    if (outcome === undefined) throw badMessage(`result ${sequence} has an outcome that is not known here`);
    return { sequence, outcome, reason: reader.text() };
  });
  return { type: "ForwardResponse", from, to, boot, call, results };
}

/** As many as a length announces; each takes a byte at least, so that a lie soon comes to the end of the message. */
function listOf<Item>(reader: PackedReader, read: () => Item): Item[] {
  const items: Item[] = [];
  for (let left = reader.length(); left > 0; left--) items.push(read());
  return items;
}
