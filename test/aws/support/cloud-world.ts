import type { Filter, Tag, TagSpecification } from "@aws-sdk/client-ec2";
import { Random } from "../../../sim/random.ts";
import { refusal } from "./cloud-errors.ts";
import { onlyKeys } from "./operation.ts";
import { VirtualClock } from "./virtual-clock.ts";

/** How long things take, in virtual milliseconds. A pair is a range that is drawn from. */
export interface Pace {
  /** One call and its answer. */
  readonly callMs: number;
  /** From RunInstances to "running". */
  readonly startMs: number;
  /** From "running" until the agent of Systems Manager answers. */
  readonly agentMs: number;
  /** From TerminateInstances to "terminated". */
  readonly terminateMs: number;
  /** From "terminated" until the instance's kept interface is free. */
  readonly interfaceFreeMs: number;
  /** From the end of a group's last interface until the group can be deleted. */
  readonly groupFreeMs: number;
  readonly volumeCreateMs: number;
  readonly attachMs: number;
  readonly detachMs: number;
  /** Until EC2 knows a new instance profile, or that it has a role. */
  readonly profileSeenMs: number;
  /** Until what was created, and then its tags, are seen by other calls: eventual consistency. */
  readonly seenMs: readonly [number, number];
  /** From then on, how long it is seen by some calls only. */
  readonly flickerMs: number;
  /** How long lists show what has been deleted. */
  readonly goneSeenMs: number;
}

const USUAL_PACE: Pace = {
  callMs: 40,
  startMs: 12_000,
  agentMs: 15_000,
  terminateMs: 25_000,
  interfaceFreeMs: 4_000,
  groupFreeMs: 0,
  volumeCreateMs: 2_500,
  attachMs: 1_500,
  detachMs: 3_000,
  profileSeenMs: 0,
  seenMs: [0, 0],
  flickerMs: 0,
  goneSeenMs: 0,
};

/** Anything that EC2 keeps under an id. */
export interface Resource {
  readonly id: string;
  readonly seenFrom: number;
  tags: Map<string, string>;
  /** What others see of the tags until `tagsFrom`. */
  staleTags: Map<string, string>;
  tagsFrom: number;
}

interface Happening {
  readonly at: number;
  readonly happen: () => void;
}

/** What all services share: time, chance, identity, and EC2's ways with ids, tags, filters and pages. */
export class CloudWorld {
  readonly clock = new VirtualClock();
  readonly random: Random;
  readonly account = "123456789012";
  readonly region: string;
  pace: Pace;
  #happenings: Happening[] = [];
  #gone: { readonly from: object; readonly found: Resource; readonly until: number }[] = [];
  readonly #tokens = new Map<string, { readonly id: string; readonly asked: string }>();
  #last = 0;
  #due: number | null = null;

  constructor(options: { region: string; seed: number; pace: Partial<Pace> }) {
    this.region = options.region;
    this.random = new Random(options.seed, "cloud");
    this.pace = { ...USUAL_PACE, ...options.pace };
  }

  /** While something happens late, because nobody looked, the time at which it was due. */
  get now(): number {
    return this.#due ?? this.clock.now();
  }

  iso(at: number): Date {
    return new Date(at);
  }

  /** How many of each kind have ever been made, by the prefix of their ids. */
  readonly made = new Map<string, number>();

  /** `prefix` and 17 hexadecimal digits. */
  id(prefix: string): string {
    this.#last += 1;
    this.made.set(prefix, (this.made.get(prefix) ?? 0) + 1);
    return `${prefix}-${(0x0a00_0000_0000 + this.#last).toString(16).padStart(17, "0")}`;
  }

  later(ms: number, happen: () => void): void {
    this.#happenings.push({ at: this.now + ms, happen });
  }

  /** Lets everything happen that is due. */
  settle(): void {
    for (;;) {
      const next = this.#happenings.toSorted((a, b) => a.at - b.at)[0];
      if (next === undefined || next.at > this.now) return;
      this.#happenings = this.#happenings.filter((other) => other !== next);
      this.#due = next.at;
      next.happen();
      this.#due = null;
    }
  }

