import type { Fault } from "./expectation.ts";
import { fault } from "./expectation.ts";

export type Fields = Readonly<Record<string, unknown>>;

/** A body that must be a JSON object. */
export function readObject(bytes: Uint8Array | null): Fault | { readonly fields: Fields } {
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: false }).decode(bytes ?? new Uint8Array());
  } catch {
    return fault(400, "bad-encoding");
  }
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === "object" && value !== null && !Array.isArray(value))
      return { fields: value as Fields };
  } catch {
    // Told below.
  }
  return fault(400, "bad-json");
}

export function own(fields: Fields, name: string): unknown {
  return Object.hasOwn(fields, name) ? fields[name] : undefined;
}
