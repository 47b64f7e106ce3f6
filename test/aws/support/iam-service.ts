import type {
  AddRoleToInstanceProfileCommandInput,
  AddRoleToInstanceProfileCommandOutput,
  CreateInstanceProfileCommandInput,
  CreateInstanceProfileCommandOutput,
  DeleteInstanceProfileCommandInput,
  DeleteInstanceProfileCommandOutput,
  GetInstanceProfileCommandInput,
  GetInstanceProfileCommandOutput,
  InstanceProfile as ProfileAnswer,
  RemoveRoleFromInstanceProfileCommandInput,
  RemoveRoleFromInstanceProfileCommandOutput,
  SimulatePrincipalPolicyCommandInput,
  SimulatePrincipalPolicyCommandOutput,
} from "@aws-sdk/client-iam";
import { refusal } from "./cloud-errors.ts";
import type { CloudWorld, Resource } from "./cloud-world.ts";
import { IamRoles } from "./iam-roles.ts";
import type { Operations } from "./operation.ts";
import { operation } from "./operation.ts";

export interface Profile extends Resource {
  readonly name: string;
  role: string | null;
  /** From when EC2 knows of it and of its role. */
  knownFrom: number;
}

/** Roles, and the profiles by which instances take them on. */
export class IamService {
  readonly roles: IamRoles;
  readonly profiles = new Map<string, Profile>();
  /** Whether the caller may do `service:Operation`. */
  isAllowed: (action: string) => boolean = () => true;

  readonly operations: Operations;
  readonly #world: CloudWorld;

  constructor(world: CloudWorld) {
    this.#world = world;
    this.roles = new IamRoles(world);
    this.roles.profilesOf = (role) =>
      [...this.profiles.values()].filter((one) => one.role === role).map(({ name }) => name);
    this.operations = { ...this.roles.operations, ...this.#operations };
  }

  /** As EC2 looks at a profile at a launch. */
  checkProfile({
    Name,
    Arn,
  }: {
    readonly Name?: string | undefined;
    readonly Arn?: string | undefined;
  }): void {
    const name = Name ?? Arn?.split("/").at(-1) ?? "";
    const found = this.profiles.get(name);
    const parameter = Name === undefined ? "arn" : "name";
    if (found === undefined || this.#world.now < found.knownFrom) {
      throw refusal(
        "ec2",
        "InvalidParameterValue",
        `Value (${Name ?? Arn}) for parameter iamInstanceProfile.${parameter} is invalid. Invalid IAM Instance Profile ${parameter}`,
      );
    }
    if (found.role === null) {
      throw refusal(
        "ec2",
        "InvalidParameterValue",
        `IAM Instance Profile "${this.#arn(name)}" has no associated IAM Roles`,
      );
    }
  }

  /** The policies of the role behind an instance's profile, as text. */
  policiesOf({
    Name,
    Arn,
  }: {
    readonly Name?: string | undefined;
    readonly Arn?: string | undefined;
  }): string[] {
    const role = this.profiles.get(Name ?? Arn?.split("/").at(-1) ?? "")?.role;
    return role === null || role === undefined
      ? []
      : [...(this.roles.all.get(role)?.policies.values() ?? [])];
  }

  #arn(name: string): string {
    return `arn:aws:iam::${this.#world.account}:instance-profile/${name}`;
  }

  #get(name: string): Profile {
    const found = this.profiles.get(name);
    if (found !== undefined && this.#world.isSeen(found)) return found;
    throw refusal("iam", "NoSuchEntityException", `Instance Profile ${name} cannot be found.`, 404);
  }

