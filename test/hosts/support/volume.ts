import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { closeSync, openSync, readFileSync, statSync, truncateSync, writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import type { Lab } from "../../process/support/lab-room.ts";
import { run } from "./vpc.ts";

const SIZE_BYTES = 64 << 20;

/** A data volume: a block device with an id, empty at first. */
export class Volume {
  readonly id: string;
  readonly #device: string;

  private constructor(id: string, device: string) {
    this.id = id;
    this.#device = device;
  }

  static async create(lab: Lab, id: string): Promise<Volume> {
    const file = join(lab.directory, id);
    writeFileSync(file, "");
    truncateSync(file, SIZE_BYTES);
    const device = (await run("losetup", "--find", "--show", file)).trim();
    lab.atEnd(() => spawnSync("losetup", ["--detach", device]));
    return new Volume(id, device);
  }

  /** As the kernel counts devices. */
  get numbers(): readonly [major: number, minor: number] {
    const { rdev } = statSync(this.#device);
    return [(rdev >> 8) & 0xfff, (rdev & 0xff) | ((rdev >> 12) & 0xfff00)];
  }

  write(position: number, bytes: Uint8Array): void {
    const device = openSync(this.#device, "r+");
    writeSync(device, bytes, 0, bytes.length, position);
    closeSync(device);
  }

  sha256(): string {
    return createHash("sha256").update(readFileSync(this.#device)).digest("hex");
  }

  hasFileSystem(): boolean {
    return spawnSync("blkid", ["-p", this.#device]).status === 0;
  }
}
