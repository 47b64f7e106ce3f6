import { setFlagsFromString } from "node:v8";

/** After so many calls of a function V8 compiles it as well as it can; its own number is 3000. */
const CALLS = 300;

/**
 * Has V8 compile functions sooner, for as long as the process runs. Much of a node's code runs once in a turn, a few
 * hundred times a second where one client sends one command after the other: with V8's own number it was carried out the
 * slow way for half a minute after every start (docs/performance.md), and so was a new leader's.
 */
export function compileSooner(): void {
  setFlagsFromString(`--invocation-count-for-turbofan=${CALLS}`);
}
