import { quotaOperations, stsOperations } from "./account-services.ts";
import type { ServiceName } from "./cloud-errors.ts";
import { NotModelled, ProgramDied, refusal } from "./cloud-errors.ts";
import type { Pace } from "./cloud-world.ts";
import { CloudWorld } from "./cloud-world.ts";
import { Ec2Service } from "./ec2-service.ts";
import { IamService } from "./iam-service.ts";
import type { Call } from "./misbehaviour.ts";
import { Misbehaviour } from "./misbehaviour.ts";
import type { Operations } from "./operation.ts";
import { checkInput } from "./operation.ts";
import { S3Service } from "./s3-service.ts";
import { SsmService } from "./ssm-service.ts";

/** A call that was made, and how it ended: "ok", or the name of its error. */
export interface PastCall extends Call {
  readonly at: number;
  outcome: string;
}

/** What every answer of the SDK carries. */
export interface Answered {
  readonly $metadata: { readonly httpStatusCode: number; readonly requestId: string };
}

export interface CloudOptions {
  readonly region?: string;
  /** The letters of the region's zones. */
  readonly zones?: readonly string[];
  readonly seed?: number;
  readonly pace?: Partial<Pace>;
  /** Accounts may have lost theirs. */
  readonly hasDefaultVpc?: boolean;
}

/**
 * AWS, as far as this project uses it and as its documentation says it behaves: one account and region in memory, in
 * virtual time. What is not documented is refused, what is not modelled throws `NotModelled`.
 */
export class FakeCloud {
  readonly world: CloudWorld;
  readonly ec2: Ec2Service;
  readonly iam: IamService;
  readonly s3: S3Service;
  readonly ssm: SsmService;
  readonly misbehaviour: Misbehaviour;
  readonly calls: PastCall[] = [];

  readonly #services: Readonly<Record<ServiceName, Operations>>;
  #run = 0;
  #hasDied = false;

  constructor(options: CloudOptions = {}) {
    const seed = options.seed ?? 1;
    const region = options.region ?? "us-east-1";
    this.world = new CloudWorld({ region, seed, pace: options.pace ?? {} });
    this.misbehaviour = new Misbehaviour(seed);
    this.ec2 = new Ec2Service(this.world, options.zones ?? ["a", "b", "c", "d"]);
    this.iam = new IamService(this.world);
    this.s3 = new S3Service(this.world);
    this.ssm = new SsmService(this.world, this.ec2, (profile) => this.iam.policiesOf(profile));
    this.ec2.instances.checkProfile = (profile) => this.iam.checkProfile(profile);
    this.iam.isAllowed = (action) => !this.misbehaviour.denied.has(action);
    if (options.hasDefaultVpc !== false) {
      const vpc = this.ec2.network.addVpc("172.31.0.0/16", true);
      for (const [index, zone] of this.ec2.catalogue.zones.entries()) {
        this.ec2.network.addSubnet(vpc, zone, `172.31.${16 * index}`, true);
      }
    }
    this.#services = {
      ec2: this.ec2.operations,
      iam: this.iam.operations,
      s3: this.s3.operations,
      ssm: this.ssm.operations,
      sts: stsOperations(this.world),
      "service-quotas": quotaOperations(this.ec2),
    };
  }

  get clock(): { now(): number; sleep(ms: number): Promise<void> } {
    return this.world.clock;
  }

  /** The answer to a call, as the SDK shapes it, or what the SDK throws. */
  async handle(service: ServiceName, operation: string, input: object): Promise<Answered> {
    if (this.#hasDied) throw new ProgramDied();
    this.#run += 1;
    const call: PastCall = {
      number: this.#run,
      service,
      operation,
      // As it was when it was sent, and without what is not.
      input: structuredClone(
        Object.fromEntries(Object.entries(input).filter(([, value]) => value !== undefined)),
      ),
      at: this.world.now,
      outcome: "under way",
    };
    this.calls.push(call);
    try {
      await this.clock.sleep(this.world.pace.callMs);
      if (this.#hasDied) throw new ProgramDied();
      const output = this.#perform(call);
      call.outcome = "ok";
      return output;
    } catch (error) {
      call.outcome = error instanceof Error ? error.name : String(error);
      if (error instanceof ProgramDied && !this.#hasDied) {
        this.#hasDied = true;
        this.world.clock.kill(error);
      }
      throw error;
    }
  }

  /** A new run of the program: it lives, and its calls are counted from 1. */
  restart(): void {
    this.#hasDied = false;
    this.#run = 0;
    this.misbehaviour.crash = null;
  }

  /** The program of this run has been killed. */
  get hasDied(): boolean {
    return this.#hasDied;
  }

  /** How many calls this run has made. */
  get callsOfRun(): number {
    return this.#run;
  }

  #perform(call: Call): Answered {
    const found = this.#services[call.service][call.operation];
    if (found === undefined) throw new NotModelled(`${call.service} ${call.operation}`);
    checkInput(call.service, call.operation, found, call.input);
    this.misbehaviour.beforeEffect(call);
    this.world.settle();
    const output = this.#answer(call, () => {
      if (call.input.DryRun !== true || this.misbehaviour.ignoresDryRun)
        return structuredClone(found.run(call.input as never));
      const message = "Request would have succeeded, but DryRun flag is set.";
      throw refusal(call.service, "DryRunOperation", message, 412);
    });
    return { ...output, $metadata: { httpStatusCode: 200, requestId: `request-${call.number}` } };
  }

  /** An answer, an error among them, may not arrive. */
  #answer(call: Call, effect: () => object): object {
    try {
      return effect();
    } finally {
      this.misbehaviour.afterEffect(call);
    }
  }
}
