import { describe, expect, test } from "vitest";
import { RaftLiteError } from "../../shared/errors.ts";
import type { ByteRange } from "../../shared/store/commands.ts";
import { acceptCommand, parseCommand } from "../../shared/store/commands.ts";
import { utf8 } from "./support.ts";

/** What a range of a command covers, read back from its bytes. */
function covered(text: string, { offset, length }: ByteRange): string {
  return Buffer.from(utf8(text))
    .subarray(offset, offset + length)
    .toString();
}

function set(input: string): { key: string; value: string } {
  const command = parseCommand(input);
  if (command.verb !== "SET") throw new Error(`${command.verb} instead of SET`);
  return { key: command.key, value: covered(command.text, command.value) };
}

function cas(input: string): { key: string; expected: string; value: string } {
  const command = parseCommand(input);
  if (command.verb !== "CAS") throw new Error(`${command.verb} instead of CAS`);
  const { text, key } = command;
  return { key, expected: covered(text, command.expected), value: covered(text, command.value) };
}

function refusalOf(work: () => unknown): RaftLiteError {
  try {
    work();
  } catch (error) {
    if (error instanceof RaftLiteError) return error;
    throw error;
  }
  throw new Error("not refused");
}

describe("SET", () => {
  test.each([
    ["SET x=5", "x", "5"],
    ["SET x = 5", "x", "5"],
    ["set x=1", "x", "1"],
    ["sEt x=1", "x", "1"],
    ["SET x=", "x", ""],
    ["SET x =  ", "x", ""],
    ["  SET   x=5  ", "x", "5"],
    ["\tSET\tx\t=\t5\n", "x", "5"],
    ["SET x=a=b=c", "x", "a=b=c"],
    ["SET x==", "x", "="],
    ["SET x=two  words", "x", "two  words"],
    ['SET x={"a": 1}', "x", '{"a": 1}'],
    ["SET get=set", "get", "set"],
    ["SET a/b:c-1=5", "a/b:c-1", "5"],
    ["\u00a0SET\u3000x=\ufeff5\u2028", "x", "5"],
    ["SET x=a\u0000\u001b[31mb", "x", "a\u0000\u001b[31mb"],
    ["SET x=a\nb", "x", "a\nb"],
  ])("%j", (input, key, value) => {
    expect(set(input)).toEqual({ key, value });
  });

  test("counts the offset of the value in bytes of the trimmed text", () => {
    const command = parseCommand("  SET schlüssel😀‰ = ö€😀  ");
    expect(command).toEqual({
      verb: "SET",
      text: "SET schlüssel😀‰ = ö€😀",
      key: "schlüssel😀‰",
      // "SET " 4, "schlüssel" 10, "😀" 4, "‰" 3, " = " 3; then "ö" 2, "€" 3, "😀" 4
      value: { offset: 24, length: 9 },
    });
  });
});

describe("GET and DEL", () => {
  test.each([
    ["GET x", "GET", "x"],
    ["get x", "GET", "x"],
    [" Get\t x ", "GET", "x"],
    ["GET a=b", "GET", "a=b"],
    ["DEL x", "DEL", "x"],
    ["del ключ", "DEL", "ключ"],
  ])("%j", (input, verb, key) => {
    expect(parseCommand(input)).toEqual({ verb, key, text: input.trim() });
  });
});

describe("CAS", () => {
  test.each([
    ["CAS x 1 2", "x", "1", "2"],
    ["cas x  1\t2 ", "x", "1", "2"],
    ["CAS ключ да нет", "ключ", "да", "нет"],
    ["CAS 😀 = ==", "😀", "=", "=="],
  ])("%j", (input, key, expected, value) => {
    expect(cas(input)).toEqual({ key, expected, value });
  });
});