  resource(prefix: string, tags: Map<string, string>): Resource {
    const seenFrom = this.now + this.#delay();
    return { id: this.id(prefix), seenFrom, tags, staleTags: new Map(), tagsFrom: seenFrom + this.#delay() };
  }

  /** One whose tags are a part of it, as IAM's are: they are seen when it is. */
  entity(prefix: string, tags: Map<string, string>): Resource {
    const resource = this.resource(prefix, tags);
    return { ...resource, tagsFrom: resource.seenFrom };
  }

  setTags(resource: Resource, tags: readonly Tag[]): void {
    resource.staleTags = new Map(this.tagsOf(resource));
    resource.tags = new Map([
      ...resource.tags,
      ...tags.map(({ Key, Value }) => [Key ?? "", Value ?? ""] as const),
    ]);
    resource.tagsFrom = this.now + this.#delay();
  }

  dropTag(resource: Resource, key: string): void {
    resource.staleTags = new Map(this.tagsOf(resource));
    resource.tags = new Map([...resource.tags].filter(([own]) => own !== key));
    resource.tagsFrom = this.now + this.#delay();
  }

  /**
   * The id that `make` gives, or gave when the same token came first: what it made then may be gone by now. Throws
   * IdempotentParameterMismatch where the token came with other parameters.
   */
  once(operation: string, token: string | undefined, input: object, make: () => string): string {
    if (token === undefined) return make();
    if (!/^[\x20-\x7e]{1,64}$/.test(token)) {
      throw refusal(
        "ec2",
        "InvalidParameterValue",
        `Invalid value '${token}' for clientToken: 1 to 64 ASCII characters`,
      );
    }
    const asked = canonical(input);
    const before = this.#tokens.get(`${operation} ${token}`);
    if (before === undefined) {
      const id = make();
      this.#tokens.set(`${operation} ${token}`, { id, asked });
      return id;
    }
    if (before.asked === asked) return before.id;
    throw refusal(
      "ec2",
      "IdempotentParameterMismatch",
      "The request uses the same client token as a previous, but non-identical request.",
    );
  }

  /** Other calls are answered by other machines: at first some of them know, and some do not. */
  isSeen(resource: Resource): boolean {
    const sinceMs = this.now - resource.seenFrom;
    return sinceMs >= 0 && (sinceMs >= this.pace.flickerMs || this.random.chance(0.5));
  }

  tagsOf(resource: Resource): Map<string, string> {
    return this.now >= resource.tagsFrom ? resource.tags : resource.staleTags;
  }

  tagList(resource: Resource): Tag[] {
    return [...this.tagsOf(resource)].map(([Key, Value]) => ({ Key, Value }));
  }

  /** The resource under an id, or what EC2 answers where it sees none. */
  find<Found extends Resource>(
    of: ReadonlyMap<string, Found>,
    id: string,
    prefix: string,
    code: string,
  ): Found {
    if (!new RegExp(`^${prefix}-[0-9a-f]{8,17}$`).test(id)) {
      throw refusal("ec2", `${code}.Malformed`, `Invalid id: "${id}" (expecting "${prefix}-...")`);
    }
    const found = of.get(id);
    if (found === undefined || !this.isSeen(found)) {
      throw refusal("ec2", `${code}.NotFound`, `The ID '${id}' does not exist`);
    }
    return found;
  }

  /** Takes it away; lists show it for a while yet. */
  remove<Found extends Resource>(from: Map<string, Found>, found: Found): void {
    from.delete(found.id);
    this.#gone.push({ from, found, until: this.now + this.pace.goneSeenMs });
  }

  #goneFrom<Found extends Resource>(of: ReadonlyMap<string, Found>): Found[] {
    this.#gone = this.#gone.filter(({ until }) => this.now < until);
    return this.#gone.filter(({ from }) => from === of).map(({ found }) => found as Found);
  }

