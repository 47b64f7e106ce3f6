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

/** Each is undone by its own end. */
const TRIALS = [
  "unshare --net --mount --pid --fork --uts --ipc --cgroup true",
  "unshare --net nft add table inet raft_lite_test",
  "unshare --net ip link add br0 type bridge",
  "unshare --mount sh -c 'mount -t tmpfs t /mnt && cd /mnt && mkdir u w r && mount -t overlay -o lowerdir=/,upperdir=u,workdir=w o r'",
  "unshare --mount --pid --fork sh -c 'mount -t proc p /mnt && mount -t sysfs -o ro s /mnt && mount -t devpts -o newinstance d /mnt'",
  "file=$(mktemp) && truncate -s 1M $file && device=$(losetup --find --show $file) && rm $file && losetup --detach $device",
  "directory=$(mktemp --directory) && mknod $directory/device b 7 0 && rm -r $directory",
];

/** Why hosts of their own cannot be had on this machine; null when they can. */
export function whyNoHosts(): string | null {
  if (process.platform !== "linux") return "this is no Linux";
  if (process.getuid?.() !== 0) return "this user is not root";
  const missing = PROGRAMS.filter((name) => spawnSync("sh", ["-c", `command -v ${name}`]).status !== 0);
  if (missing.length > 0) return `no ${missing.join(", no ")}`;
  for (const trial of TRIALS) {
    const { status, stderr } = spawnSync("sh", ["-c", trial], { encoding: "utf8" });
    if (status !== 0) return `not allowed: ${trial} (${stderr.trim()})`;
  }
  return readFileSync("/proc/self/cgroup", "utf8").trim() === "" ? "no control groups" : null;
}