describe("is refused", () => {
  test.each([
    ["", "bad-command", "empty"],
    [" \n\t", "bad-command", "empty"],
    ["SET", "bad-command", "="],
    ["SET x", "bad-command", "="],
    ["SET =5", "bad-command", "needs a key"],
    ["SET  = 5", "bad-command", "needs a key"],
    ["SET a b=5", "bad-command", 'the key "a b" holds a space'],
    ["SET a\u00a0b=5", "bad-command", "holds a space"],
    ["SET a\nb=5", "bad-command", '"a\\nb" holds a space'],
    ["SET a\u0000b=5", "bad-command", '"a\\u0000b" holds a control character'],
    ["SET a\u009bb=5", "bad-command", '"a\\u009bb" holds a control character'],
    ["SET x=\ud800", "bad-command", "well-formed"],
    ["GET", "bad-command", "one word"],
    ["GET a b", "bad-command", "one word"],
    ["GET a\u0007", "bad-command", "control character"],
    ["DEL", "bad-command", "one word"],
    ["DEL a b", "bad-command", "one word"],
    ["CAS x 1", "bad-command", "three words"],
    ["CAS x", "bad-command", "three words"],
    ["CAS", "bad-command", "three words"],
    ["CAS x 1 2 3", "bad-command", "three words"],
    ["CAS a\u0000 1 2", "bad-command", "control character"],
    ["INCR x", "unknown-verb", '"INCR"'],
    ["SETx=5", "unknown-verb", '"SETx=5"'],
    ["x=5", "unknown-verb", '"x=5"'],
    // Its upper case is SET.
    ["\u017fet x=5", "unknown-verb", "unknown verb"],
  ])("%j", (input, code, says) => {
    const error = refusalOf(() => parseCommand(input));
    expect(error).toMatchObject({ code, status: 400 });
    expect(error.message).toContain(says);
    expect(error.message).toContain(
      "the verbs are SET k=v, GET k, DEL k and CAS k old new; for example: SET x=5",
    );
  });

  test.each(["SET K=1", "GET K", "DEL K", "CAS K 1 2"])("%s with a key over 512 bytes", (command) => {
    const tooLong = ["k".repeat(513), "ü".repeat(257), `${"€".repeat(170)}abc`, "k".repeat(1_000_000)];
    for (const key of tooLong) {
      const error = refusalOf(() => parseCommand(command.replace("K", key)));
      expect(error).toMatchObject({ code: "key-too-large", status: 413 });
      expect(error.message.length).toBeLessThan(200);
    }
    for (const key of ["k".repeat(512), "ü".repeat(256), `${"€".repeat(170)}ab`, "😀".repeat(128)]) {
      expect(parseCommand(command.replace("K", key)).key).toBe(key);
    }
  });

  test("without echoing what could move a cursor, and briefly", () => {
    const bad = `F\u001b[2J\u0007\u009b\u202e\u007f${"😀".repeat(10_000)}`;
    for (const command of [`${bad} x=1`, `SET ${bad}=1`, `GET ${bad}`, `CAS ${bad} 1 2`]) {
      const { message } = refusalOf(() => parseCommand(command));
      expect(message).toContain('"F\\u001b[2J\\u0007\\u009b\\u202e\\u007f😀');
      expect(message).not.toMatch(/[^\x20-\x7e…😀]/u);
      expect(message.length).toBeLessThan(400);
    }
  });
});

describe("at the edge", () => {
  test("a command becomes the bytes of its trimmed text", () => {
    const { command, bytes } = acceptCommand(" SET ö = 5\r\n");
    expect(command).toMatchObject({ verb: "SET", key: "ö", text: "SET ö = 5" });
    expect(bytes).toEqual(utf8("SET ö = 5"));
  });

  test.each(["SET x=1\nSET y=2", "SET x=a\rb", "GET\nx", "CAS x\r\n1 2"])(
    "%j, of several lines, is refused",
    (input) => {
      const error = refusalOf(() => acceptCommand(input));
      expect(error).toMatchObject({ code: "bad-command", status: 400 });
      expect(error.message).toContain("one line");
    },
  );

  test("what the log would refuse is refused", () => {
    expect(refusalOf(() => acceptCommand("FOO x")).code).toBe("unknown-verb");
  });
});
