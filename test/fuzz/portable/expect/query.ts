import type { SentRequest } from "../request.ts";
import type { Circumstances, Fault } from "./expectation.ts";
import { fault } from "./expectation.ts";

/** The parameters of a request, and everything that is wrong with those that were asked for. */
export class Query {
  readonly faults: Fault[] = [];
  readonly #parameters: URLSearchParams;
  readonly #text: string;

  constructor({ target }: SentRequest) {
    const start = target.indexOf("?");
    this.#text = start < 0 ? "" : target.slice(start + 1);
    this.#parameters = new URLSearchParams(this.#text);
  }

  checkEncoding(): void {
    if (!decodes(this.#text)) this.faults.push(fault(400, "bad-query"));
  }

  text(name: string): string | null {
    const all = this.#parameters.getAll(name);
    if (all.length > 1) this.wrong();
    return all[0] ?? null;
  }

  flag(name: string): boolean {
    const text = this.text(name);
    if (text === null || ["false", "0"].includes(text)) return false;
    if (!["", "true", "1"].includes(text)) this.wrong();
    return true;
  }

  number(name: string): number | null {
    const text = this.text(name);
    if (text === null) return null;
    if (!/^[0-9]{1,16}$/.test(text) || BigInt(text) >= 2n ** 53n) this.wrong();
    return Number(text);
  }

  /** A length of time; `units` by name in milliseconds, "" for none. */
  timeMs(name: string, pattern: RegExp, units: Readonly<Record<string, number>>): number | null {
    const text = this.text(name);
    if (text === null) return null;
    if (!pattern.test(text)) this.wrong();
    let ms = 0;
    for (const [, amount, unit = ""] of text.matchAll(/([0-9.]+)([a-z]*)/g))
      ms += Number(amount) * (units[unit] ?? 0);
    return ms;
  }

  /** `?timeout=`: 1 ms to 60 s. */
  timeoutMs(): number {
    const ms = this.timeMs("timeout", /^[0-9]{1,9}(ms|s)?$/, { "": 1, ms: 1, s: 1000 });
    if (ms !== null && (ms < 1 || ms > 60_000)) this.wrong();
    return ms ?? 5000;
  }

  wrong(): void {
    this.faults.push(fault(400, "bad-parameter"));
  }
}

export function decodes(text: string): boolean {
  try {
    decodeURIComponent(text);
    return true;
  } catch {
    return false;
  }
}

/** Those of one name are one list. */
export function headerOf({ headers }: SentRequest, name: string): string | null {
  const found = headers.filter(([one]) => one.toLowerCase() === name);
  return found.length === 0 ? null : found.map(([, value]) => value.trim()).join(", ");
}

/** What `raft-forward` says against it. */
export function forwardFaults(request: SentRequest, { leads }: Circumstances): Fault[] {
  const value = headerOf(request, "raft-forward");
  if (value === null) return [];
  if (value.toLowerCase() !== "never") return [fault(400, "bad-header")];
  return leads ? [] : [fault(403, "not-leader")];
}

/** What the size of the body says against it. */
export function sizeFaults(request: SentRequest, limitBytes: number): Fault[] {
  const announced = Number(headerOf(request, "content-length") ?? 0);
  const size = request.body?.length ?? 0;
  return announced > limitBytes || size > limitBytes ? [fault(413, "body-too-large")] : [];
}
