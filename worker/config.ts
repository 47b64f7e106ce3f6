import { baseUrl } from "../shared/config/base-url.ts";
import { readElectionPriority, readQuiesceAfter } from "../shared/config/participation.ts";
import { parseTimings } from "../shared/config/timings.ts";
import { RaftLiteError } from "../shared/errors.ts";
import { checkCredential } from "../shared/http/auth.ts";
import { nodeIdProblem } from "../shared/ids.ts";
import type { Timings } from "../shared/node/defaults.ts";
import { printable } from "../shared/printable.ts";
import type { ElectionPriority } from "../shared/raft/core.ts";
import { DEFAULT_NODES, edgeTimings, QUIESCE_AFTER_MS } from "./defaults.ts";
import type { Settings } from "./settings.ts";

/** A member of the cluster: an object of this Worker, or a node elsewhere. */
export interface ConfiguredNode {
  readonly id: string;
  /** Base URL of a node elsewhere; null: a Durable Object. */
  readonly url: string | null;
  /** Where the object is to be made; null: wherever it is first called from. */
  readonly location: Location | null;
}

/** The Worker's configuration, checked. */
export interface Config {
  readonly nodes: readonly ConfiguredNode[];
  readonly timings: Timings;
  /** A cluster led from here falls silent after so many milliseconds without work; 0: never. */
  readonly quiesceAfterMs: number;
  /** Of the objects. */
  readonly electionPriority: ElectionPriority;
  /** Base URL under which nodes elsewhere reach the Worker; null: it is not known. */
  readonly url: string | null;
  readonly log: "text" | "json" | "verbose";
  readonly chaos: boolean;
  readonly secret: string | undefined;
  readonly token: string | undefined;
}

/** The platform's location hints. */
export const LOCATIONS = [
  "wnam",
  "enam",
  "sam",
  "weur",
  "eeur",
  "apac",
  "apac-ne",
  "apac-se",
  "oc",
  "afr",
  "me",
] as const;
export type Location = (typeof LOCATIONS)[number];

const NAMES: ReadonlySet<string> = new Set<keyof Settings>([
  "RAFT_NODES",
  "RAFT_LOCATIONS",
  "RAFT_HEARTBEAT",
  "RAFT_ELECTION_TIMEOUT",
  "RAFT_QUIESCE_AFTER",
  "RAFT_ELECTION_PRIORITY",
  "RAFT_URL",
  "RAFT_LOG",
  "RAFT_CHAOS",
  "RAFT_SECRET",
  "RAFT_TOKEN",
]);
const NODES_EXAMPLE = 'write e.g. "A=do,B=do,C=do", or "C=https://node.example:8002" for a node elsewhere';
const LOCATIONS_EXAMPLE = 'write e.g. "A=weur,B=enam,C=apac"';
/** More voters only make every write wait for more of them. */
const MOST_NODES = 9;

/**
 * Checks what is set. Throws `bad-configuration` (500) with one line that names the variable and says how to mend it;
 * what a secret or token holds is never shown.
 */
export function readConfig(settings: Settings): Config {
  try {
    return parse(settings);
  } catch (error) {
    if (!(error instanceof RaftLiteError)) throw error;
    throw badConfiguration(error.message);
  }
}

/** `message` is one line that says what is wrong and how to mend it. */
export function badConfiguration(message: string): RaftLiteError {
  return new RaftLiteError("bad-configuration", printable(withoutCredentials(message)), {
    status: 500,
    // A write to a cluster that does not run has certainly not been carried out.
    details: { outcome: "none" },
  });
}

