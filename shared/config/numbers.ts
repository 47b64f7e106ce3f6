import { usageError } from "./usage-error.ts";

/** Reads the whole number given to `flag`. Throws a usage error when it is none or out of range. */
export function wholeNumber(flag: string, text: string, min: number, max: number): number {
  const value = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
  if (value >= min && value <= max) return value;
  throw usageError(`${flag}: "${text}" is not a whole number from ${min} to ${max}`);
}
