import { setFlagsFromString } from "node:v8";

/** After so many calls of a function V8 makes it quick, and then as quick as it can; its own numbers are 400 and 3000. */
const CALLS = { maglev: 100, turbofan: 300 };

/**
 * Has V8 compile functions sooner, for as long as the process runs. Much of a node's code runs once in a turn, a few
 * hundred times a second where one client sends one command after the other: with V8's own numbers it went through it
 * the slow way for half a minute after every start (docs/performance.md), and so did whoever had just become the leader.
 */
export function compileSooner(): void {
  setFlagsFromString(`--invocation-count-for-maglev=${CALLS.maglev}`);
  setFlagsFromString(`--invocation-count-for-turbofan=${CALLS.turbofan}`);
}
