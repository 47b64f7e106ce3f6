import type { Spread } from "./figures.ts";
import type { Results, SpeedFigures, SpeedRow, System } from "./results.ts";

/** Results as a picture: small charts side by side, each of one figure, drawn as SVG by hand. */

const COLOURS: Readonly<Record<System, string>> = { "Raft Lite": "#1a6fb5", etcd: "#c8641b" };
const INK = "#222";
const FAINT = "#999";
const GRID = "#e3e3e3";

const PANEL_WIDTH = 330;
const PANEL_HEIGHT = 270;
const MARGIN = { left: 58, right: 14, top: 42, bottom: 42 };
/** On average, and a little air. */
const LETTER_WIDTH = 7;
const COLUMNS = 3;
const HEAD_HEIGHT = 64;

interface Point {
  readonly label: string;
  readonly value: Spread;
}

type Series = Partial<Record<System, readonly Point[]>>;

interface Panel {
  readonly title: string;
  readonly series: Series;
  readonly isLogarithmic: boolean;
  /** Lines join what lies on a scale; bars stand for what does not. */
  readonly kind: "lines" | "bars";
  /** What the labels are of. */
  readonly axis: string;
}

export function plotOf(results: Results): string {
  const panels = panelsOf(results);
  const rows = Math.ceil(panels.length / COLUMNS);
  const width = COLUMNS * PANEL_WIDTH;
  const height = HEAD_HEIGHT + rows * PANEL_HEIGHT + 10;
  const body = panels.map((panel, position) => {
    const x = (position % COLUMNS) * PANEL_WIDTH;
    const y = HEAD_HEIGHT + Math.floor(position / COLUMNS) * PANEL_HEIGHT;
    return `<g transform="translate(${x} ${y})">${draw(panel)}</g>`;
  });
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}"`,
    ` font-family="system-ui, 'DejaVu Sans', sans-serif" font-size="11" fill="${INK}">`,
    "<title>Raft Lite and etcd: puts, reads, batches and gaps</title>",
    `<rect width="${width}" height="${height}" fill="white"/>`,
    head(results),
    ...body,
    "</svg>\n",
  ].join("\n");
}

function panelsOf({ speed, gaps }: Results): Panel[] {
  const panels: Panel[] = [];
  for (const [workload, title] of [
    ["put", "Puts"],
    ["read", "Linearizable reads"],
  ] as const) {
    const rows = speed.filter((row) => row.workload === workload && row.at === "leader");
    panels.push(
      lines(`${title} a second`, rows, (figures) => figures.perSecond, false),
      lines(`${title}, p50, ms`, rows, (figures) => figures.p50Ms, true),
      lines(`${title}, p99, ms`, rows, (figures) => figures.p99Ms, true),
    );
  }
  const batches = speed.filter(({ putsPerWrite }) => putsPerWrite > 1);
  panels.push(lines("Puts a second, in batches of 100", batches, (figures) => figures.perSecond, false));
  const others = speed.filter((row) => row.at === "all" || (row.readPercent > 0 && row.readPercent < 100));
  panels.push({
    ...lines("64 clients, other loads, a second", others, (figures) => figures.perSecond, false),
    series: seriesOf(others, (figures) => figures.perSecond, nameOf),
    kind: "bars",
    axis: "",
  });
  const gapSeries: Series = {};
  for (const { system, way, gapMs } of gaps) {
    gapSeries[system] = [...(gapSeries[system] ?? []), { label: way, value: gapMs }];
  }
  panels.push({
    title: "Gap when the leader goes, ms",
    series: gapSeries,
    isLogarithmic: true,
    kind: "bars",
    axis: "",
  });
  return panels.filter(({ series }) => Object.values(series).some((points) => points.length > 0));
}

function nameOf({ workload, at }: SpeedRow): string {
  return at === "all" ? `${workload}s at all nodes` : workload;
}

