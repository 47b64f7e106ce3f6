import { fromBase64, toBase64 } from "../base64.ts";
import { configurationSize, entryOverheadBytes } from "../raft/replication.ts";
import type { Configuration, EntryKind, LogIndex, Slot, Term } from "../raft/types.ts";
import type { LogEntry, Origin, Payload, UncountedEntry } from "../storage/entry.ts";
import { TEXT_SCHEMA } from "../storage/entry.ts";
import { badMessage, Fields } from "./fields.ts";

/**
 * An entry as it travels: JSON with the paper's names, a text command readable as it was sent. An entry's index is
 * its place after prevLogIndex and is not repeated.
 */

const utf8 = new TextEncoder();
const strictUtf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Encoded once for all followers, for as long as the entry itself is held. */
const encoded = new WeakMap<LogEntry, string>();

export function encodeEntry(entry: LogEntry): string {
  const known = encoded.get(entry);
  if (known !== undefined) return known;
  const { time, origin } = entry.data;
  const text = JSON.stringify({
    term: entry.term,
    kind: entry.kind,
    time,
    ...(origin && { origin: [origin.node, origin.boot, origin.sequence, origin.floor] }),
    ...(entry.kind === "command" && encodePayload(entry.data)),
    ...(entry.configuration && { configuration: entry.configuration }),
  });
  encoded.set(entry, text);
  return text;
}

export function decodeEntry(value: unknown, index: LogIndex, where: string): UncountedEntry {
  const fields = Fields.of(value, where);
  const kind = decodeKind(fields.text("kind"), where);
  const term = fields.count("term");
  const time = fields.count("time");
  if (kind === "configuration") {
    return configurationEntry(index, term, time, decodeConfiguration(fields.object("configuration")));
  }
  if (kind === "noop") return noopEntry(index, term, time);
  const { schema, bytes } = decodePayload(fields, where);
  const origin = fields.has("origin") ? decodeOrigin(fields.list("origin"), where) : null;
  return commandEntry(index, term, { time, origin, schema, bytes });
}

export function commandEntry(index: LogIndex, term: Term, data: Payload): UncountedEntry {
  return { index, term, kind: "command", size: data.bytes.length + entryOverheadBytes, data };
}

export function noopEntry(index: LogIndex, term: Term, time: number): UncountedEntry {
  return { index, term, kind: "noop", size: entryOverheadBytes, data: ownPayload(time) };
}

export function configurationEntry(
  index: LogIndex,
  term: Term,
  time: number,
  configuration: Configuration,
): UncountedEntry {
  const data = ownPayload(time, configuration);
  return { index, term, kind: "configuration", size: configurationSize(configuration), configuration, data };
}

/** The payload of an entry that Raft makes itself. */
export function ownPayload(time: number, configuration?: Configuration): Payload {
  const bytes = configuration ? utf8.encode(JSON.stringify(configuration)) : new Uint8Array();
  return { time, origin: null, schema: 0, bytes };
}

/** A command's own part: text as `cmd` when it is text, anything else as base64 under `data`. */
export function encodePayload({ schema, bytes }: Pick<Payload, "schema" | "bytes">): Record<string, unknown> {
  if (schema === TEXT_SCHEMA) {
    try {
      return { cmd: strictUtf8.decode(bytes) };
    } catch {
      // Not text after all: it travels as bytes, unchanged.
    }
  }
  return { schema, data: toBase64(bytes) };
}

export function decodePayload(fields: Fields, where: string): Pick<Payload, "schema" | "bytes"> {
  if (!fields.has("data")) return { schema: TEXT_SCHEMA, bytes: utf8.encode(fields.text("cmd")) };
  const bytes = fromBase64(fields.text("data"));
  if (bytes === null) throw badMessage(`field "data" of ${where} must be base64`);
  return { schema: fields.count("schema"), bytes };
}

function decodeKind(text: string, where: string): EntryKind {
  if (text === "command" || text === "noop" || text === "configuration") return text;
  throw badMessage(`field "kind" of ${where} must be command, noop or configuration`);
}

function decodeOrigin(list: readonly unknown[], where: string): Origin {
  const [node, boot, sequence, floor] = list;
  const fields = Fields.of({ node, boot, sequence, floor }, `origin of ${where}`);
  return {
    node: fields.text("node"),
    boot: fields.count("boot"),
    sequence: fields.count("sequence"),
    floor: fields.count("floor"),
  };
}

export function decodeConfiguration(fields: Fields): Configuration {
  const slots = fields.list("slots").map((value): Slot => {
    const slot = Fields.of(value, "a slot");
    const address = slot.text("address");
    const id = slot.textOrNull("id");
    return id === null ? { id, address } : { id, storeId: slot.text("storeId"), address };
  });
  const ids = slots.map(({ id }) => id).filter((id) => id !== null);
  if (ids.length === 0 || new Set(ids).size < ids.length)
    throw badMessage("a configuration names each member once");
  return { clusterId: fields.text("clusterId"), slots };
}
