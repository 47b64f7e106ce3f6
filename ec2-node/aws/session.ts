import { RaftLiteError } from "../../shared/errors.ts";
import { Account } from "./account.ts";
import { applyStep } from "./apply/apply.ts";
import type { Work } from "./apply/work.ts";
import { discover } from "./discover.ts";
import type { ClusterRecord, Found } from "./model.ts";
import { DEFAULT_CLUSTER_NAME } from "./names.ts";
import { instancePolicy, trustPolicy } from "./policies.ts";
import { Progress } from "./progress.ts";
import { stepResult, stepText } from "./step-text.ts";
import type { Step } from "./steps.ts";
import type { OutputStream, Tools } from "./tools.ts";

/** What every command of `ec2` is told. */
export interface CommonOptions {
  readonly cluster: string;
  readonly region: string | undefined;
  /** One JSON document on stdout and nothing else there. */
  readonly json: boolean;
  /** Nothing is said of what goes on. */
  readonly quiet?: boolean;
}

const NOBODY: OutputStream = { write: () => true };

/** One command at work on one cluster. */
export class Session {
  readonly account: Account;
  readonly tools: Tools;
  readonly progress: Progress;
  readonly #json: boolean;
  /** There is one document, of the failure too. */
  #isDocumented = false;

  private constructor(account: Account, tools: Tools, { json, quiet = false }: CommonOptions) {
    this.account = account;
    this.tools = tools;
    this.#json = json;
    // What people read while it goes on must not be in the way of a document.
    const stream: OutputStream = quiet ? NOBODY : json ? tools.stderr : tools.stdout;
    this.progress = new Progress({
      stream,
      isTerminal: stream.isTTY === true,
      now: () => tools.pace.now(),
    });
  }

  /** Throws one line where there are no credentials, no region, or AWS cannot be asked. */
  static async run(
    options: CommonOptions,
    tools: Tools,
    command: (session: Session) => Promise<number>,
  ): Promise<number> {
    let session: Session | undefined;
    try {
      const clients = await tools.openClients(options.region);
      const account = await Account.open(clients, tools.pace, options.cluster);
      session = new Session(account, tools, options);
      return await command(session);
    } catch (error) {
      const isDocumented = session === undefined ? !options.json : session.#isDocumented || !session.#json;
      if (!isDocumented && error instanceof RaftLiteError) {
        const { code, message } = error;
        tools.stdout.write(`${JSON.stringify({ cluster: options.cluster, error: { code, message } })}\n`);
      }
      throw error;
    } finally {
      session?.progress.close();
    }
  }

  /** A line for people. */
  say(line: string): void {
    this.progress.line(line);
  }

  /** What the command has come to, where a document is asked for. */
  document(value: unknown): void {
    if (!this.#json) return;
    this.tools.stdout.write(`${JSON.stringify(value)}\n`);
    this.#isDocumented = true;
  }

  look(): Promise<Found> {
    return this.progress.task("look at what is there", () => discover(this.account));
  }

  /** The cluster, where it is there. Throws `no-such-cluster`. */
  async existing(): Promise<{ found: Found; record: ClusterRecord }> {
    const found = await this.look();
    if (found.record !== null) return { found, record: found.record };
    const { cluster, region, id } = this.account;
    throw new RaftLiteError(
      "no-such-cluster",
      `there is no cluster ${cluster} in ${region} (account ${id}): is it --name, --region or the credentials? \`raft-lite ec2 up\` makes one`,
    );
  }

  workOn(found: Found): Work {
    const { account, tools } = this;
    const { id, region, partition, names } = account;
    return {
      account,
      found,
      loadBundle: tools.loadBundle,
      rolePolicy: instancePolicy({
        account: id,
        region,
        partition,
        bucket: names.bucket,
        secretParameter: names.secret,
      }),
      trustPolicy: trustPolicy(partition),
    };
  }

  /** Carries out steps one after the other. Throws the first one's error, having said what is there then. */
  async apply(work: Work, steps: readonly Step[], advice: string): Promise<void> {
    let done = 0;
    try {
      for (const step of steps) {
        const { sign, what } = stepText(step, this.account.names);
        await this.progress.task(`${sign} ${what}`, async (note) => {
          await applyStep(work, step);
          note(stepResult(step, work.found));
        });
        done += 1;
      }
    } catch (error) {
      this.say(`${done} of ${steps.length} steps are done, and what they made is kept. ${advice}`);
      throw error;
    }
  }

  /** Says what is to be done. */
  show(steps: readonly Step[]): void {
    for (const step of steps) {
      const { sign, what } = stepText(step, this.account.names);
      this.say(`  ${sign} ${what}`);
    }
  }

  /** Asks before anything is changed. Says so where nothing will be. */
  async mayGoOn(question: string, yes: boolean): Promise<boolean> {
    if (yes || (await this.tools.confirm(question))) return true;
    this.say("Nothing was changed.");
    return false;
  }

  /** A command for people to type, for this cluster. */
  commandLine(words: string): string {
    const { cluster, region } = this.account;
    const name = cluster === DEFAULT_CLUSTER_NAME ? "" : ` --name ${cluster}`;
    return `npx raft-lite ec2 ${words}${name} --region ${region}`;
  }
}
