/** A policy as IAM reads it; those of this project only allow. */
export interface Policy {
  readonly Version: string;
  readonly Statement: readonly {
    readonly Sid: string;
    readonly Effect: string;
    readonly Action: string | readonly string[];
    readonly Resource: string | readonly string[];
    readonly Condition?: Readonly<Record<string, Readonly<Record<string, string | readonly string[]>>>>;
  }[];
}

/** Condition keys of a request. */
export type Context = Readonly<Record<string, string | readonly string[]>>;

/** What IAM would say: some statement fits action, resource and conditions. */
export function isAllowed(policy: Policy, action: string, resource: string, context: Context = {}): boolean {
  return policy.Statement.some(
    (statement) =>
      many(statement.Action).includes(action) &&
      many(statement.Resource).some((pattern) => matches(pattern, resource)) &&
      Object.entries(statement.Condition ?? {}).every(([operator, keys]) =>
        Object.entries(keys).every(([key, wanted]) => holds(operator, many(wanted), context[key])),
      ),
  );
}

function holds(operator: string, wanted: readonly string[], given: Context[string] | undefined): boolean {
  switch (operator) {
    case "StringEquals":
      return typeof given === "string" && wanted.includes(given);
    case "ForAllValues:StringEquals":
      return many(given ?? []).every((one) => wanted.includes(one));
    default:
      throw new Error(`an operator that this judge does not know: ${operator}`);
  }
}

function matches(pattern: string, resource: string): boolean {
  const literal = pattern.split("*").map((part) => part.replace(/[.\\$+^()|[\]{}]/g, "\\$&"));
  return new RegExp(`^${literal.join(".*")}$`).test(resource);
}

export function many(value: string | readonly string[]): readonly string[] {
  return typeof value === "string" ? [value] : value;
}
