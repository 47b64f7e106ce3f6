import type {
  DescribeInstanceInformationCommandInput,
  DescribeInstanceInformationCommandOutput,
  GetCommandInvocationCommandInput,
  GetCommandInvocationCommandOutput,
  SendCommandCommandInput,
  SendCommandCommandOutput,
} from "@aws-sdk/client-ssm";
import { NotModelled, refusal } from "./cloud-errors.ts";
import type { CloudWorld } from "./cloud-world.ts";
import type { Instance, Launch } from "./ec2-instance.ts";
import type { Instances } from "./ec2-instances.ts";
import type { Operations } from "./operation.ts";
import { onlyKeys, operation } from "./operation.ts";

/** What a command line on an instance says and how it ends. */
export interface CommandOutcome {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

interface Invocation {
  readonly instanceId: string;
  readonly seenFrom: number;
  readonly endsAt: number;
  readonly outcome: CommandOutcome;
}

/** An invocation's output is cut off there. */
const OUTPUT_LIMIT = 24_000;

/** Run Command: lines for the shell of an instance. */
export class RunCommands {
  readonly sent = new Map<string, Invocation[]>();
  readonly policiesOf: (profile: NonNullable<Launch["profile"]>) => readonly string[];
  /** What the instances do with it. Set by a test that has an idea of what runs there. */
  execute: (instance: Instance, lines: readonly string[]) => CommandOutcome = () => ({
    exitCode: 0,
    stdout: "",
    stderr: "",
  });

  readonly #world: CloudWorld;
  readonly #instances: Instances;

  constructor(world: CloudWorld, instances: Instances, policiesOf: RunCommands["policiesOf"]) {
    this.#world = world;
    this.#instances = instances;
    this.policiesOf = policiesOf;
  }

  /** The agent answers some time after the start, if the instance's role lets it. */
  isManaged(instance: Instance): boolean {
    const isUp =
      instance.state === "running" && this.#world.now >= instance.runningAt + this.#world.pace.agentMs;
    if (!isUp || instance.profile === null) return false;
    return this.policiesOf(instance.profile).some(
      (policy) =>
        /ssm:UpdateInstanceInformation|ssm:\*/.test(policy) && /ssmmessages:|ec2messages:/.test(policy),
    );
  }

  readonly operations: Operations = {
    DescribeInstanceInformation: operation<
      DescribeInstanceInformationCommandInput,
      DescribeInstanceInformationCommandOutput
    >([], ["Filters", "NextToken", "MaxResults"], (input) => {
      const wanted = (input.Filters ?? []).map(({ Key, Values, ...rest }) => {
        onlyKeys("Filters", rest, []);
        if (Key !== "InstanceIds") throw new NotModelled(`a filter by ${Key}`);
        return Values ?? [];
      });
      const found = [...this.#instances.all.values()].filter(
        (instance) => this.isManaged(instance) && wanted.every((ids) => ids.includes(instance.id)),
      );
      if (input.MaxResults !== undefined && (input.MaxResults < 5 || input.MaxResults > 50)) {
        throw refusal("ssm", "ValidationException", "maxResults: 5 to 50");
      }
      const { items, token } = this.#world.page(found, input);
      return {
        InstanceInformationList: items.map(({ id }) => ({
          InstanceId: id,
          PingStatus: "Online" as const,
          PlatformType: "Linux" as const,
          PlatformName: "Amazon Linux",
          PlatformVersion: "2023",
          ResourceType: "EC2Instance" as const,
        })),
        ...token,
      };
    }),

    SendCommand: operation<SendCommandCommandInput, SendCommandCommandOutput>(
      ["DocumentName"],
      ["InstanceIds", "Parameters", "Comment", "TimeoutSeconds"],
      (input) => {
        if (input.DocumentName !== "AWS-RunShellScript")
          throw refusal("ssm", "InvalidDocument", "no such document here");
        if (
          input.InstanceIds === undefined ||
          input.InstanceIds.length === 0 ||
          input.InstanceIds.length > 50
        ) {
          throw refusal("ssm", "InvalidInstanceId", "1 to 50 instances");
        }
        if ((input.Comment ?? "").length > 100)
          throw refusal("ssm", "ValidationException", "comment: at most 100 characters");
        if (
          input.TimeoutSeconds !== undefined &&
          (input.TimeoutSeconds < 30 || input.TimeoutSeconds > 2_592_000)
        ) {
          throw refusal("ssm", "ValidationException", "timeoutSeconds: 30 to 2592000");
        }
        onlyKeys("Parameters", input.Parameters ?? {}, ["commands", "workingDirectory", "executionTimeout"]);
        const lines = input.Parameters?.commands;
        if (lines === undefined || lines.length === 0)
          throw refusal("ssm", "InvalidParameters", "commands is required");
        const instances = input.InstanceIds.map((id) => this.#instances.all.get(id));
        if (instances.some((instance) => instance === undefined || !this.isManaged(instance))) {
          throw refusal(
            "ssm",
            "InvalidInstanceId",
            `Instances [[${input.InstanceIds}]] not in a valid state for account ${this.#world.account}`,
          );
        }
        const id = `00000000-0000-4000-8000-${String(this.sent.size + 1).padStart(12, "0")}`;
        const invocations = instances.map((instance) => ({
          instanceId: instance!.id,
          // The invocation is there a moment after the command.
          seenFrom: this.#world.now + 300,
          endsAt: this.#world.now + 1500,
          outcome: this.execute(instance!, lines),
        }));
        this.sent.set(id, invocations);
        return {
          Command: {
            CommandId: id,
            DocumentName: input.DocumentName,
            Status: "Pending",
            InstanceIds: input.InstanceIds,
          },
        };
      },
    ),

    GetCommandInvocation: operation<GetCommandInvocationCommandInput, GetCommandInvocationCommandOutput>(
      ["CommandId", "InstanceId"],
      ["PluginName"],
      (input) => {
        const found = this.sent
          .get(input.CommandId!)
          ?.find(({ instanceId }) => instanceId === input.InstanceId);
        if (found === undefined || this.#world.now < found.seenFrom) {
          throw refusal(
            "ssm",
            "InvocationDoesNotExist",
            "The command ID and managed node ID you specified didn't match any invocations.",
          );
        }
        const shared = {
          CommandId: input.CommandId,
          InstanceId: found.instanceId,
          DocumentName: "AWS-RunShellScript",
        };
        if (this.#world.now < found.endsAt) {
          return {
            ...shared,
            Status: "InProgress",
            StatusDetails: "InProgress",
            ResponseCode: -1,
            StandardOutputContent: "",
            StandardErrorContent: "",
          };
        }
        const { exitCode, stdout, stderr } = found.outcome;
        const Status = exitCode === 0 ? "Success" : "Failed";
        return {
          ...shared,
          Status,
          StatusDetails: Status,
          ResponseCode: exitCode,
          StandardOutputContent: stdout.slice(0, OUTPUT_LIMIT),
          StandardErrorContent: stderr.slice(0, 8000),
        };
      },
    ),
  };
}
