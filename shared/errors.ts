/**
 * The one error type of Raft Lite. `code` is kebab-case and stable: it becomes the `code` of a problem+json
 * reply (RFC 9457) and names the failure in logs; `message` is one line that says what is wrong and, where it can,
 * how to mend it.
 */
export class RaftLiteError extends Error {
  override readonly name: string = "RaftLiteError";
  readonly code: string;
  /** HTTP status a handler answers with when this error reaches it. */
  readonly status: number;
  /** Further members of the problem+json body, e.g. `outcome` or `leader`. */
  readonly details: Readonly<Record<string, unknown>>;

  constructor(
    code: string,
    message: string,
    options: { status?: number; details?: Record<string, unknown>; cause?: unknown } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.status = options.status ?? 500;
    this.details = options.details ?? {};
  }
}

/** Thrown when a rule that the code relies on does not hold. The node must stop: going on could lose data. */
export class InvariantViolation extends Error {
  override readonly name = "InvariantViolation";
  readonly rule: string;

  constructor(rule: string, detail: string) {
    super(`${rule}: ${detail}`);
    this.rule = rule;
  }
}

/** Cheap assertion that stays on in production; `rule` names the invariant it guards. */
export function invariant(condition: boolean, rule: string, detail: () => string): asserts condition {
  if (!condition) throw new InvariantViolation(rule, detail());
}