  #answer(profile: Profile): ProfileAnswer {
    return {
      InstanceProfileName: profile.name,
      InstanceProfileId: "AIPAEXAMPLE",
      Arn: this.#arn(profile.name),
      Path: "/",
      CreateDate: this.#world.iso(0),
      Roles: profile.role === null ? [] : [this.roles.answer(this.roles.all.get(profile.role)!)],
      Tags: this.#world.tagList(profile).map(({ Key, Value }) => ({ Key, Value })),
    };
  }

  readonly #operations: Operations = {
    CreateInstanceProfile: operation<CreateInstanceProfileCommandInput, CreateInstanceProfileCommandOutput>(
      ["InstanceProfileName"],
      ["Path", "Tags"],
      ({ InstanceProfileName: name, Tags }) => {
        if (this.profiles.has(name!)) {
          throw refusal(
            "iam",
            "EntityAlreadyExistsException",
            `Instance Profile ${name} already exists.`,
            409,
          );
        }
        const tags = new Map((Tags ?? []).map(({ Key, Value }) => [Key!, Value!]));
        const knownFrom = this.#world.now + this.#world.pace.profileSeenMs;
        const made: Profile = {
          ...this.#world.entity("profile", tags),
          name: name!,
          role: null,
          knownFrom,
        };
        this.profiles.set(name!, made);
        return { InstanceProfile: this.#answer(made) };
      },
    ),

    GetInstanceProfile: operation<GetInstanceProfileCommandInput, GetInstanceProfileCommandOutput>(
      ["InstanceProfileName"],
      [],
      (input) => ({ InstanceProfile: this.#answer(this.#get(input.InstanceProfileName!)) }),
    ),

    AddRoleToInstanceProfile: operation<
      AddRoleToInstanceProfileCommandInput,
      AddRoleToInstanceProfileCommandOutput
    >(["InstanceProfileName", "RoleName"], [], (input) => {
      const profile = this.#get(input.InstanceProfileName!);
      const role = this.roles.get(input.RoleName!);
      if (profile.role !== null) {
        throw refusal(
          "iam",
          "LimitExceededException",
          "Cannot exceed quota for InstanceSessionsPerInstanceProfile: 1",
          409,
        );
      }
      profile.role = role.name;
      profile.knownFrom = this.#world.now + this.#world.pace.profileSeenMs;
      return {};
    }),

    RemoveRoleFromInstanceProfile: operation<
      RemoveRoleFromInstanceProfileCommandInput,
      RemoveRoleFromInstanceProfileCommandOutput
    >(["InstanceProfileName", "RoleName"], [], (input) => {
      const profile = this.#get(input.InstanceProfileName!);
      if (profile.role !== input.RoleName) {
        throw refusal(
          "iam",
          "NoSuchEntityException",
          `The role ${input.RoleName} is not in the profile ${profile.name}.`,
          404,
        );
      }
      profile.role = null;
      return {};
    }),

    DeleteInstanceProfile: operation<DeleteInstanceProfileCommandInput, DeleteInstanceProfileCommandOutput>(
      ["InstanceProfileName"],
      [],
      (input) => {
        const profile = this.#get(input.InstanceProfileName!);
        if (profile.role !== null) {
          throw refusal(
            "iam",
            "DeleteConflictException",
            "Cannot delete entity, must remove roles from instance profile first.",
            409,
          );
        }
        this.profiles.delete(profile.name);
        return {};
      },
    ),

    SimulatePrincipalPolicy: operation<
      SimulatePrincipalPolicyCommandInput,
      SimulatePrincipalPolicyCommandOutput
    >(
      ["PolicySourceArn", "ActionNames"],
      ["ResourceArns", "ContextEntries", "Marker", "MaxItems"],
      (input) => {
        const from = input.Marker === undefined ? 0 : Number(input.Marker);
        const all = input.ActionNames!.map((EvalActionName) => ({
          EvalActionName,
          EvalResourceName: "*",
          EvalDecision: this.isAllowed(EvalActionName) ? ("allowed" as const) : ("implicitDeny" as const),
          MatchedStatements: [],
          MissingContextValues: [],
        }));
        const to = from + 10;
        return {
          EvaluationResults: all.slice(from, to),
          IsTruncated: to < all.length,
          ...(to < all.length ? { Marker: String(to) } : {}),
        };
      },
    ),
  };
}