/** Whoever asks is told what is wrong: a name and password in a URL are not for them. */
function withoutCredentials(text: string): string {
  return text.replace(/[^\s"=/,]+@/g, "…@");
}

function parse(settings: Settings): Config {
  for (const [name, value] of Object.entries(settings)) {
    if (!name.startsWith("RAFT_")) continue;
    // A misspelt secret or token would leave the cluster open.
    if (!NAMES.has(name)) {
      // A binding can have any name, and is no secret that somebody has misspelt.
      if (typeof value === "object") continue;
      throw bad(`${name} is no setting; there are ${[...NAMES].join(", ")}`);
    }
    if (typeof value !== "string") throw bad(`${name} must be text: put its value in quotes`);
  }
  const nodes = parseNodes(settings.RAFT_NODES ?? DEFAULT_NODES, settings.RAFT_LOCATIONS);
  const secret = credential("RAFT_SECRET", settings.RAFT_SECRET);
  const elsewhere = nodes.find(({ url }) => url !== null);
  if (elsewhere !== undefined && secret === undefined) {
    throw bad(
      `RAFT_NODES: node ${elsewhere.id} is elsewhere, at ${elsewhere.url}, so RAFT_SECRET must be set, the same at all nodes`,
    );
  }
  return {
    nodes,
    timings: parseTimings(
      { heartbeat: settings.RAFT_HEARTBEAT, electionTimeout: settings.RAFT_ELECTION_TIMEOUT },
      edgeTimings,
      { heartbeat: "RAFT_HEARTBEAT", election: "RAFT_ELECTION_TIMEOUT" },
    ),
    quiesceAfterMs:
      settings.RAFT_QUIESCE_AFTER === undefined
        ? QUIESCE_AFTER_MS
        : readQuiesceAfter("RAFT_QUIESCE_AFTER", settings.RAFT_QUIESCE_AFTER),
    electionPriority: readElectionPriority(
      "RAFT_ELECTION_PRIORITY",
      settings.RAFT_ELECTION_PRIORITY ?? "normal",
    ),
    url: settings.RAFT_URL === undefined ? null : parseUrl("RAFT_URL", settings.RAFT_URL),
    log: oneOf("RAFT_LOG", settings.RAFT_LOG ?? "text", ["text", "json", "verbose"]),
    chaos: oneOf("RAFT_CHAOS", settings.RAFT_CHAOS ?? "0", ["0", "1"]) === "1",
    secret,
    token: credential("RAFT_TOKEN", settings.RAFT_TOKEN),
  };
}

function parseNodes(text: string, locations: string | undefined): ConfiguredNode[] {
  const pairs = parsePairs("RAFT_NODES", text, NODES_EXAMPLE);
  if (pairs.size === 0) throw bad(`RAFT_NODES names no node: ${NODES_EXAMPLE}`);
  if (pairs.size > MOST_NODES) {
    throw bad(`RAFT_NODES names ${pairs.size} nodes, the most is ${MOST_NODES}`);
  }
  const places = locations === undefined ? new Map<string, Location>() : parseLocations(locations);
  const urls = new Map<string, string>();
  const nodes = [...pairs].map(([id, where]) => {
    const problem = nodeIdProblem(id);
    if (problem !== null) throw bad(`RAFT_NODES: "${id}" ${problem}, so it is no id`);
    if (where === "do") return { id, url: null, location: places.get(id) ?? null };
    if (!where.includes("://")) {
      throw bad(`RAFT_NODES: "${id}=${where}" is neither "do" nor a URL: ${NODES_EXAMPLE}`);
    }
    const url = parseUrl(`RAFT_NODES: ${id}`, where);
    const twin = urls.get(url);
    if (twin !== undefined) throw bad(`RAFT_NODES: ${twin} and ${id} have the same URL ${url}`);
    urls.set(url, id);
    return { id, url, location: null };
  });
  for (const id of places.keys()) {
    const node = nodes.find((one) => one.id === id);
    if (node === undefined) throw bad(`RAFT_LOCATIONS: RAFT_NODES has no node ${id}`);
    if (node.url !== null) throw bad(`RAFT_LOCATIONS: node ${id} is elsewhere, so it has no location here`);
  }
  if (nodes.every(({ url }) => url !== null)) {
    throw bad(`RAFT_NODES: none of the nodes is a Durable Object: ${NODES_EXAMPLE}`);
  }
  return nodes;
}

function parseLocations(text: string): Map<string, Location> {
  const places = new Map<string, Location>();
  for (const [id, where] of parsePairs("RAFT_LOCATIONS", text, LOCATIONS_EXAMPLE)) {
    const location = LOCATIONS.find((one) => one === where);
    if (location === undefined) {
      throw bad(`RAFT_LOCATIONS: "${where}" of node ${id} is none of ${LOCATIONS.join(" ")}`);
    }
    places.set(id, location);
  }
  return places;
}

/** `ID=WORD` with commas between, spaces as people put them. */
function parsePairs(name: string, text: string, example: string): Map<string, string> {
  const pairs = new Map<string, string>();
  for (const piece of text.split(/[\s,]+/).filter((part) => part !== "")) {
    const [, id, value] = /^([^=]*)=(.*)$/.exec(piece) ?? [];
    if (id === undefined || value === undefined || id === "" || value === "") {
      throw bad(`${name}: "${piece}" is not ID=VALUE: ${example}`);
    }
    if (pairs.has(id)) throw bad(`${name} names node ${id} twice`);
    pairs.set(id, value);
  }
  return pairs;
}

function parseUrl(name: string, text: string): string {
  const parsed = baseUrl(text, { portRequired: false });
  if ("problem" in parsed) throw bad(`${name}: "${text}" is no base URL: ${parsed.problem}`);
  return parsed.url;
}

function oneOf<Word extends string>(name: string, text: string, words: readonly Word[]): Word {
  const word = words.find((one) => one === text);
  if (word === undefined) throw bad(`${name}: "${text}" is none of ${words.join(", ")}`);
  return word;
}

/** One that is set but empty is refused: whoever set it wanted a guarded cluster. */
function credential(name: string, value: string | undefined): string | undefined {
  if (value !== undefined) checkCredential(name, value);
  return value;
}

function bad(message: string): RaftLiteError {
  return new RaftLiteError("bad-configuration", message);
}
