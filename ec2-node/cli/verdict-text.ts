import { printable } from "../../shared/printable.ts";
import { shortStore } from "../../shared/recording/segment-name.ts";
import type { ClusterSummary, Finding, RecordingSummary, Verdict } from "../../shared/recording/verdict.ts";
import { textTable } from "./text-table.ts";

/** A record is shown whole, unless somebody has made it longer than any of ours. */
const longestRecord = 4000;

/** A verdict as people read it: what was judged, what is missing, what is wrong, and the verdict in the last line. */
export function verdictText(verdict: Verdict): string[] {
  const { recordings, clusters, gaps, findings, findingCount, accepted } = verdict;
  const lines = [...textTable([heading, ...recordings.map(rowOf)]), ...clusters.flatMap(clusterText)];
  if (gaps.length > 0) lines.push("", "Gaps, of which nothing is known:");
  for (const { message, path, line } of gaps) {
    lines.push(`  ${message}${path === null ? "" : ` (${path}:${line})`}`);
  }
  for (const finding of findings) lines.push("", ...findingText(finding));
  lines.push("");
  if (accepted)
    lines.push(
      `Accepted: ${count(recordings.length, "recording")}, and nothing in them breaks a rule of Raft.`,
    );
  else {
    const hidden = findingCount - findings.length;
    const more = hidden > 0 ? `, of which the first ${findings.length} are shown` : "";
    lines.push(`Refused: ${count(findingCount, "finding")}${more}.`);
  }
  return lines.map(printable);
}

const heading = ["NODE", "STORE", "STARTS", "FROM", "TO", "RECORDS", "TERM", "LOG", "COMMIT", "ENDS"];

function rowOf(recording: RecordingSummary): string[] {
  const { node, store, firstBoot, lastBoot, from, to, records, term, last, commit, ended } = recording;
  return [
    node,
    shortStore(store),
    firstBoot === lastBoot ? String(firstBoot) : `${firstBoot}-${lastBoot}`,
    timeText(from),
    timeText(to),
    String(records),
    String(term),
    String(last),
    String(commit),
    ended ?? "open",
  ];
}

/** Whoever writes a record by hand may write any number there. */
function timeText(wall: number): string {
  const date = new Date(wall);
  return Number.isNaN(date.getTime()) ? String(wall) : date.toISOString();
}

function clusterText({ clusterId, leaders, commit }: ClusterSummary): string[] {
  const terms = new Map<string, number[]>();
  for (const { node, term } of leaders) terms.set(node, [...(terms.get(node) ?? []), term]);
  const led = [...terms].map(([node, list]) => `${node} ${rangesText(list)}`).join("; ");
  return [
    "",
    `Cluster ${clusterId}: ${count(leaders.length, "leader")}, committed up to entry ${commit}`,
    `  terms led: ${led || "none that is told of"}`,
  ];
}

/** 1, 2, 3, 7 as "1-3, 7". */
function rangesText(numbers: readonly number[]): string {
  const ranges: [number, number][] = [];
  for (const number of numbers) {
    const range = ranges.at(-1);
    if (range !== undefined && range[1] + 1 === number) range[1] = number;
    else ranges.push([number, number]);
  }
  return ranges.map(([first, last]) => (first === last ? String(first) : `${first}-${last}`)).join(", ");
}

function findingText({ rule, message, records }: Finding): string[] {
  return [
    `${rule}: ${message}`,
    ...records.flatMap(({ path, line, text }) => [
      `  ${path}:${line}`,
      `    ${text.length > longestRecord ? `${text.slice(0, longestRecord)}…` : text}`,
    ]),
  ];
}

function count(number: number, what: string): string {
  return `${number} ${what}${number === 1 ? "" : "s"}`;
}
