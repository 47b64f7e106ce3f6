import { RaftLiteError } from "../errors.ts";
import type { ByteRange, Command } from "./commands.ts";
import { parseCommand } from "./commands.ts";
import type { KeySpace } from "./key-space.ts";
import { isPresent } from "./key-space.ts";
import { compareBytes } from "./keys.ts";
import type { ShownValue } from "./results.ts";
import { showValue } from "./results.ts";

/** SET: "OK"; DEL: how many keys; CAS: whether it held; GET: the value, or null. */
export type CommandResult = "OK" | 0 | 1 | boolean | ShownValue | null;

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Applies a text command, the body of entry `revision`. Throws as `parseCommand` does, before it changes anything. */
export function applyCommand(space: KeySpace, revision: number, body: Uint8Array): CommandResult {
  const command = parseBody(body);
  const { key } = command;
  switch (command.verb) {
    case "GET": {
      // Reads do not go through the log; one that does is answered all the same.
      const found = space.read(key);
      return found === null ? null : showValue(found.value);
    }
    case "DEL": {
      const record = space.find(key);
      if (!isPresent(record)) return 0;
      space.delete(revision, record);
      space.commit(revision);
      return 1;
    }
    case "CAS": {
      const found = space.read(key);
      if (found === null || compareBytes(found.value, slice(body, command.expected)) !== 0) return false;
      break;
    }
    case "SET":
      break;
  }
  const { offset, length } = command.value;
  space.put(revision, space.find(key), body, offset, length, 0);
  space.commit(revision);
  return command.verb === "SET" ? "OK" : true;
}

/** A body was trimmed when it came in, so that offsets in the trimmed text are offsets in the body. */
function parseBody(body: Uint8Array): Command {
  let text: string;
  try {
    text = decoder.decode(body);
  } catch {
    throw new RaftLiteError("bad-command", "the command is not UTF-8", { status: 400 });
  }
  const command = parseCommand(text);
  if (command.text.length === text.length) return command;
  throw new RaftLiteError("bad-command", "the command has space around it", { status: 400 });
}

function slice(body: Uint8Array, range: ByteRange): Uint8Array {
  return body.subarray(range.offset, range.offset + range.length);
}
