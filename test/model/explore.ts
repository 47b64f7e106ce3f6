import type { Message } from "../../shared/raft/types.ts";
import { describeMessage } from "../raft/support/describe.ts";
import { Interned, mixed, renamings } from "./interned.ts";
import { localKey, messageKey } from "./keys.ts";
import type { Core, Local, Opening, Outcome } from "./local.ts";
import { campaign, crash, ids, open, persist, propose, receive, timeout, transfer } from "./local.ts";
import { NumberSet } from "./number-set.ts";
import type { Facts, History } from "./promises.ts";
import { broken, factsOf, historyAfter, noHistory } from "./promises.ts";

/** What is tried out, and how far. Whatever fits into these bounds is visited, in every order. */
export interface Bounds {
  /** How A, B and C stand at the beginning. */
  readonly openings: readonly [Opening, Opening, Opening];
  /** Candidacies, in all. */
  readonly campaigns: number;
  readonly proposals: number;
  readonly crashes: number;
  /** Messages that arrive a second time. */
  readonly duplicates: number;
  readonly heartbeats: number;
  /** Orders to hand over. */
  readonly transfers: number;
  /** Whether pre-votes are asked for and answered by messages; else they are granted at will. */
  readonly preVotes: boolean;
  /** Messages under way from one node to another; of more than that the one of the lowest term is lost. */
  readonly linkCapacity: number;
  /** Stop after so many states, incomplete. */
  readonly maxStates?: number;
}

export interface Report {
  readonly states: number;
  readonly transitions: number;
  /** Different states of one node, and different messages, up to nothing. */
  readonly locals: number;
  readonly messages: number;
  readonly depth: number;
  readonly seconds: number;
  readonly complete: boolean;
  readonly violation: {
    readonly rule: string;
    readonly detail: string;
    readonly trace: readonly string[];
  } | null;
}

interface World {
  readonly nodes: readonly number[];
  readonly letters: readonly number[];
  readonly history: number;
  readonly campaigns: number;
  readonly proposals: number;
  readonly crashes: number;
  readonly duplicates: number;
  readonly heartbeats: number;
  readonly transfers: number;
}

interface Step {
  readonly local: number;
  readonly sent: readonly number[];
}

/** Kinds of step; a message's number or a number of kept writes follows. */
const kind = {
  deliver: 0,
  persist: 1,
  campaign: 2,
  propose: 3,
  crash: 4,
  heartbeat: 5,
  repeat: 6,
  transfer: 7,
} as const;

