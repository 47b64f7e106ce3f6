import { Random } from "../../../sim/random.ts";
import type { ServiceName } from "./cloud-errors.ts";
import { denial, ProgramDied, refusal, throttling } from "./cloud-errors.ts";

/** One call as a test may look at it. */
export interface Call {
  /** From 1, over everything that was called since the start or `restart`. */
  readonly number: number;
  readonly service: ServiceName;
  readonly operation: string;
  readonly input: Readonly<Record<string, unknown>>;
}

interface Refused {
  readonly operation: string;
  readonly error: () => Error;
  readonly when: (call: Call) => boolean;
  times: number;
}

/** What goes wrong, on demand or by chance. */
export class Misbehaviour {
  /** How likely a call is throttled instead of carried out. */
  throttled = 0;
  /** How likely a call is carried out and its answer is lost on the way. */
  unanswered = 0;
  /** What stands in for AWS takes no notice of `DryRun`. */
  ignoresDryRun = false;
  /** The program dies at this call of this run, before or after it takes effect. */
  crash: { readonly call: number; readonly moment: "before" | "after" } | null = null;
  /** `service:Operation` that the caller may not do. */
  readonly denied = new Set<string>();

  readonly #random: Random;
  #refused: Refused[] = [];

  constructor(seed: number) {
    this.#random = new Random(seed, "misbehaviour");
  }

  /** The operation answers with an error, `times` times, where `when` says so. */
  refuse(
    service: ServiceName,
    operation: string,
    error: { code: string; message: string; status?: number },
    options: { times?: number; when?: (call: Call) => boolean } = {},
  ): void {
    this.#refused.push({
      operation: `${service}:${operation}`,
      error: () => refusal(service, error.code, error.message, error.status),
      when: options.when ?? (() => true),
      times: options.times ?? Number.POSITIVE_INFINITY,
    });
  }

  /** There is no room for instances, in one zone's subnet or anywhere. */
  withoutCapacity(options: { times?: number; when?: (call: Call) => boolean } = {}): void {
    const message =
      "We currently do not have sufficient t3.small capacity in the Availability Zone you requested (us-east-1a). Our system will be working on provisioning additional capacity.";
    this.refuse(
      "ec2",
      "RunInstances",
      { code: "InsufficientInstanceCapacity", message, status: 500 },
      options,
    );
  }

  /** Throws what happens to a call instead of its effect. */
  beforeEffect(call: Call): void {
    if (this.crash?.call === call.number && this.crash.moment === "before") throw new ProgramDied();
    const name = `${call.service}:${call.operation}`;
    if (this.denied.has(name)) throw denial(call.service, call.operation);
    if (this.#random.chance(this.throttled)) throw throttling(call.service);
    const refused = this.#refused.find((one) => one.operation === name && one.times > 0 && one.when(call));
    if (refused === undefined) return;
    refused.times -= 1;
    throw refused.error();
  }

  /** Throws what happens to the answer of a call that has taken effect. */
  afterEffect(call: Call): void {
    if (this.crash?.call === call.number) throw new ProgramDied();
    if (this.#random.chance(this.unanswered)) {
      throw Object.assign(new Error("socket hang up"), { name: "TimeoutError", code: "ECONNRESET" });
    }
  }
}