function lines(
  title: string,
  rows: readonly SpeedRow[],
  figure: (figures: SpeedFigures) => Spread,
  isLogarithmic: boolean,
): Panel {
  const series = seriesOf(rows, figure, ({ clients }) => String(clients));
  // A single count of clients makes no line.
  const kind = new Set(rows.map(({ clients }) => clients)).size > 1 ? "lines" : "bars";
  return { title, series, isLogarithmic, kind, axis: "clients" };
}

function seriesOf(
  rows: readonly SpeedRow[],
  figure: (figures: SpeedFigures) => Spread,
  label: (row: SpeedRow) => string,
): Series {
  const series: Partial<Record<System, Point[]>> = {};
  for (const row of rows) {
    for (const [system, figures] of Object.entries(row.systems) as [System, SpeedFigures][]) {
      const own = series[system] ?? [];
      own.push({ label: label(row), value: figure(figures) });
      series[system] = own;
    }
  }
  return series;
}

function head({ date, machine, settings }: Results): string {
  const facts = [
    date.slice(0, 10),
    `Node ${machine.node}`,
    machine.etcd === null ? "no etcd" : `etcd ${machine.etcd}, JSON gateway`,
    machine.processors,
    `${settings.rounds} rounds of ${settings.roundMs / 1000} s in turn`,
    `load average ${machine.loadBefore.toFixed(1)} … ${machine.loadAfter.toFixed(1)}`,
  ];
  const legend = (Object.entries(COLOURS) as [System, string][])
    .filter(([system]) => system === "Raft Lite" || machine.etcd !== null)
    .map(
      ([system, colour], position) =>
        `<rect x="${760 + 110 * position}" y="16" width="12" height="12" fill="${colour}"/>` +
        `<text x="${778 + 110 * position}" y="26">${system}</text>`,
    );
  return [
    `<text x="16" y="27" font-size="17" font-weight="600">Raft Lite: three nodes, ${settings.valueBytes}-byte values</text>`,
    `<text x="16" y="47" fill="#666">${xml(facts.join(" · "))}</text>`,
    ...legend,
  ].join("\n");
}

function draw(panel: Panel): string {
  const { title, axis } = panel;
  const plot = {
    left: MARGIN.left,
    right: PANEL_WIDTH - MARGIN.right,
    top: MARGIN.top,
    bottom: PANEL_HEIGHT - MARGIN.bottom,
  };
  const labels = [
    ...new Set(Object.values(panel.series).flatMap((points) => points.map(({ label }) => label))),
  ];
  const scale = scaleOf(panel, plot.bottom, plot.top);
  const step = (plot.right - plot.left) / labels.length;
  const centre = (label: string) => plot.left + step * (labels.indexOf(label) + 0.5);
  const parts = [
    `<text x="${plot.left}" y="${plot.top - 16}" font-size="13" font-weight="600">${xml(title)}</text>`,
  ];
  for (const tick of scale.ticks) {
    const y = round(scale.at(tick));
    parts.push(`<line x1="${plot.left}" x2="${plot.right}" y1="${y}" y2="${y}" stroke="${GRID}"/>`);
    parts.push(`<text x="${plot.left - 6}" y="${y + 4}" text-anchor="end" fill="#666">${short(tick)}</text>`);
  }
  for (const label of labels) {
    const [first = "", second] = label.length * LETTER_WIDTH > step ? splitLabel(label) : [label];
    parts.push(
      `<text x="${round(centre(label))}" y="${plot.bottom + 16}" text-anchor="middle">${xml(first)}</text>`,
    );
    if (second !== undefined) {
      parts.push(
        `<text x="${round(centre(label))}" y="${plot.bottom + 29}" text-anchor="middle">${xml(second)}</text>`,
      );
    }
  }
  const middle = (plot.left + plot.right) / 2;
  parts.push(
    `<text x="${middle}" y="${plot.bottom + 32}" text-anchor="middle" fill="${FAINT}">${axis}</text>`,
  );
  const systems = Object.entries(panel.series) as [System, readonly Point[]][];
  for (const [position, [system, points]] of systems.entries()) {
    const colour = COLOURS[system];
    if (panel.kind === "lines") parts.push(...drawLine(points, colour, centre, scale.at));
    else {
      const width = Math.min(36, (0.7 * step) / systems.length);
      const shift = (position - (systems.length - 1) / 2) * (width + 3);
      parts.push(...drawBars(points, colour, (label) => centre(label) + shift, width, scale.at, plot.bottom));
    }
  }
  return parts.join("");
}

