import { RaftLiteError } from "../errors.ts";
import type { Evidence, RawGap } from "./evidence.ts";
import type { RawFinding, Where } from "./findings.ts";
import { Findings, placeOfWhere } from "./findings.ts";
import type { NumberedFile, RecordingFile } from "./read-recording.ts";
import { RecordingReader } from "./read-recording.ts";
import { readTexts } from "./record-texts.ts";
import { RecordedClusters } from "./recorded-clusters.ts";
import { RecordedVotes } from "./recorded-elections.ts";
import { RecordedReplica } from "./recorded-replica.ts";
import type { FlightRecord, Opener } from "./records.ts";
import type { ClusterSummary, Finding, RecordingSummary, Verdict } from "./verdict.ts";

/** Findings are shown with their records, which are read once more: the first so many are. */
const mostShown = 20;

/**
 * Judges the recordings of the nodes of a cluster: is each what was written, and do they together keep the promises of
 * Raft? What is missing is accepted, and named. Order between nodes is concluded from terms and indexes alone: their
 * clocks may say what they like.
 *
 * Throws `recording-given-twice`, `recording-too-new`, and what reading a file throws.
 */
export async function verifyRecordings(files: readonly RecordingFile[]): Promise<Verdict> {
  const numbered = files.map((file, number): NumberedFile => {
    const { node, store, segment, path } = file;
    return { node, store, segment, path, number, read: () => file.read() };
  });
  const judge = new Judge(numbered);
  for (const recording of groupFiles(numbered)) await judge.read(recording);
  return await judge.conclude();
}

/** The files of each recording in their order. */
function groupFiles(files: readonly NumberedFile[]): readonly NumberedFile[][] {
  const recordings = new Map<string, NumberedFile[]>();
  for (const file of files) {
    const key = `${file.node} ${file.store}`;
    const list = recordings.get(key);
    if (list === undefined) recordings.set(key, [file]);
    else list.push(file);
  }
  for (const list of recordings.values()) {
    list.sort((a, b) => a.segment - b.segment);
    for (const [at, file] of list.entries()) {
      const before = list[at - 1];
      if (before?.segment === file.segment) throw givenTwice(before, file);
    }
  }
  return [...recordings.values()].sort((a, b) => (a[0]!.node < b[0]!.node ? -1 : 1));
}

class Judge {
  readonly #files: readonly NumberedFile[];
  readonly #findings = new Findings();
  readonly #votes = new RecordedVotes(this.#findings);
  readonly #clusters = new RecordedClusters(this.#findings);
  readonly #replicas: RecordedReplica[] = [];
  readonly #summaries: RecordingSummary[] = [];
  readonly #gaps: RawGap[] = [];
  readonly #evidence: Evidence = {
    findings: this.#findings,
    votes: this.#votes,
    logOf: (clusterId) => this.#clusters.of(clusterId).log,
    electionsOf: (clusterId) => this.#clusters.of(clusterId).elections,
    configured: (configuration) => this.#clusters.configured(configuration),
    gap: (kind, message, record) => void this.#gaps.push({ kind, message, record }),
  };

  constructor(files: readonly NumberedFile[]) {
    this.#files = files;
  }

  /** All files of one recording. */
  async read(files: readonly NumberedFile[]): Promise<void> {
    const found: { replica: RecordedReplica | null; first: FlightRecord | null; firstBoot: number } = {
      replica: null,
      first: null,
      firstBoot: 0,
    };
    const reader = new RecordingReader(this.#evidence, (record, where) => {
      if (found.replica === null) {
        // A file begins with its opener; the reader has seen to that.
        const { node, store, boot } = record as Opener;
        found.replica = new RecordedReplica(node, store, this.#evidence);
        found.first = record;
        found.firstBoot = boot;
      }
      found.replica.take(record, where);
    });
    await reader.read(files);
    const { replica, first, firstBoot } = found;
    if (replica === null || first === null || reader.last === null) return;
    this.#replicas.push(replica);
    replica.conclude();
    const { node, store, term, last, commit, elections, ended } = replica;
    this.#summaries.push({
      node,
      store,
      files: files.length,
      records: reader.records,
      firstBoot,
      lastBoot: replica.boot,
      from: first.wall,
      to: reader.last.wall,
      term,
      last,
      commit,
      elections,
      ended,
    });
    if (ended === null && reader.isWhole) {
      const message = `${node} may have gone on after the last of its records`;
      this.#evidence.gap("tail", message, reader.lastWhere);
    }
  }

  async conclude(): Promise<Verdict> {
    this.#clusters.conclude(this.#votes, this.#replicas);
    this.#noteMissing();
    const { kept, count } = this.#findings;
    return {
      accepted: count === 0,
      recordings: this.#summaries,
      clusters: this.#clusters.all.flatMap(summaryOf),
      gaps: this.#gaps.map(({ kind, message, record }) => ({
        kind,
        message,
        ...(record === null ? { path: null, line: null } : this.#place(record)),
      })),
      findings: await this.#withTexts(kept.slice(0, mostShown)),
      findingCount: count,
    };
  }

  #noteMissing(): void {
    const recorded = new Set(this.#replicas.map(({ node, store }) => `${node} ${store}`));
    for (const { clusterId, log, members } of this.#clusters.all) {
      if (log.committed === 0) continue;
      for (const [id, stores] of members) {
        if ([...stores].some((store) => recorded.has(`${id} ${store}`))) continue;
        this.#evidence.gap(
          "missing",
          `there is no recording of ${id}, a member of cluster ${clusterId}`,
          null,
        );
      }
    }
  }

  async #withTexts(findings: readonly RawFinding[]): Promise<Finding[]> {
    const texts = await readTexts(
      this.#files,
      findings.flatMap(({ records }) => records),
    );
    const shown = (where: Where) => ({ ...this.#place(where), text: texts.get(where) ?? "" });
    return findings.map(({ rule, message, records }) => ({ rule, message, records: records.map(shown) }));
  }

  #place(where: Where): { path: string; line: number } {
    const { file, line } = placeOfWhere(where);
    return { path: this.#files[file]!.path, line };
  }
}

/** Nothing to say of a cluster that came to nothing. */
function summaryOf({ clusterId, log, elections }: RecordedClusters["all"][number]): ClusterSummary[] {
  const leaders = [...elections.leaders.values()]
    .map(({ term, node }) => ({ term, node }))
    .sort((a, b) => a.term - b.term);
  return leaders.length === 0 && log.committed === 0 ? [] : [{ clusterId, leaders, commit: log.committed }];
}

function givenTwice(one: RecordingFile, other: RecordingFile): RaftLiteError {
  return new RaftLiteError(
    "recording-given-twice",
    `${one.path} and ${other.path} are both file ${one.segment} of node ${one.node}, store ${one.store}: ` +
      "hand in one of them; the other is a copy, or was written by a copy of the data directory.",
    { details: { paths: [one.path, other.path] } },
  );
}
