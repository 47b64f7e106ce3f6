import { createHash } from "node:crypto";
import { GetCallerIdentityCommand } from "@aws-sdk/client-sts";
import type { AwsClients } from "./clients.ts";
import { awsCode, explain, isFailing, isThrottled } from "./explain.ts";
import type { ResourceNames } from "./names.ts";
import { resourceNames } from "./names.ts";
import type { Pace } from "./pace.ts";

/** How long a request is repeated that AWS puts off, beyond what the SDK itself tries. */
const THROTTLED_MS = 120_000;
/** How long one is repeated that AWS fails at. */
const FAILING_MS = 30_000;
/** How long AWS may take to know everywhere what it has just made. It says seconds; minutes were seen. */
const SETTLE_MS = 120_000;

export interface CallOptions {
  /** Errors that mean "not yet", because something was made or ended a moment ago: their codes, or a judge of them. */
  readonly notYet?: RegExp | ((error: unknown) => boolean) | undefined;
  /** What is asked for, in an error's words. */
  readonly subject?: string | undefined;
}

/** One cluster's place: an account, a region, the names there, and the way requests are made. */
export class Account {
  readonly clients: AwsClients;
  readonly pace: Pace;
  readonly cluster: string;
  readonly id: string;
  /** `aws`, `aws-cn`, `aws-us-gov`. */
  readonly partition: string;
  /** Who the credentials belong to. */
  readonly caller: string;
  readonly names: ResourceNames;

  private constructor(clients: AwsClients, pace: Pace, cluster: string, id: string, caller: string) {
    this.clients = clients;
    this.pace = pace;
    this.cluster = cluster;
    this.id = id;
    this.caller = caller;
    this.partition = caller.split(":")[1] || "aws";
    this.names = resourceNames(cluster, id, clients.region);
  }

  /** Asks whose the credentials are. Throws one line where there are none, or AWS does not take them. */
  static async open(clients: AwsClients, pace: Pace, cluster: string): Promise<Account> {
    const identity = await send(pace, clients.region, "sts:GetCallerIdentity", {}, () =>
      clients.sts.send(new GetCallerIdentityCommand({})),
    );
    return new Account(clients, pace, cluster, identity.Account ?? "", identity.Arn ?? "");
  }

  get region(): string {
    return this.clients.region;
  }

  /**
   * Sends a request until AWS has time for it and knows what it is about. Throws RaftLiteErrors of one line; the SDK's
   * error is their cause.
   */
  call<T>(action: string, request: () => Promise<T>, options: CallOptions = {}): Promise<T> {
    return send(this.pace, this.region, action, options, request);
  }

  /** The same, where one of `codes` is an answer like any other: undefined. */
  async ask<T>(
    action: string,
    codes: RegExp,
    request: () => Promise<T>,
    options: CallOptions = {},
  ): Promise<T | undefined> {
    const asked = async (): Promise<T | undefined> => {
      try {
        return await request();
      } catch (error) {
        if (codes.test(awsCode(error))) return undefined;
        throw error;
      }
    };
    return this.call(action, asked, options);
  }

  /** A token of `ClientToken` parameters: the same for the same words, for this cluster alone. */
  token(...words: readonly (string | number)[]): string {
    return createHash("sha256")
      .update(JSON.stringify([this.id, this.region, this.cluster, ...words]))
      .digest("hex")
      .slice(0, 48);
  }
}

async function send<T>(
  pace: Pace,
  region: string,
  action: string,
  { notYet, subject }: CallOptions,
  request: () => Promise<T>,
): Promise<T> {
  const started = pace.now();
  for (let pauseMs = 1_000; ; pauseMs = Math.min(pauseMs * 2, 10_000)) {
    try {
      return await request();
    } catch (error) {
      const limitMs = patience(error, notYet);
      if (pace.now() - started >= limitMs) throw explain(error, { action, region, subject });
      await pace.sleep(pauseMs);
    }
  }
}

function patience(error: unknown, notYet: CallOptions["notYet"]): number {
  if (isThrottled(error)) return THROTTLED_MS;
  if (isFailing(error)) return FAILING_MS;
  return isNotYet(error, notYet) ? SETTLE_MS : 0;
}

function isNotYet(error: unknown, notYet: CallOptions["notYet"]): boolean {
  return typeof notYet === "function" ? notYet(error) : (notYet?.test(awsCode(error)) ?? false);
}