function drawLine(
  points: readonly Point[],
  colour: string,
  centre: (label: string) => number,
  at: (value: number) => number,
): string[] {
  const path = points
    .map(({ label, value }) => `${round(centre(label))},${round(at(value.median))}`)
    .join(" ");
  return [
    `<polyline points="${path}" fill="none" stroke="${colour}" stroke-width="2"/>`,
    ...points.flatMap(({ label, value }) => [
      whisker(centre(label), value, colour, at),
      `<circle cx="${round(centre(label))}" cy="${round(at(value.median))}" r="3.5" fill="${colour}"/>`,
    ]),
  ];
}

function drawBars(
  points: readonly Point[],
  colour: string,
  centre: (label: string) => number,
  width: number,
  at: (value: number) => number,
  bottom: number,
): string[] {
  return points.flatMap(({ label, value }) => {
    const x = centre(label);
    const y = at(value.median);
    const bar = `x="${round(x - width / 2)}" y="${round(y)}" width="${round(width)}" height="${round(bottom - y)}"`;
    // Beside the whisker, which may end anywhere above.
    const text = `x="${round(x)}" y="${round(Math.min(y, at(value.max)) - 4)}" text-anchor="middle" font-size="10"`;
    return [
      `<rect ${bar} fill="${colour}" fill-opacity="0.85"/>`,
      whisker(x, value, INK, at),
      `<text ${text}>${short(value.median)}</text>`,
    ];
  });
}

/** From the least to the greatest of the rounds. */
function whisker(x: number, { min, max }: Spread, colour: string, at: (value: number) => number): string {
  const ends = `x1="${round(x)}" x2="${round(x)}" y1="${round(at(min))}" y2="${round(at(max))}"`;
  return `<line ${ends} stroke="${colour}" stroke-opacity="0.45" stroke-width="1.5"/>`;
}

interface Scale {
  readonly at: (value: number) => number;
  readonly ticks: readonly number[];
}

function scaleOf({ series, isLogarithmic }: Panel, bottom: number, top: number): Scale {
  const values = Object.values(series).flatMap((points) =>
    points.flatMap(({ value }) => [value.min, value.max]),
  );
  const largest = Math.max(...values) * 1.05;
  if (isLogarithmic) {
    const low = Math.floor(Math.log10(Math.max(Math.min(...values), 0.01)));
    const high = Math.max(low + 1, Math.log10(largest));
    const at = (value: number) =>
      bottom - ((Math.log10(Math.max(value, 10 ** low)) - low) / (high - low)) * (bottom - top);
    const ticks = Array.from({ length: Math.floor(high) - low + 1 }, (_, power) => 10 ** (low + power));
    return { at, ticks };
  }
  const step = niceStep(largest / 5);
  const end = Math.ceil(largest / step) * step;
  const ticks = Array.from({ length: Math.round(end / step) + 1 }, (_, count) => count * step);
  return { at: (value) => bottom - (value / end) * (bottom - top), ticks };
}

/** 1, 2 or 5 times a power of ten. */
function niceStep(atLeast: number): number {
  const power = 10 ** Math.floor(Math.log10(atLeast));
  return [1, 2, 5, 10].map((factor) => factor * power).find((step) => step >= atLeast) ?? 10 * power;
}

function splitLabel(label: string): [string, string] {
  const at = label.lastIndexOf(" ", label.length * 0.6);
  return [label.slice(0, at), label.slice(at + 1)];
}

function short(value: number): string {
  if (value >= 10_000) return `${Number((value / 1000).toFixed(value < 100_000 ? 1 : 0))}k`;
  return value < 10 ? String(Number(value.toFixed(2))) : Math.round(value).toLocaleString("en");
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}

function xml(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
}
