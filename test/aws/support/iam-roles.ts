import type {
  CreateRoleCommandInput,
  CreateRoleCommandOutput,
  DeleteRoleCommandInput,
  DeleteRoleCommandOutput,
  DeleteRolePolicyCommandInput,
  DeleteRolePolicyCommandOutput,
  GetRoleCommandInput,
  GetRoleCommandOutput,
  GetRolePolicyCommandInput,
  GetRolePolicyCommandOutput,
  ListRolePoliciesCommandInput,
  ListRolePoliciesCommandOutput,
  ListRoleTagsCommandInput,
  ListRoleTagsCommandOutput,
  PutRolePolicyCommandInput,
  PutRolePolicyCommandOutput,
  Role as RoleAnswer,
} from "@aws-sdk/client-iam";
import { refusal } from "./cloud-errors.ts";
import type { CloudWorld, Resource } from "./cloud-world.ts";
import type { Operations } from "./operation.ts";
import { operation } from "./operation.ts";

export interface Role extends Resource {
  readonly name: string;
  readonly trust: string;
  readonly description: string;
  /** Inline ones, by name. */
  readonly policies: Map<string, string>;
}

/** What all the inline policies of a role may come to, white space aside. */
const POLICIES_LIMIT = 10_240;

export class IamRoles {
  readonly all = new Map<string, Role>();
  /** Set by whoever keeps the profiles. */
  profilesOf: (role: string) => readonly string[] = () => [];

  readonly #world: CloudWorld;

  constructor(world: CloudWorld) {
    this.#world = world;
  }

  get(name: string): Role {
    const found = this.all.get(name);
    if (found !== undefined && this.#world.isSeen(found)) return found;
    throw refusal("iam", "NoSuchEntityException", `The role with name ${name} cannot be found.`, 404);
  }

  answer(role: Role): RoleAnswer {
    return {
      RoleName: role.name,
      RoleId: "AROAEXAMPLE",
      Arn: `arn:aws:iam::${this.#world.account}:role/${role.name}`,
      Path: "/",
      CreateDate: this.#world.iso(0),
      Description: role.description,
      MaxSessionDuration: 3600,
      AssumeRolePolicyDocument: encodeURIComponent(role.trust),
      Tags: this.#tags(role),
    };
  }

  #tags(role: Role) {
    return this.#world.tagList(role).map(({ Key, Value }) => ({ Key, Value }));
  }

  readonly operations: Operations = {
    CreateRole: operation<CreateRoleCommandInput, CreateRoleCommandOutput>(
      ["RoleName", "AssumeRolePolicyDocument"],
      ["Path", "Description", "Tags", "MaxSessionDuration"],
      (input) => {
        const name = input.RoleName!;
        if (!/^[\w+=,.@-]{1,64}$/.test(name)) {
          throw refusal("iam", "ValidationError", `The specified value for roleName is invalid: ${name}`);
        }
        checkPolicy(input.AssumeRolePolicyDocument!);
        if (this.all.has(name)) {
          throw refusal("iam", "EntityAlreadyExistsException", `Role with name ${name} already exists.`, 409);
        }
        const role: Role = {
          ...this.#world.entity("role", new Map((input.Tags ?? []).map(({ Key, Value }) => [Key!, Value!]))),
          name,
          trust: input.AssumeRolePolicyDocument!,
          description: input.Description ?? "",
          policies: new Map(),
        };
        this.all.set(name, role);
        return { Role: this.answer(role) };
      },
    ),

    GetRole: operation<GetRoleCommandInput, GetRoleCommandOutput>(["RoleName"], [], (input) => ({
      Role: this.answer(this.get(input.RoleName!)),
    })),

    ListRoleTags: operation<ListRoleTagsCommandInput, ListRoleTagsCommandOutput>(
      ["RoleName"],
      ["Marker", "MaxItems"],
      (input) => {
        const { items, rest } = page(this.#tags(this.get(input.RoleName!)), input.Marker);
        return { Tags: items, ...rest };
      },
    ),

    PutRolePolicy: operation<PutRolePolicyCommandInput, PutRolePolicyCommandOutput>(
      ["RoleName", "PolicyName", "PolicyDocument"],
      [],
      (input) => {
        const role = this.get(input.RoleName!);
        checkPolicy(input.PolicyDocument!);
        if (input.PolicyDocument!.replace(/\s/g, "").length > POLICIES_LIMIT) {
          throw refusal(
            "iam",
            "LimitExceededException",
            `Maximum policy size of ${POLICIES_LIMIT} bytes exceeded for role ${role.name}`,
            409,
          );
        }
        role.policies.set(input.PolicyName!, input.PolicyDocument!);
        return {};
      },
    ),

    GetRolePolicy: operation<GetRolePolicyCommandInput, GetRolePolicyCommandOutput>(
      ["RoleName", "PolicyName"],
      [],
      ({ RoleName, PolicyName }) => ({
        RoleName,
        PolicyName,
        PolicyDocument: encodeURIComponent(this.#policy(RoleName!, PolicyName!)),
      }),
    ),

    ListRolePolicies: operation<ListRolePoliciesCommandInput, ListRolePoliciesCommandOutput>(
      ["RoleName"],
      ["Marker", "MaxItems"],
      (input) => {
        const { items, rest } = page([...this.get(input.RoleName!).policies.keys()], input.Marker);
        return { PolicyNames: items, ...rest };
      },
    ),

    DeleteRolePolicy: operation<DeleteRolePolicyCommandInput, DeleteRolePolicyCommandOutput>(
      ["RoleName", "PolicyName"],
      [],
      ({ RoleName, PolicyName }) => {
        this.#policy(RoleName!, PolicyName!);
        this.get(RoleName!).policies.delete(PolicyName!);
        return {};
      },
    ),

    DeleteRole: operation<DeleteRoleCommandInput, DeleteRoleCommandOutput>(["RoleName"], [], (input) => {
      const role = this.get(input.RoleName!);
      if (this.profilesOf(role.name).length > 0) {
        throw refusal(
          "iam",
          "DeleteConflictException",
          "Cannot delete entity, must remove roles from instance profile first.",
          409,
        );
      }
      if (role.policies.size > 0) {
        throw refusal(
          "iam",
          "DeleteConflictException",
          "Cannot delete entity, must delete policies first.",
          409,
        );
      }
      this.all.delete(role.name);
      return {};
    }),
  };

  #policy(role: string, name: string): string {
    const policy = this.get(role).policies.get(name);
    if (policy !== undefined) return policy;
    throw refusal("iam", "NoSuchEntityException", `The role policy with name ${name} cannot be found.`, 404);
  }
}

/** IAM's own kind of page, one item each. */
function page<Item>(items: readonly Item[], marker: string | undefined) {
  const at = marker === undefined ? 0 : Number(marker);
  const isTruncated = at + 1 < items.length;
  return {
    items: items.slice(at, at + 1),
    rest: { IsTruncated: isTruncated, ...(isTruncated ? { Marker: String(at + 1) } : {}) },
  };
}

function checkPolicy(text: string): void {
  try {
    const policy = JSON.parse(text);
    if (
      policy.Version === "2012-10-17" &&
      [policy.Statement].flat().every(({ Effect }) => Effect === "Allow")
    )
      return;
  } catch {
    // Said below.
  }
  throw refusal("iam", "MalformedPolicyDocumentException", "Syntax errors in policy.");
}
