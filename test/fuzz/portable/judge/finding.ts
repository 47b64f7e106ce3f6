import { toBinaryText } from "../bytes.ts";

/** Something that must not be so. */
export class Finding extends Error {
  override readonly name = "Finding";
}

export function demand(isSo: boolean, what: () => string): asserts isSo {
  if (!isSo) throw new Finding(what());
}

/** Equal as JSON, names of fields in any order. */
export function demandEqual(found: unknown, wanted: unknown, what: string): void {
  const [one, other] = [canonical(found), canonical(wanted)];
  demand(one === other, () => `${what}: ${cut(one)}, wanted ${cut(other)}`);
}

function canonical(value: unknown): string {
  return JSON.stringify(value, (_name, part: unknown) => {
    if (part instanceof Uint8Array) return { bytes: toBinaryText(part) };
    if (typeof part !== "object" || part === null || Array.isArray(part)) return part;
    return Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1)));
  });
}

function cut(text: string): string {
  return text.length > 1500 ? `${text.slice(0, 1500)}…` : text;
}
