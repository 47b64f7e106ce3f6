import type { ServiceName } from "./cloud-errors.ts";
import { NotModelled, refusal } from "./cloud-errors.ts";

/** An output without what the transport adds. */
export type Answer<Output> = Omit<Output, "$metadata">;

export interface Operation {
  readonly required: readonly string[];
  readonly optional: readonly string[];
  readonly run: (input: never) => object;
}

export type Operations = Readonly<Record<string, Operation>>;

/**
 * One operation of a service. `required`: what its documentation requires; `optional`: everything else that the model
 * heeds. An input with any other key is refused, so that nothing is sent that nobody looks at.
 */
export function operation<Input extends object, Output extends object>(
  required: readonly (keyof Input & string)[],
  optional: readonly (keyof Input & string)[],
  run: (input: Input) => Answer<Output>,
): Operation {
  return { required, optional, run: run as (input: never) => object };
}

const isAbsent = (value: unknown): boolean =>
  value === undefined || value === null || (Array.isArray(value) && value.length === 0);

/** Throws what the service answers to an input that lacks something, and `NotModelled` for keys nobody knows. */
export function checkInput(
  service: ServiceName,
  name: string,
  operation: Operation,
  input: Readonly<Record<string, unknown>>,
): void {
  onlyKeys(`${service} ${name}`, input, [...operation.required, ...operation.optional]);
  for (const key of operation.required) if (isAbsent(input[key])) throw missing(service, key);
}

/** What a service answers where a required parameter is missing. */
function missing(service: ServiceName, key: string): Error {
  if (service === "ec2") {
    return refusal(service, "MissingParameter", `The request must contain the parameter ${key}`);
  }
  // The SDK itself refuses to put nothing into a path.
  if (service === "s3") return new Error(`No value provided for input HTTP label: ${key}.`);
  const code = service === "iam" || service === "sts" ? "ValidationError" : "ValidationException";
  return refusal(
    service,
    code,
    `1 validation error detected: Value null at '${key.charAt(0).toLowerCase()}${key.slice(1)}' failed to satisfy constraint: Member must not be null`,
  );
}

/** Throws `NotModelled` where an object holds anything but `keys`. Keys without a value are not sent by the SDK. */
export function onlyKeys(where: string, value: object, keys: readonly string[]): void {
  const unknown = Object.entries(value)
    .filter(([key, member]) => member !== undefined && !keys.includes(key))
    .map(([key]) => key);
  if (unknown.length > 0) throw new NotModelled(`${where}: the model knows nothing of ${unknown.join(", ")}`);
}
