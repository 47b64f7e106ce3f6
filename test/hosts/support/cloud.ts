import { createHash } from "node:crypto";
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { bundleKey } from "../../../ec2-node/aws/names.ts";
import type { BundleSource } from "../../../ec2-node/aws/user-data.ts";
import type { Lab } from "../../process/support/lab-room.ts";

/** What AWS has for an instance, as files that the hosts' stand-ins for its tools read. */
export class Cloud {
  readonly directory: string;
  readonly #bucket: string;

  constructor(lab: Lab, bucket: string) {
    this.directory = lab.folder("cloud");
    this.#bucket = bucket;
    for (const tool of ["aws", "dnf"]) cpSync(join(import.meta.dirname, tool), join(this.directory, tool));
  }

  upload(bytes: Uint8Array): BundleSource {
    const sha256 = createHash("sha256").update(bytes).digest("hex");
    const source = { bucket: this.#bucket, key: bundleKey(sha256), sha256 };
    this.#write(join("s3", source.bucket, source.key), bytes);
    return source;
  }

  setParameter(name: string, value: string): void {
    this.#write(join("ssm", name), `${value}\n`);
  }

  /** From now on every call of it is denied, until `allow`. */
  deny(service: "s3" | "ssm"): void {
    this.#write(`no-${service}`, "");
  }

  allow(service: "s3" | "ssm"): void {
    rmSync(join(this.directory, `no-${service}`));
  }

  /** The command lines by which it was called. */
  get calls(): string[] {
    const file = join(this.directory, "calls");
    return existsSync(file) ? readFileSync(file, "utf8").trim().split("\n") : [];
  }

  #write(name: string, content: string | Uint8Array): void {
    const file = join(this.directory, name);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, content);
  }
}
