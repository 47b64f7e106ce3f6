import type { ContextEntry } from "@aws-sdk/client-iam";
import { paginateSimulatePrincipalPolicy } from "@aws-sdk/client-iam";
import { RaftLiteError } from "../../shared/errors.ts";
import type { Account } from "./account.ts";
import { explain } from "./explain.ts";
import type { Statement } from "./policies.ts";
import { operatorStatements } from "./policies.ts";

/** IAM, S3 and Systems Manager try nothing out: IAM is asked what it would say. */
const SIMULATED = /^(?:iam|s3|ssm):/;

/** What came of asking IAM. */
export type Simulation =
  | { readonly kind: "root" }
  | { readonly kind: "not-answered"; readonly why: string }
  /** `source`: the user or role that was asked about. */
  | {
      readonly kind: "answered";
      readonly source: string;
      readonly asked: number;
      readonly denied: readonly string[];
    };

/** Whether the caller is allowed what the operator's policy allows in services that have no dry runs. */
export async function simulateOperator(account: Account): Promise<Simulation> {
  const source = policySource(account);
  if (source === "root") return { kind: "root" };
  if (source === null) return { kind: "not-answered", why: `IAM cannot be asked about ${account.caller}` };
  const denied = new Set<string>();
  let asked = 0;
  try {
    for (const statement of simulated(account)) {
      const { actions, refused } = await simulate(account, source, statement);
      asked += actions;
      for (const action of refused) denied.add(action);
    }
  } catch (error) {
    if (!(error instanceof RaftLiteError)) throw error;
    return { kind: "not-answered", why: error.message };
  }
  return { kind: "answered", source, asked, denied: [...denied] };
}

/** Statements about the cluster's own things: what is tried or looked at elsewhere, and the caller itself, are left out. */
function simulated({ id, region, partition, cluster }: Account): Statement[] {
  return operatorStatements({ account: id, region, partition, cluster }).filter(
    ({ Action, Resource }) =>
      many(Action).every((action) => SIMULATED.test(action)) &&
      many(Resource).every((resource) => resource !== "*" && !resource.includes("${")),
  );
}

async function simulate(
  account: Account,
  source: string,
  { Action, Resource, Condition }: Statement,
): Promise<{ actions: number; refused: string[] }> {
  const context = Object.values(Condition ?? {}).flatMap((keys) =>
    Object.entries(keys).map(
      ([key, values]): ContextEntry => ({
        ContextKeyName: key,
        ContextKeyType: "string",
        ContextKeyValues: many(values).slice(0, 1),
      }),
    ),
  );
  const refused: string[] = [];
  try {
    const pages = paginateSimulatePrincipalPolicy(
      { client: account.clients.iam },
      {
        PolicySourceArn: source,
        ActionNames: [...many(Action)],
        // A resource of that pattern.
        ResourceArns: many(Resource).map((resource) => resource.replace("*", "any")),
        ...(context.length > 0 && { ContextEntries: context }),
      },
    );
    for await (const { EvaluationResults = [] } of pages) {
      for (const { EvalActionName = "", EvalDecision } of EvaluationResults) {
        if (EvalDecision !== "allowed") refused.push(EvalActionName);
      }
    }
  } catch (error) {
    // Not sent again for long, as what is needed would be: what IAM does not tell is left open.
    throw explain(error, { action: "iam:SimulatePrincipalPolicy", region: account.region });
  }
  return { actions: many(Action).length, refused };
}

/** Whose policies IAM is to judge by: a user, or the role behind a session. `null`: it knows no such thing. */
function policySource({ caller, id, partition }: Account): string | null {
  if (caller.endsWith(":root")) return "root";
  if (/:iam::\d+:user\//.test(caller)) return caller;
  const role = /:assumed-role\/([^/]+)\//.exec(caller)?.[1];
  // The role's path is not part of the session's name: where it has one, IAM says that there is no such role.
  return role === undefined ? null : `arn:${partition}:iam::${id}:role/${role}`;
}

function many(value: string | readonly string[]): readonly string[] {
  return typeof value === "string" ? [value] : value;
}
