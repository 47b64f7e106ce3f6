import { createHash } from "node:crypto";
import { EC2Client } from "@aws-sdk/client-ec2";
import { IAMClient } from "@aws-sdk/client-iam";
import { S3Client } from "@aws-sdk/client-s3";
import { ServiceQuotasClient } from "@aws-sdk/client-service-quotas";
import { SSMClient } from "@aws-sdk/client-ssm";
import { STSClient } from "@aws-sdk/client-sts";
import type { AuthorizeOptions } from "../../../ec2-node/aws/commands/authorize.ts";
import { authorize } from "../../../ec2-node/aws/commands/authorize.ts";
import { command } from "../../../ec2-node/aws/commands/command.ts";
import type { DestroyOptions } from "../../../ec2-node/aws/commands/destroy.ts";
import { destroy } from "../../../ec2-node/aws/commands/destroy.ts";
import type { LogsOptions } from "../../../ec2-node/aws/commands/logs.ts";
import { logs } from "../../../ec2-node/aws/commands/logs.ts";
import type { ReplaceOptions } from "../../../ec2-node/aws/commands/replace.ts";
import { replace } from "../../../ec2-node/aws/commands/replace.ts";
import { status } from "../../../ec2-node/aws/commands/status.ts";
import type { UpOptions } from "../../../ec2-node/aws/commands/up.ts";
import { up } from "../../../ec2-node/aws/commands/up.ts";
import type { UpdateOptions } from "../../../ec2-node/aws/commands/update.ts";
import { update } from "../../../ec2-node/aws/commands/update.ts";
import type { CommonOptions } from "../../../ec2-node/aws/session.ts";
import type { Tools } from "../../../ec2-node/aws/tools.ts";
import type { CloudOptions } from "./fake-cloud.ts";
import { FakeCloud } from "./fake-cloud.ts";
import { FakeNodes } from "./fake-nodes.ts";

/** One run of a command: what it ended with and what it said. */
export interface Run {
  /** Null where it threw. */
  readonly code: number | null;
  readonly error: Error | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** The commands of `ec2` on a fake cloud (test/aws/support/mock-clients.ts puts it behind the SDK). */
export class Deployment {
  readonly cloud: FakeCloud;
  readonly nodes: FakeNodes;
  /** What this version of the project is. */
  bundle = bundleOf("first");
  answer = true;
  /** Happens while a question stands. */
  whileAsked: () => void = () => {};
  /** CTRL+C. */
  readonly stop = new AbortController();
  /** What was sent to nodes, by their addresses. */
  readonly sent: (readonly [url: string, cmd: string])[] = [];
  readonly questions: string[] = [];

  constructor(options: CloudOptions = {}) {
    this.cloud = new FakeCloud(options);
    this.nodes = new FakeNodes(this.cloud);
  }

  up(options: Partial<UpOptions> = {}): Promise<Run> {
    const own = { wishes: {}, clientCidr: undefined, dryRun: false, yes: true, waitSeconds: 300 };
    return this.#run((tools) => up({ ...COMMON, ...own, ...options }, tools));
  }

  destroy(options: Partial<DestroyOptions> = {}): Promise<Run> {
    return this.#run((tools) => destroy({ ...COMMON, deleteData: false, yes: true, ...options }, tools));
  }

  replace(node: string, options: Partial<ReplaceOptions> = {}): Promise<Run> {
    const own = { node, instanceType: undefined, yes: true, force: false, waitSeconds: null };
    return this.#run((tools) => replace({ ...COMMON, ...own, ...options }, tools));
  }

  update(options: Partial<UpdateOptions> = {}): Promise<Run> {
    return this.#run((tools) =>
      update({ ...COMMON, rollback: false, yes: true, waitSeconds: 300, ...options }, tools),
    );
  }

  authorize(options: Partial<AuthorizeOptions> = {}): Promise<Run> {
    return this.#run((tools) => authorize({ ...COMMON, clientCidr: "auto", add: false, ...options }, tools));
  }

  logs(options: Partial<LogsOptions> = {}): Promise<Run> {
    return this.#run((tools) =>
      logs({ ...COMMON, node: undefined, follow: false, lines: 200, ...options }, tools),
    );
  }

  command(...words: string[]): Promise<Run> {
    return this.#run((tools) => command({ ...COMMON, words }, tools));
  }

  status(options: Partial<CommonOptions> = {}): Promise<Run> {
    return this.#run((tools) => status({ ...COMMON, ...options }, tools));
  }

  /** The program died a while ago: somebody types the line again. */
  comeBack(afterMs = 60_000): void {
    this.cloud.restart();
    this.cloud.world.clock.pass(afterMs);
  }

  async #run(command: (tools: Tools) => Promise<number>): Promise<Run> {
    const out: string[] = [];
    const err: string[] = [];
    const tools: Tools = {
      openClients: (region) => Promise.resolve(clients(region ?? this.cloud.world.region)),
      pace: this.cloud.clock,
      wallTime: () => this.cloud.world.now,
      stdout: { write: (text: string) => out.push(text) > 0 },
      stderr: { write: (text: string) => err.push(text) > 0 },
      confirm: (question) => {
        this.questions.push(question);
        this.whileAsked();
        return Promise.resolve(this.answer);
      },
      operatorCidr: () => Promise.resolve(`${this.nodes.operator}/32`),
      loadBundle: () => Promise.resolve(this.bundle),
      report: (url) => this.nodes.report(url),
      sendCommand: (url, cmd) => {
        this.sent.push([url, cmd]);
        return Promise.resolve();
      },
      stop: this.stop.signal,
    };
    const started = Promise.resolve().then(() => command(tools));
    const ended = await started.then(
      (code) => ({ code, error: null }),
      (error: Error) => ({ code: null, error }),
    );
    return { ...ended, stdout: out.join(""), stderr: err.join("") };
  }
}

const COMMON: CommonOptions = { cluster: "raft-lite", region: undefined, json: false };

/** Bytes that stand for a release, other ones for every `name`. */
export function bundleOf(name: string): Awaited<ReturnType<Tools["loadBundle"]>> {
  const bytes = Buffer.from(`the bundle ${name}`);
  return { bytes, sha256: createHash("sha256").update(bytes).digest("hex"), version: `0.1.0-${name}` };
}

function clients(region: string): Awaited<ReturnType<Tools["openClients"]>> {
  const credentials = { accessKeyId: "x", secretAccessKey: "x" };
  const settings = { region, credentials };
  return {
    region,
    ec2: new EC2Client(settings),
    iam: new IAMClient(settings),
    s3: new S3Client(settings),
    ssm: new SSMClient(settings),
    sts: new STSClient(settings),
    quotas: new ServiceQuotasClient(settings),
  };
}