  /** What a Describe call lists: those asked for by id, or all that are seen, and of those what the filters leave. */
  select<Found extends Resource>(
    of: ReadonlyMap<string, Found>,
    asked: {
      ids: readonly string[] | undefined;
      prefix: string;
      code: string;
      filters: readonly Filter[] | undefined;
    },
    values: Readonly<Record<string, (found: Found) => readonly (string | undefined)[]>>,
  ): Found[] {
    const from =
      asked.ids === undefined || asked.ids.length === 0
        ? [...[...of.values()].filter((found) => this.isSeen(found)), ...this.#goneFrom(of)]
        : asked.ids.map((id) => this.find(of, id, asked.prefix, asked.code));
    return this.filter(from, asked.filters, {
      ...values,
      "tag-key": (found) => [...this.tagsOf(found).keys()],
      "tag:": (found) => [...this.tagsOf(found)].map(([key, value]) => `${key}=${value}`),
    });
  }

  /** Filters are joined by "and", the values of one by "or"; `*` and `?` stand for anything. */
  filter<Item>(
    items: readonly Item[],
    filters: readonly Filter[] | undefined,
    values: Readonly<Record<string, (item: Item) => readonly (string | undefined)[]>>,
  ): Item[] {
    return items.filter((item) =>
      (filters ?? []).every(({ Name, Values, ...rest }) => {
        onlyKeys("a filter", rest, []);
        if (Name === undefined || Values === undefined || Values.length === 0) {
          throw refusal("ec2", "InvalidParameterValue", `The filter '${Name ?? ""}' has no value`);
        }
        const isTag = Name.startsWith("tag:");
        const of = values[isTag ? "tag:" : Name];
        if (of === undefined)
          throw refusal("ec2", "InvalidParameterValue", `The filter '${Name}' is invalid`);
        const wanted = isTag ? Values.map((value) => `${Name.slice(4)}=${value}`) : Values;
        return of(item).some((has) => wanted.some((value) => has !== undefined && matches(value, has)));
      }),
    );
  }

  /**
   * One page. It is small, whatever was asked for, as AWS reserves the right to: a caller that forgets the rest is seen.
   */
  page<Item>(
    items: readonly Item[],
    input: { NextToken?: string | undefined; MaxResults?: number | undefined },
    limit: { ids?: readonly string[] | undefined; least: number } = { least: 5 },
  ): { items: Item[]; token: { NextToken?: string } } {
    const { NextToken, MaxResults } = input;
    if (MaxResults !== undefined && (limit.ids?.length ?? 0) > 0) {
      throw refusal("ec2", "InvalidParameterCombination", "The parameter maxResults cannot be used with ids");
    }
    if (MaxResults !== undefined && (MaxResults < limit.least || MaxResults > 1000)) {
      throw refusal(
        "ec2",
        "InvalidParameterValue",
        `Value (${MaxResults}) for parameter maxResults is invalid`,
      );
    }
    // What is asked for by its id comes whole.
    if ((limit.ids?.length ?? 0) > 0) return { items: [...items], token: {} };
    const from = NextToken === undefined ? 0 : Number(/^page-([0-9]+)$/.exec(NextToken)?.[1] ?? Number.NaN);
    if (Number.isNaN(from)) throw refusal("ec2", "InvalidNextToken", "The token is not valid");
    const to = from + Math.min(MaxResults ?? 2, 2);
    return { items: items.slice(from, to), token: to < items.length ? { NextToken: `page-${to}` } : {} };
  }

  /** The tags that a request asks for what it creates, by type of resource. */
  tagsAsked(specifications: readonly TagSpecification[] | undefined, types: readonly string[]): TagsByType {
    const byType: TagsByType = new Map(types.map((type) => [type, new Map()]));
    for (const { ResourceType, Tags, ...rest } of specifications ?? []) {
      onlyKeys("TagSpecifications", rest, []);
      const tags = byType.get(ResourceType ?? "");
      if (tags === undefined) {
        throw refusal(
          "ec2",
          "InvalidParameterValue",
          `'${ResourceType}' is not a valid taggable resource type here`,
        );
      }
      if (tags.size > 0)
        throw refusal("ec2", "InvalidParameterValue", `Duplicate '${ResourceType}' specification`);
      for (const tag of Tags ?? []) {
        checkTag(tag);
        if (tags.has(tag.Key!))
          throw refusal("ec2", "InvalidParameterValue", `Duplicate tag key '${tag.Key}'`);
        tags.set(tag.Key!, tag.Value ?? "");
      }
    }
    return byType;
  }

  #delay(): number {
    const [from, to] = this.pace.seenMs;
    return this.random.between(from, to);
  }
}

export type TagsByType = Map<string, Map<string, string>>;

/** Keys of 1 to 127 characters, not AWS's own; values of 255 at most. */
export function checkTag({ Key, Value, ...rest }: Tag): void {
  onlyKeys("a tag", rest, []);
  if (Key === undefined || Key === "" || Key.length > 127 || Key.startsWith("aws:")) {
    throw refusal("ec2", "InvalidParameterValue", `Value ( ${Key} ) for parameter key is invalid`);
  }
  if ((Value ?? "").length > 255)
    throw refusal("ec2", "InvalidParameterValue", `The value of '${Key}' is too long`);
}

/** JSON with the keys of every object in order. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (_key, member: unknown) =>
    member !== null && typeof member === "object" && !Array.isArray(member)
      ? Object.fromEntries(Object.entries(member).toSorted(([a], [b]) => (a < b ? -1 : 1)))
      : member,
  );
}

function matches(pattern: string, text: string): boolean {
  const source = pattern
    .replace(/[.+^${}()|[\]\\]/g, "\\$&")
    .replaceAll("*", ".*")
    .replaceAll("?", ".");
  return new RegExp(`^${source}$`, "s").test(text);
}
