import { RaftLiteError } from "../errors.ts";
import type { RequestOptions } from "../node/api.ts";
import { DEFAULT_TIMEOUT_MS, MAX_TIMEOUT_MS } from "../node/defaults.ts";
import type { RoutedRequest } from "./context.ts";

/** Enough to see what is going on; the whole of a long log on every `curl /status` helps nobody. */
const DEFAULT_LOG_LINES = 100;

/** How long the caller waits and whether the leader may be asked on its behalf. */
export function requestOptions(request: RoutedRequest): RequestOptions {
  return { timeoutMs: timeoutMs(request), forward: mayForward(request) };
}

/** `?log=`: how many of the newest commands to show; `all` is Infinity. */
export function logLimit(request: RoutedRequest): number {
  const text = parameter(request, "log");
  if (text === undefined) return DEFAULT_LOG_LINES;
  if (text === "all") return Number.POSITIVE_INFINITY;
  if (!/^\d{1,15}$/.test(text)) throw badParameter("log", text, "a number of commands or all");
  return Number(text);
}

function timeoutMs(request: RoutedRequest): number {
  const text = parameter(request, "timeout");
  if (text === undefined) return DEFAULT_TIMEOUT_MS;
  const [, digits, unit] = /^(\d{1,9})(ms|s)?$/.exec(text) ?? [];
  const ms = Number(digits) * (unit === "s" ? 1000 : 1);
  if (!(ms >= 1 && ms <= MAX_TIMEOUT_MS))
    throw badParameter("timeout", text, "500, 500ms or 5s, 1 ms to 60 s");
  return ms;
}

function mayForward(request: RoutedRequest): boolean {
  const value = request.headers.get("raft-forward");
  if (value === null) return true;
  if (value.toLowerCase() === "never") return false;
  // A misspelt "never" must not be carried out somewhere else than where it was sent.
  throw new RaftLiteError("bad-header", 'the header raft-forward may only be "never"', { status: 400 });
}

/** Throws `bad-parameter` (400) for one that is given more than once. */
export function parameter(request: RoutedRequest, name: string): string | undefined {
  // Most requests have none, and are asked for several.
  if (request.parameters.size === 0) return undefined;
  const [value, ...others] = request.parameters.getAll(name);
  if (others.length === 0) return value;
  throw new RaftLiteError("bad-parameter", `the parameter ${name} is given ${others.length + 1} times`, {
    status: 400,
    details: { parameter: name },
  });
}

export function badParameter(name: string, value: string, expected: string): RaftLiteError {
  const shown = JSON.stringify(value.slice(0, 40));
  return new RaftLiteError("bad-parameter", `the parameter ${name} is ${shown}; expected ${expected}`, {
    status: 400,
    details: { parameter: name },
  });
}
