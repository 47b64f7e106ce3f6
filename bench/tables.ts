import type { Spread } from "./figures.ts";
import type { GapRow, Goal, MemoryRow, Results, SpeedRow, System } from "./results.ts";

/** Results as tables: rows of cells, which the terminal and Markdown each draw in their own way. */
export interface Table {
  readonly title: string;
  readonly head: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

const SYSTEMS: readonly System[] = ["Raft Lite", "etcd"];

export function tablesOf(results: Results): Table[] {
  const tables = [
    ratesTable(results.speed),
    processorTable(results.speed),
    gapsTable(results.gaps),
    memoryTable(results.memory),
    goalsTable(results.goals),
  ];
  return tables.filter(({ rows }) => rows.length > 0);
}

function ratesTable(speed: readonly SpeedRow[]): Table {
  return {
    title: "Requests a second (puts a second in batches), and milliseconds",
    head: ["load", "clients", "Raft Lite /s", "etcd /s", "ratio", "Raft Lite p50 / p99", "etcd p50 / p99"],
    rows: speed.map((row) => {
      const [ours, theirs] = SYSTEMS.map((system) => row.systems[system]);
      const latency = (figures: typeof ours) =>
        figures ? `${ms(figures.p50Ms.median)} / ${ms(figures.p99Ms.median)}` : "";
      const times = ours && theirs ? (ours.perSecond.median / theirs.perSecond.median).toFixed(2) : "";
      const rates = [ours, theirs].map((figures) => (figures ? rangeText(figures.perSecond, whole) : ""));
      return [loadName(row), String(row.clients), ...rates, times, latency(ours), latency(theirs)];
    }),
  };
}

function processorTable(speed: readonly SpeedRow[]): Table {
  return {
    title: "Processor time of a request, µs: leader + both followers + client",
    head: ["load", "clients", "Raft Lite", "etcd", "etcd / Raft Lite"],
    rows: speed.map((row) => {
      const times = SYSTEMS.map((system) => row.systems[system]).map((figures) =>
        figures ? [figures.leaderUs.median, figures.followersUs.median, figures.clientUs.median] : undefined,
      );
      const total = (parts: number[] | undefined) =>
        parts?.reduce((sum, part) => sum + part, 0) ?? Number.NaN;
      const text = (parts: number[] | undefined) =>
        parts ? `${parts.map((part) => part.toFixed(0)).join(" + ")} = ${total(parts).toFixed(0)}` : "";
      const ratio = total(times[1]) / total(times[0]);
      return [loadName(row), String(row.clients), ...times.map(text), times[1] ? ratio.toFixed(2) : ""];
    }),
  };
}

function gapsTable(gaps: readonly GapRow[]): Table {
  return {
    title: "Longest gap between acknowledged writes when the leader goes, ms",
    head: ["", "median (min … max)", "runs", "puts", "sent again", "never acknowledged"],
    rows: gaps.map(({ system, way, gapMs, runs, sent, retried, hung }) => [
      `${system}, ${way}`,
      rangeText(gapMs, whole),
      ...[runs, sent, retried, hung].map(String),
    ]),
  };
}

function memoryTable(memory: readonly MemoryRow[]): Table {
  const list = (mebibytes: readonly number[]) => mebibytes.map(whole).join(", ");
  return {
    title: "Resident memory, MiB: leader, followers",
    head: ["", "fresh", "after", "at most", "puts/s meanwhile"],
    rows: memory.map(({ system, puts, keys, putsPerWrite, freshMiB, afterMiB, mostMiB, putsPerSecond }) => [
      `${system}: ${whole(puts)} puts on ${whole(keys)} keys, ${putsPerWrite} a write`,
      list(freshMiB),
      list(afterMiB),
      list(mostMiB),
      whole(putsPerSecond),
    ]),
  };
}

function goalsTable(goals: readonly Goal[]): Table {
  return {
    title: "Goals",
    head: ["", "measured", "wanted", ""],
    rows: goals.map(({ name, measured, wanted, met }) => [name, measured, wanted, met ? "met" : "NOT MET"]),
  };
}

function loadName({ workload, at }: SpeedRow): string {
  return at === "leader" ? workload : `${workload}, spread over all`;
}

function rangeText({ median, min, max }: Spread, text: (value: number) => string): string {
  return `${text(median)} (${text(min)} … ${text(max)})`;
}

function whole(value: number): string {
  return Math.round(value).toLocaleString("en");
}

function ms(value: number): string {
  return value < 10 ? value.toFixed(2) : value.toFixed(1);
}

export function terminalTable({ title, head, rows }: Table): string {
  const lines = [head, ...rows];
  const widths = head.map((_, column) => Math.max(...lines.map((cells) => cells[column]?.length ?? 0)));
  // The first column is words, the others are figures.
  const cell = (text: string, column: number) =>
    column === 0 ? text.padEnd(widths[column]!) : text.padStart(widths[column]!);
  return `${title}\n${lines.map((cells) => `  ${cells.map(cell).join("   ")}`.trimEnd()).join("\n")}\n`;
}

export function markdownTable({ title, head, rows }: Table): string {
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  const table = [line(head), line(head.map(() => "---")), ...rows.map(line)].join("\n");
  return `**${title}**\n\n${table}\n`;
}