/** Breadth-first over everything that can happen within the bounds, renamings of the nodes apart. */
export function explore(core: Core, bounds: Bounds): Report {
  const began = performance.now();
  const facts: Facts[] = [];
  const locals = new Interned<Local>(
    (local, rename) => `${rename(local.id)}:${localKey(local, rename)}`,
    (local) => facts.push(factsOf(local)),
  );
  const letters = new Interned<Message>(messageKey);
  const histories = new Interned<History>(
    ({ leaders, committed }, rename) =>
      `${leaders.map((id) => (id === null ? "-" : rename(id))).join("")}|${committed.join()}`,
  );
  const steps = new Map<number, Step>();
  const seen = new NumberSet();
  // Where a state came from: the number of the state before, and the step taken.
  const parents: number[] = [];
  const taken: number[] = [];
  let queue: { world: World; number: number }[] = [];
  let transitions = 0;
  let depth = 0;
  let violation: Report["violation"] = null;

  const hashOf = (world: World): number => {
    let least = Number.POSITIVE_INFINITY;
    const budgets = mixed(
      (((world.campaigns * 8 + world.proposals) * 8 + world.crashes) * 8 + world.duplicates) * 8 +
        world.heartbeats,
    );
    const history = histories.hashes[world.history] as Uint32Array;
    for (let i = 0; i < 2 * renamings; i += 2) {
      let low = budgets + (history[i] as number);
      let high = history[i + 1] as number;
      for (const node of world.nodes) {
        const lanes = locals.hashes[node] as Uint32Array;
        low += lanes[i] as number;
        high += lanes[i + 1] as number;
      }
      for (const letter of world.letters) {
        const lanes = letters.hashes[letter] as Uint32Array;
        low += lanes[i] as number;
        high += lanes[i + 1] as number;
      }
      const hash = (high & 0x1fffff) * 0x1_0000_0000 + (low >>> 0);
      if (hash < least) least = hash;
    }
    return least;
  };

  /** While a crash may come writes take their time; when none is left they are done at once. */
  const stepOf = (node: number, code: number, crashes: number, happen: (local: Local) => Outcome): Step => {
    const fastDisk = crashes === bounds.crashes;
    const key = (node * 2 + Number(fastDisk)) * 0x400_0000 + code;
    const known = steps.get(key);
    if (known !== undefined) return known;
    let { local, sent } = happen(locals.values[node] as Local);
    while (fastDisk && local.pending.length > 0) {
      const after = persist(local);
      local = after.local;
      sent = [...sent, ...after.sent];
    }
    const step = { local: locals.number(local), sent: sent.map((message) => letters.number(message)) };
    steps.set(key, step);
    return step;
  };

  /** Adds what was sent to what is under way; each message once, and no more than a link holds. */
  const posted = (
    under: readonly number[],
    sent: readonly number[],
    nodes: readonly number[],
  ): readonly number[] => {
    let result = under;
    for (const letter of sent) {
      const { from, to } = letters.values[letter] as Message;
      const { durableTerm } = facts[nodes[ids.indexOf(to)] as number] as Facts;
      if (result.includes(letter) || isOver(letter, durableTerm)) continue;
      const same = result.filter((other) => {
        const message = letters.values[other] as Message;
        return message.from === from && message.to === to;
      });
      result = [...result, letter];
      if (same.length < bounds.linkCapacity) continue;
      const lost = [...same, letter].reduce((least, other) => (older(other, least) ? other : least));
      result = result.filter((other) => other !== lost);
    }
    return result;
  };
  const older = (one: number, other: number) => {
    const [first, second] = [letters.values[one] as Message, letters.values[other] as Message];
    return first.term < second.term || (first.term === second.term && one < other);
  };

  const visit = (world: World, from: number, step: number): boolean => {
    const hash = hashOf(world);
    if (!seen.add(hash)) return false;
    queue.push({ world, number: parents.length });
    parents.push(from);
    taken.push(step);
    return true;
  };

  /** Whether all promises hold afterwards. */
  const go = (
    world: World,
    number: number,
    at: number,
    code: number,
    step: Step,
    next: Partial<World>,
  ): boolean => {
    transitions++;
    const nodes = world.nodes.with(at, step.local);
    const moved = facts[step.local] as Facts;
    const before = histories.values[world.history] as History;
    const after = historyAfter(before, moved);
    const history = after === before ? world.history : histories.number(after);
    let under = posted(next.letters ?? world.letters, step.sent, nodes);
    if (moved.durableTerm > (facts[world.nodes[at] as number] as Facts).durableTerm) {
      const to = ids[at];
      under = under.filter(
        (letter) => (letters.values[letter] as Message).to !== to || !isOver(letter, moved.durableTerm),
      );
    }
    // What was seen before was judged then.
    if (!visit({ ...world, ...next, nodes, letters: under, history }, number, code)) return true;
    const found = broken(
      before,
      nodes.map((node) => facts[node] as Facts),
      at,
    );
    if (found) violation = { ...found, trace: retrace(number, code) };
    return found === null;
  };

  /** An answer to a question of a term that is over, durably, does nothing whenever it arrives. */
  const isOver = (letter: number, durableTerm: number): boolean => {
    const message = letters.values[letter] as Message;
    if (message.type === "AppendEntriesResponse") return message.term < durableTerm;
    if (message.type !== "RequestVoteResponse") return false;
    return Math.max(message.requestTerm, message.term) < durableTerm;
  };

  const expand = (world: World, number: number): boolean => {
    for (const letter of world.letters) {
      const message = letters.values[letter] as Message;
      const at = ids.indexOf(message.to);
      const step = stepOf(world.nodes[at] as number, 16 + letter, world.crashes, (local) =>
        receive(local, message),
      );
      const rest = world.letters.filter((other) => other !== letter);
      if (!go(world, number, at, code(kind.deliver, at, letter), step, { letters: rest })) return false;
      if (world.duplicates < bounds.duplicates) {
        const duplicates = world.duplicates + 1;
        if (!go(world, number, at, code(kind.repeat, at, letter), step, { duplicates })) return false;
      }
    }
    for (const [at, node] of world.nodes.entries()) {
      const { role, writes } = facts[node] as Facts;
      if (writes > 0) {
        const step = stepOf(node, 1, world.crashes, persist);
        if (!go(world, number, at, code(kind.persist, at, 0), step, {})) return false;
      }
      if (world.campaigns < bounds.campaigns && role !== "Leader") {
        const step = stepOf(node, 2, world.crashes, bounds.preVotes ? timeout : campaign);
        const campaigns = world.campaigns + 1;
        if (!go(world, number, at, code(kind.campaign, at, 0), step, { campaigns })) return false;
      }
      if (world.proposals < bounds.proposals && role === "Leader") {
        const step = stepOf(node, 3, world.crashes, propose);
        const proposals = world.proposals + 1;
        if (!go(world, number, at, code(kind.propose, at, 0), step, { proposals })) return false;
      }
      if (world.heartbeats < bounds.heartbeats && role === "Leader") {
        const step = stepOf(node, 4, world.crashes, timeout);
        const heartbeats = world.heartbeats + 1;
        if (!go(world, number, at, code(kind.heartbeat, at, 0), step, { heartbeats })) return false;
      }
      if (world.transfers < bounds.transfers && role === "Leader") {
        const step = stepOf(node, 5, world.crashes, transfer);
        const transfers = world.transfers + 1;
        if (!go(world, number, at, code(kind.transfer, at, 0), step, { transfers })) return false;
      }
      for (let kept = 0; world.crashes < bounds.crashes && kept <= writes; kept++) {
        const step = stepOf(node, 6 + kept, world.crashes + 1, (local) => ({
          local: crash(core, local, kept),
          sent: [],
        }));
        const crashes = world.crashes + 1;
        if (!go(world, number, at, code(kind.crash, at, kept), step, { crashes })) return false;
      }
    }
    return true;
  };

  const retrace = (number: number, last: number): string[] => {
    const codes = [last];
    for (let at = number; (parents[at] as number) >= 0; at = parents[at] as number)
      codes.push(taken[at] as number);
    return codes.reverse().map((each) => {
      const [what, at, rest] = [
        Math.floor(each / 0x1000_0000),
        Math.floor(each / 0x400_0000) % 4,
        each % 0x400_0000,
      ];
      const id = ids[at];
      switch (what) {
        case kind.deliver:
          return describeMessage(letters.values[rest] as Message);
        case kind.repeat:
          return `${describeMessage(letters.values[rest] as Message)} (it will arrive again)`;
        case kind.persist:
          return `${id} completes its oldest write`;
        case kind.campaign:
          return `${id} stands for election`;
        case kind.propose:
          return `${id} is given a command`;
        case kind.heartbeat:
          return `${id} sends a heartbeat`;
        case kind.transfer:
          return `${id} is told to hand over`;
        default:
          return `${id} crashes and starts again, ${rest} of its writes done`;
      }
    });
  };

  const opened = ids.map((id, i) => locals.number(open(core, id, bounds.openings[i] as Opening)));
  visit(
    {
      nodes: opened,
      letters: [],
      history: histories.number(noHistory),
      campaigns: 0,
      proposals: 0,
      crashes: 0,
      duplicates: 0,
      heartbeats: 0,
      transfers: 0,
    },
    -1,
    0,
  );
  const limit = bounds.maxStates ?? Number.POSITIVE_INFINITY;
  search: while (queue.length > 0) {
    const level = queue;
    queue = [];
    for (const { world, number } of level) {
      if (seen.size > limit || !expand(world, number)) break search;
    }
    depth++;
  }
  return {
    states: seen.size,
    transitions,
    locals: locals.values.length,
    messages: letters.values.length,
    depth,
    seconds: (performance.now() - began) / 1000,
    complete: violation === null && seen.size <= limit,
    violation,
  };
}

function code(what: number, at: number, rest: number): number {
  return what * 0x1000_0000 + at * 0x400_0000 + rest;
}
