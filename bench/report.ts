import { readFileSync, writeFileSync } from "node:fs";
import { argv } from "node:process";
import type { Results } from "./results.ts";
import { markdownTable, tablesOf } from "./tables.ts";

/**
 * Puts the tables of a run into docs/performance.md, in the place of the last ones.
 *
 *     npm run bench -- --json results.json --svg docs/performance.svg && node bench/report.ts results.json
 */
const BEGIN = "<!-- begin: npm run bench -->";
const END = "<!-- end: npm run bench -->";
const DOCUMENT = new URL("../docs/performance.md", import.meta.url);

const file = argv[2];
if (file === undefined) {
  console.error("node bench/report.ts FILE, where FILE is what npm run bench -- --json FILE wrote");
  process.exit(2);
}
const results = JSON.parse(readFileSync(file, "utf8")) as Results;
const { machine, settings, date } = results;
const facts =
  `Measured on ${date.slice(0, 10)}: Node ${machine.node}, etcd ${machine.etcd ?? "not installed"}, ` +
  `${machine.processors}, ${machine.system}; ${settings.rounds} rounds of ${settings.roundMs / 1000} s, ` +
  `medians (least … greatest), after ${settings.warmUpSeconds.puts} s of puts and ${settings.warmUpSeconds.each} s of each load, values of ${settings.valueBytes} bytes on ${settings.keys.toLocaleString("en")} keys; ` +
  `load average ${machine.loadBefore.toFixed(1)} before the run and ${machine.loadAfter.toFixed(1)} after it.`;
const document = readFileSync(DOCUMENT, "utf8");
const [from, to] = [document.indexOf(BEGIN), document.indexOf(END)];
if (from < 0 || to < from) throw new Error(`docs/performance.md has no place for tables: ${BEGIN} … ${END}`);
const body = [facts, ...tablesOf(results).map(markdownTable)].join("\n\n");
writeFileSync(DOCUMENT, `${document.slice(0, from + BEGIN.length)}\n${body}\n${document.slice(to)}`);
