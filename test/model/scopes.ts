import type { Bounds } from "./explore.ts";
import type { Opening } from "./local.ts";

/** What is explored: each scope goes far in one direction. */

const plain: Opening = { term: 1, votedFor: null, log: [1] };
const still: Bounds = {
  openings: [plain, plain, plain],
  campaigns: 2,
  proposals: 0,
  crashes: 0,
  duplicates: 0,
  heartbeats: 0,
  transfers: 0,
  preVotes: false,
  linkCapacity: 1,
};
/** Figure 8 before step (c): A and C each led and wrote an entry that nobody else has. */
const figure8: Bounds["openings"] = [
  { term: 3, votedFor: null, log: [1, 2] },
  { term: 3, votedFor: "C", log: [1] },
  { term: 3, votedFor: "C", log: [1, 3] },
];
/** Logs that differ in length and terms, as after several leaders. */
const torn: Bounds["openings"] = [
  { term: 4, votedFor: null, log: [1, 2, 2] },
  { term: 4, votedFor: null, log: [1, 3] },
  { term: 4, votedFor: null, log: [1, 2, 4] },
];

/** Half a minute in all: part of the tests. */
export const scopes = {
  elections: { ...still, campaigns: 4 },
  "elections with pre-votes": { ...still, campaigns: 3, preVotes: true },
  "messages twice and late": { ...still, campaigns: 1, proposals: 2, duplicates: 1, linkCapacity: 2 },
  "two crashes": { ...still, crashes: 2 },
  "a crash among writes": { ...still, crashes: 1, proposals: 1 },
  replication: { ...still, proposals: 1, heartbeats: 1 },
  "hand-overs": { ...still, campaigns: 1, transfers: 2, proposals: 1 },
  "figure 8": { ...still, openings: figure8, campaigns: 3 },
  "torn logs": { ...still, openings: torn, proposals: 1 },
} satisfies Record<string, Bounds>;

/** By hand, with patience and memory. */
export const longScopes = {
  "three candidacies and a crash": { ...still, campaigns: 3, crashes: 1 },
  "more replication": { ...still, proposals: 2, heartbeats: 1 },
  "figure 8 and a crash": { ...still, openings: figure8, crashes: 1 },
  "five candidacies": { ...still, campaigns: 5 },
  "pre-votes and a crash": { ...still, preVotes: true, crashes: 1 },
  "hand-overs and a crash": { ...still, transfers: 1, crashes: 1 },
  "torn logs and a crash": { ...still, openings: torn, crashes: 1 },
  "an overtaken write": { ...still, openings: figure8, crashes: 1, heartbeats: 1 },
  "three candidacies, a crash, a command": {
    ...still,
    campaigns: 3,
    crashes: 1,
    proposals: 1,
    maxStates: 20_000_000,
  },
} satisfies Record<string, Bounds>;
