/** A request of the fuzz as plain data: what is printed when it fails is what was sent. */

export interface FuzzRequest {
  /** Which node gets it, modulo their number. */
  readonly node: number;
  readonly method: string;
  /** Path and query as they are sent; what stands in `{{…}}` is filled in then (tokens.ts). */
  readonly target: string;
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly body: FuzzBody;
}

export type FuzzBody =
  | null
  | { readonly text: string }
  | { readonly bytes: Uint8Array }
  /** Sent as JSON; a string that is a token becomes what it stands for, numbers as numbers. */
  | { readonly json: unknown }
  /** So many bytes of the letter x. */
  | { readonly length: number };

/** What a run of the fuzz consists of. */
export type Step =
  | ({ readonly type: "request" } & FuzzRequest)
  /** Time passes: whatever waits may end. */
  | { readonly type: "pass"; readonly ms: number }
  /** Another node takes over: one message that a leader would send. */
  | { readonly type: "hand-over" };

/** The same with everything filled in. */
export interface SentRequest {
  readonly method: string;
  readonly target: string;
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly body: Uint8Array | null;
}

export interface Reply {
  readonly status: number;
  /** Names in lower case. */
  readonly headers: ReadonlyMap<string, string>;
  readonly bytes: Uint8Array;
}

const LONGEST_SHOWN = 400;

/** On one line, as close to a command line as it gets. */
export function describeStep(step: Step): string {
  if (step.type === "pass") return `pass ${step.ms} ms`;
  if (step.type === "hand-over") return "hand over";
  const { node, method, target, headers, body } = step;
  const head = headers.map(([name, value]) => ` -H ${JSON.stringify(`${name}: ${value}`)}`).join("");
  return `@${node} ${method} ${cut(JSON.stringify(target))}${head}${describeBody(body)}`;
}

/** On one line, controls escaped. */
export function describeReply({ status, headers, bytes }: Reply): string {
  const names = [...headers].map(([name, value]) => `${name}: ${value}`).join(", ");
  return `${status} {${names}} ${cut(JSON.stringify(new TextDecoder().decode(bytes)))}`;
}

function describeBody(body: FuzzBody): string {
  if (body === null) return "";
  if ("length" in body) return ` (${body.length} bytes)`;
  if ("bytes" in body) return ` bytes [${cut(body.bytes.join(" "))}]`;
  return "text" in body ? ` ${cut(JSON.stringify(body.text))}` : ` json ${cut(JSON.stringify(body.json))}`;
}

function cut(text: string): string {
  if (text.length <= LONGEST_SHOWN) return text;
  return `${text.slice(0, LONGEST_SHOWN)}… (${text.length} characters)`;
}
