import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";

/** What a host of its own takes: programs, and leave to use them. */
const PROGRAMS = [
  "ip",
  "nft",
  "unshare",
  "nsenter",
  "losetup",
  "mkfs.ext4",
  "blkid",
  "curl",
  "/lib/systemd/systemd",
];

/** Why hosts of their own cannot be had on this machine; null when they can. */
export function whyNoHosts(): string | null {
  if (process.platform !== "linux") return "this is no Linux";
  if (process.getuid?.() !== 0) return "this user is not root";
  const missing = PROGRAMS.filter((name) => spawnSync("sh", ["-c", `command -v ${name}`]).status !== 0);
  if (missing.length > 0) return `no ${missing.join(", no ")}`;
  const trials = [
    "unshare --net --mount --pid --fork --uts --ipc --cgroup true",
    "unshare --net nft add table inet raft_lite_test",
    "unshare --mount sh -c 'mount -t tmpfs t /mnt && mkdir /mnt/u /mnt/w /mnt/r && mount -t overlay -o lowerdir=/,upperdir=/mnt/u,workdir=/mnt/w o /mnt/r'",
    "losetup -f",
  ];
  for (const trial of trials) {
    const { status, stderr } = spawnSync("sh", ["-c", trial], { encoding: "utf8" });
    if (status !== 0) return `not allowed: ${trial} (${stderr.trim()})`;
  }
  return readFileSync("/proc/self/cgroup", "utf8").trim() === "" ? "no control groups" : null;
}
