import { readFileSync } from "node:fs";

/** Ticks a second of the times in /proc: USER_HZ, which is 100 on every Linux that Node runs on. */
const TICK_US = 10_000;

/** User and system time of a process since its start, all its threads, in microseconds (proc(5)). Linux only. */
export function cpuUsOf(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
  // The name, in brackets, may hold anything.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) * TICK_US;
}

/** Resident memory of a process now, and at most so far, in bytes. */
export function memoryOf(pid: number): { readonly now: number; readonly most: number } {
  const status = readFileSync(`/proc/${pid}/status`, "latin1");
  const kib = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(status)?.[1]) * 1024;
  return { now: kib("VmRSS"), most: kib("VmHWM") };
}
