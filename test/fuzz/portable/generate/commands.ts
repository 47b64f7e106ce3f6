import fc from "fast-check";
import type { FuzzBody } from "../request.ts";
import { anything, character, key, plainKey, value } from "./texts.ts";

const verb = fc.constantFrom(
  "SET",
  "set",
  "Set",
  "GET",
  "get",
  "DEL",
  "del",
  "CAS",
  "cas",
  "SETX",
  "PUT",
  "",
  "ſET",
  "SET\u0000",
);
const space = fc.constantFrom(" ", "  ", "\t", "\u00a0", "\u3000", "\ufeff", "");
const word = fc.oneof(fc.constantFrom("1", "2", "=", "==", "größer", "\u0000", "\u202e", "\u0085"), key);

const good: fc.Arbitrary<string> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.tuple(plainKey, space, space, value).map(([k, a, b, v]) => `SET ${k}${a}=${b}${v}`),
  },
  { weight: 3, arbitrary: plainKey.map((k) => `GET ${k}`) },
  { weight: 2, arbitrary: plainKey.map((k) => `del ${k}`) },
  {
    weight: 2,
    arbitrary: fc
      .tuple(plainKey, fc.constantFrom("1", "2", "x=5"), fc.constantFrom("1", "2", "\u001b"))
      .map((words) => `CAS ${words.join(" ")}`),
  },
);

const odd: fc.Arbitrary<string> = fc.oneof(
  fc
    .tuple(verb, space, fc.array(word, { maxLength: 4 }), space)
    .map(([v, a, words, b]) => `${a}${v}${a}${words.join(" ")}${b}`),
  fc.tuple(verb, word, space, value).map(([v, k, a, own]) => `${v} ${k}${a}=${own}`),
  fc.string({ unit: character, maxLength: 20 }),
  fc.constantFrom("SET a=\ud800", "GET \udc00", "SET a=1\nSET b=2", "\nGET a\n", "SET =1", "SET a b=1"),
);

const cmd = fc.oneof({ weight: 4, arbitrary: good }, { weight: 1, arbitrary: odd });

export const commandBody: fc.Arbitrary<FuzzBody> = fc.oneof(
  { weight: 10, arbitrary: cmd.map((text) => ({ json: { cmd: text } })) },
  { weight: 1, arbitrary: cmd.map((text) => ({ json: { command: text, also: 1 } })) },
  {
    weight: 1,
    arbitrary: fc.tuple(cmd, anything).map(([text, command]) => ({ json: { cmd: text, command } })),
  },
  { weight: 1, arbitrary: anything.map((text) => ({ json: { cmd: text } })) },
);
