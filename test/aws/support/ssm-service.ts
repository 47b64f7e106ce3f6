import type {
  AddTagsToResourceCommandInput,
  AddTagsToResourceCommandOutput,
  DeleteParameterCommandInput,
  DeleteParameterCommandOutput,
  GetParameterCommandInput,
  GetParameterCommandOutput,
  ListTagsForResourceCommandInput,
  ListTagsForResourceCommandOutput,
  PutParameterCommandInput,
  PutParameterCommandOutput,
} from "@aws-sdk/client-ssm";
import { refusal } from "./cloud-errors.ts";
import type { CloudWorld } from "./cloud-world.ts";
import type { Ec2Service } from "./ec2-service.ts";
import type { Operations } from "./operation.ts";
import { operation } from "./operation.ts";
import { RunCommands } from "./ssm-commands.ts";

export interface Parameter {
  readonly name: string;
  readonly type: "String" | "SecureString";
  readonly tags: Map<string, string>;
  value: string;
  version: number;
}

const PUBLIC_PREFIX = "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-";

/** Systems Manager: the parameter store, and commands to instances. */
export class SsmService {
  readonly parameters = new Map<string, Parameter>();
  readonly commands: RunCommands;
  readonly operations: Operations;

  readonly #world: CloudWorld;
  readonly #ec2: Ec2Service;

  constructor(world: CloudWorld, ec2: Ec2Service, policiesOf: RunCommands["policiesOf"]) {
    this.#world = world;
    this.#ec2 = ec2;
    this.commands = new RunCommands(world, ec2.instances, policiesOf);
    this.operations = { ...this.#operations, ...this.commands.operations };
  }

  #get(name: string): Parameter {
    const found = this.parameters.get(name);
    if (found !== undefined) return found;
    throw refusal("ssm", "ParameterNotFound", `Parameter ${name} not found.`);
  }

  #taggable(input: { ResourceType: string | undefined; ResourceId: string | undefined }): Parameter {
    if (input.ResourceType !== "Parameter") {
      throw refusal("ssm", "InvalidResourceType", `the model tags no ${input.ResourceType}`);
    }
    const found = this.parameters.get(input.ResourceId!);
    if (found !== undefined) return found;
    throw refusal("ssm", "InvalidResourceId", `The resource ID ${input.ResourceId} is not valid.`);
  }

  #isPublic(name: string): string | undefined {
    const architecture = name.startsWith(PUBLIC_PREFIX) ? name.slice(PUBLIC_PREFIX.length) : undefined;
    return this.#ec2.catalogue.images.find((image) => image.architecture === architecture)?.id;
  }

  readonly #operations: Operations = {
    PutParameter: operation<PutParameterCommandInput, PutParameterCommandOutput>(
      ["Name", "Value"],
      ["Type", "Description", "Overwrite", "Tags", "Tier", "DataType"],
      (input) => {
        const name = input.Name!;
        if (!/^[a-zA-Z0-9_.\-/]{1,1011}$/.test(name) || /^\/?(aws|ssm)/i.test(name)) {
          throw refusal("ssm", "ValidationException", `Parameter name: "${name}" is not allowed.`);
        }
        if (input.Overwrite === true && input.Tags !== undefined) {
          throw refusal(
            "ssm",
            "ValidationException",
            "Invalid request: tags and overwrite can't be used together. To create a parameter with tags, please remove overwrite flag.",
          );
        }
        if (input.Value!.length > 4096) {
          throw refusal(
            "ssm",
            "ValidationException",
            "Standard tier parameters support a maximum parameter value of 4096 characters.",
          );
        }
        const known = this.parameters.get(name);
        if (known !== undefined) {
          if (input.Overwrite !== true) {
            throw refusal(
              "ssm",
              "ParameterAlreadyExists",
              "The parameter already exists. To overwrite this value, set the overwrite option in the request to true.",
            );
          }
          if (input.Type !== undefined && input.Type !== known.type) {
            throw refusal(
              "ssm",
              "HierarchyTypeMismatchException",
              "The type of a parameter cannot be changed.",
            );
          }
          known.value = input.Value!;
          known.version += 1;
          return { Version: known.version, Tier: "Standard" };
        }
        const type = input.Type;
        if (type !== "String" && type !== "SecureString") {
          throw refusal(
            "ssm",
            "ValidationException",
            "A parameter type is required when you create a parameter.",
          );
        }
        const tags = new Map((input.Tags ?? []).map(({ Key, Value }) => [Key!, Value!]));
        this.parameters.set(name, { name, type, tags, value: input.Value!, version: 1 });
        return { Version: 1, Tier: "Standard" };
      },
    ),

    GetParameter: operation<GetParameterCommandInput, GetParameterCommandOutput>(
      ["Name"],
      ["WithDecryption"],
      (input) => {
        const image = this.#isPublic(input.Name!);
        if (image !== undefined) {
          return {
            Parameter: {
              Name: input.Name,
              Type: "String",
              Value: image,
              Version: 1,
              DataType: "aws:ec2:image",
            },
          };
        }
        const { name, type, value, version } = this.#get(input.Name!);
        const isHidden = type === "SecureString" && input.WithDecryption !== true;
        const Value = isHidden ? `AQICAH${Buffer.from(String(value.length)).toString("base64")}` : value;
        const ARN = `arn:aws:ssm:${this.#world.region}:${this.#world.account}:parameter${name}`;
        return { Parameter: { Name: name, Type: type, Value, Version: version, DataType: "text", ARN } };
      },
    ),

    DeleteParameter: operation<DeleteParameterCommandInput, DeleteParameterCommandOutput>(
      ["Name"],
      [],
      (input) => {
        this.parameters.delete(this.#get(input.Name!).name);
        return {};
      },
    ),

    ListTagsForResource: operation<ListTagsForResourceCommandInput, ListTagsForResourceCommandOutput>(
      ["ResourceType", "ResourceId"],
      [],
      (input) => ({ TagList: [...this.#taggable(input).tags].map(([Key, Value]) => ({ Key, Value })) }),
    ),

    AddTagsToResource: operation<AddTagsToResourceCommandInput, AddTagsToResourceCommandOutput>(
      ["ResourceType", "ResourceId", "Tags"],
      [],
      (input) => {
        const { tags } = this.#taggable(input);
        for (const { Key, Value } of input.Tags!) tags.set(Key!, Value!);
        return {};
      },
    ),
  };
}
