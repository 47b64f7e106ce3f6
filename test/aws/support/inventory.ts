import { gunzipSync } from "node:zlib";
import { NODE_TAG } from "../../../ec2-node/aws/names.ts";
import type { FakeCloud } from "./fake-cloud.ts";

/** Something that exists and that somebody would have to pay for or clean up. */
export interface Existing {
  readonly kind: string;
  readonly id: string;
  /** Null: of a kind that carries none of its own. */
  readonly tags: ReadonlyMap<string, string> | null;
  readonly state: string;
}

/** All that exists, in order; terminated instances do not. What the account came with is left out. */
export function inventory(cloud: FakeCloud): Existing[] {
  cloud.world.settle();
  const { network, interfaces, addresses, volumes, instances } = cloud.ec2;
  const all: Existing[] = [
    ...[...cloud.ssm.parameters.values()].map(({ name, tags, type }) => ({
      kind: "parameter",
      id: name,
      tags,
      state: type,
    })),
    ...[...cloud.s3.buckets.values()].flatMap(({ name, owner, tags, isClosed, objects }) =>
      owner !== cloud.world.account
        ? []
        : [
            { kind: "bucket", id: name, tags: tags ?? new Map(), state: isClosed ? "closed" : "open" },
            ...[...objects.keys()].map((key) => ({
              kind: "object",
              id: `${name}/${key}`,
              tags: null,
              state: "",
            })),
          ],
    ),
    ...[...cloud.iam.roles.all.values()].map(({ name, tags, policies }) => ({
      kind: "role",
      id: name,
      tags,
      state: [...policies.keys()].join(),
    })),
    ...[...cloud.iam.profiles.values()].map(({ name, tags, role }) => ({
      kind: "profile",
      id: name,
      tags,
      state: role ?? "",
    })),
    ...[...network.groups.values()]
      .filter(({ name }) => name !== "default")
      .map(({ id, tags, name }) => ({ kind: "group", id, tags, state: name })),
    ...[...interfaces.all.values()].map(({ id, tags, attachment }) => ({
      kind: "interface",
      id,
      tags,
      state: attachment === null ? "available" : "in-use",
    })),
    ...[...addresses.all.values()].map(({ id, tags, association }) => ({
      kind: "address",
      id,
      tags,
      state: association === null ? "free" : "associated",
    })),
    ...[...volumes.all.values()].map(({ id, tags, state }) => ({ kind: "volume", id, tags, state })),
    ...[...instances.all.values()]
      .filter(({ state }) => state !== "terminated")
      .map(({ id, tags, state }) => ({ kind: "instance", id, tags, state })),
  ];
  return all.toSorted((a, b) => (`${a.kind} ${a.id}` < `${b.kind} ${b.id}` ? -1 : 1));
}

/** What exists without a tag, of the kinds that can carry one. */
export function untagged(cloud: FakeCloud, tag: string, value: string): string[] {
  return inventory(cloud)
    .filter(({ tags }) => tags !== null && tags.get(tag) !== value)
    .map(({ kind, id }) => `${kind} ${id}`);
}

/** Everything that lets somebody in from outside a group: `group protocol from-to source`. */
export function ingress(cloud: FakeCloud): string[] {
  return [...cloud.ec2.network.groups.values()].flatMap(({ name, rules }) =>
    rules.map(
      ({ protocol, fromPort, toPort, source }) => `${name} ${protocol} ${fromPort}-${toPort} ${source}`,
    ),
  );
}

/** Where a secret can be read by those who need not know it: in anything that was ever sent, tried or said. */
export function leaks(cloud: FakeCloud, secret: string): string[] {
  if (secret.length < 8) throw new Error("too short to be looked for");
  const places = cloud.calls.flatMap(({ service, operation, number, input }) => {
    const { Value, Body, UserData, ...rest } = input;
    const isKept = operation === "PutParameter" && input.Type === "SecureString";
    const texts = [
      JSON.stringify(rest),
      isKept ? "" : String(Value ?? ""),
      ...unpacked(Body instanceof Uint8Array ? Buffer.from(Body) : null),
      ...unpacked(typeof UserData === "string" ? Buffer.from(UserData, "base64") : null),
    ];
    return texts.some((text) => text.includes(secret)) ? [`${service} ${operation} (call ${number})`] : [];
  });
  const overwritten = [...cloud.ssm.parameters.values()]
    .filter(({ type, value }) => type !== "SecureString" && value.includes(secret))
    .map(({ name }) => `parameter ${name}`);
  return [...places, ...overwritten];
}

/** Bytes as text, and, where they are compressed or base64 within, what they say then. */
function unpacked(bytes: Buffer | null): string[] {
  if (bytes === null) return [];
  const isCompressed = bytes[0] === 0x1f && bytes[1] === 0x8b;
  const text = (isCompressed ? gunzipSync(bytes) : bytes).toString("latin1");
  const within = [...text.matchAll(/[A-Za-z0-9+/]{24,}={0,2}/g)].map(([part]) =>
    Buffer.from(part, "base64").toString("latin1"),
  );
  return [text, ...within];
}

/** What there is, by kind, node and state, without the ids that differ from run to run. */
export function shape(cloud: FakeCloud): string[] {
  return inventory(cloud)
    .map(({ kind, id, tags, state }) => {
      const node = tags?.get(NODE_TAG);
      const name = /^[a-z]+-[0-9a-f]{17}$/.test(id) ? "" : ` ${id}`;
      return `${kind}${name}${node === undefined ? "" : ` of ${node}`}${state === "" ? "" : `: ${state}`}`;
    })
    .toSorted();
}
