import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, rmdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Lab } from "./lab.ts";
import type { Running } from "./running.ts";

/** Whether strace is there and may attach to this user's processes. */
export async function canInject(): Promise<boolean> {
  const target = spawn("sleep", ["60"], { stdio: "ignore" });
  const strace = spawn("strace", [...straceArgs("error=EIO"), "-p", String(target.pid)]);
  try {
    return await new Promise((resolve) => {
      strace.stderr.on("data", (text) => resolve(/attached/.test(text)));
      strace.on("error", () => resolve(false));
      strace.on("close", () => resolve(false));
    });
  } finally {
    strace.kill("SIGKILL");
    target.kill("SIGKILL");
  }
}

function straceArgs(fault: string): string[] {
  return ["-f", "-e", "trace=fdatasync", "-e", `inject=fdatasync:${fault}`];
}

/** Makes every sync of a running process end so (strace's `inject`), until the returned strace is killed. */
export async function injectSyncs(lab: Lab, target: Running, fault: string): Promise<Running> {
  const args = [...straceArgs(fault), "-p", String(target.pid)];
  const strace = lab.run(`strace of ${target.name}`, "strace", args);
  await strace.line(/attached/);
  return strace;
}

/** Whether this user may mount file systems. */
export function canMount(): boolean {
  const directory = mkdtempSync(join(tmpdir(), "raft-lite-mount-"));
  const mounted = spawnSync("mount", ["-t", "tmpfs", "-o", "size=64k", "tmpfs", directory]).status === 0;
  if (mounted) spawnSync("umount", [directory]);
  rmdirSync(directory);
  return mounted;
}

export interface SmallDisk {
  resize(size: string): void;
}

/** A file system of its own at `directory`. */
export function mountSmallDisk(lab: Lab, directory: string, size: string): SmallDisk {
  const mount = (options: string) => {
    const { status, stderr } = spawnSync("mount", ["-t", "tmpfs", "-o", options, "tmpfs", directory]);
    if (status !== 0) throw new Error(`mount: ${stderr}`);
  };
  mount(`size=${size},mode=700`);
  lab.atEnd(() => spawnSync("umount", ["-l", directory]));
  return { resize: (larger) => mount(`remount,size=${larger}`) };
}
