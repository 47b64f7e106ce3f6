import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, onTestFailed, test } from "vitest";
import { loadBundle } from "../../ec2-node/aws/bundle/load-bundle.ts";
import type { BundleSource } from "../../ec2-node/aws/user-data.ts";
import { installLine } from "../../ec2-node/aws/user-data.ts";
import { until } from "../process/support/until.ts";
import { whyNoHosts } from "./support/allowed.ts";
import type { Host, Outcome } from "./support/host.ts";
import type { HostNode } from "./support/host-node.ts";
import { Stage } from "./support/stage.ts";
import type { Volume } from "./support/volume.ts";

/** One machine's first start, its updates, and what may go wrong with either. */

const reason = whyNoHosts();
if (reason !== null) writeSync(2, `skipped: this machine gives no hosts of their own: ${reason}\n`);

describe.skipIf(reason !== null)("a host", () => {
  let stage: Stage;
  let node: HostNode;

  beforeAll(async () => {
    stage = await Stage.set();
    [node] = stage.cluster.nodes as [HostNode, ...HostNode[]];
  });

  afterAll(() => stage?.lab.dispose());

  const explain = () => onTestFailed(() => console.error(stage.lab.transcript()));

  describe("at its first start", () => {
    /** Its user data's files are there, and nothing has been run. */
    async function prepared(volume: Volume): Promise<Host> {
      const host = await stage.boot(node);
      host.writeFiles(stage.userData(node, volume));
      return host;
    }

    /** The user data's command, for no longer than so many seconds of waiting. */
    function boot(host: Host, volume: Volume, seconds: number): Promise<Outcome> {
      const [command = []] = host.commandsOf(stage.userData(node, volume));
      return host.run("env", `RAFT_PATIENCE_SECONDS=${seconds}`, ...command);
    }

    test("waits for its own volume, and takes no other", async () => {
      explain();
      const [own, foreign] = [await stage.createVolume(), await stage.createVolume()];
      const host = await prepared(own);
      await host.attach(foreign);
      expect(await boot(host, own, 1)).toEqual({
        code: 1,
        output: expect.stringMatching(
          new RegExp(
            `volume ${own.id} is not attached after 1 s: attach it as /dev/sdf, then run this again: /opt`,
          ),
        ),
      });
      const [command = []] = host.commandsOf(stage.userData(node, own));
      const waiting = host.spawn(stage.lab, "user data", ...command);
      await waiting.line(`raft-lite: waiting for volume ${own.id} to be attached as /dev/sdf`);
      await host.attach(own);
      expect(await waiting.ended()).toEqual({ code: 0, signal: null });
      expect(
        await host.insist("findmnt", "--noheadings", "--output", "FSTYPE,OPTIONS", "/var/lib/raft-lite"),
      ).toMatch(/^ext4 +rw,nosuid,nodev,noatime/);
      expect(own.hasFileSystem()).toBe(true);
      expect(foreign.hasFileSystem()).toBe(false);
      expect(host.read("/etc/fstab").match(/ \/var\/lib\/raft-lite ext4 [a-z,]*nofail/g)).toHaveLength(1);
      // Once more, as somebody would do by hand: nothing is lost, and nothing is there twice.
      const before = host.read("/etc/fstab");
      expect(await boot(host, own, 20)).toMatchObject({ code: 0 });
      expect(host.read("/etc/fstab")).toBe(before);
      await host.powerOff();
    });

    test.each([
      ["a partition table", 510, "55aa"],
      ["something unknown", 300_000, "01"],
    ])("leaves a volume alone that holds %s", async (_what, at, bytes) => {
      explain();
      const volume = await stage.createVolume();
      volume.write(at, Buffer.from(bytes, "hex"));
      if (at === 510) volume.write(446, Buffer.from("0002030083040506000800000010000000", "hex"));
      const before = volume.sha256();
      const host = await prepared(volume);
      await host.attach(volume);
      expect(await boot(host, volume, 5)).toEqual({
        code: 1,
        output: expect.stringMatching(/is neither empty nor a file system .*: left as it is/),
      });
      expect(volume.sha256()).toBe(before);
      await host.powerOff();
    });

    test("is gone on with at the next start where it was cut short, and left alone where it was not", async () => {
      explain();
      const volume = await stage.createVolume();
      const host = await prepared(volume);
      const agent = "amazon-ssm-agent.service";
      host.write(`/etc/systemd/system/${agent}`, "[Service]\nExecStart=sleep infinity\n");
      await host.insist("systemctl", "daemon-reload");
      await host.insist("systemctl", "start", agent);
      const agentPid = async () => host.insist("systemctl", "show", "--property=MainPID", agent);
      const sleeping = await agentPid();
      expect(await boot(host, volume, 1)).toMatchObject({ code: 1 });
      expect(await agentPid()).toBe(sleeping);
      await host.attach(volume);
      // What the machine does when it comes up again.
      expect(await host.insist("systemctl", "is-enabled", "raft-lite-boot")).toBe("enabled\n");
      await host.insist("systemctl", "start", "raft-lite-boot");
      await until(
        "the node answers",
        async () => (await host.run("curl", "-sf", "http://127.0.0.1:8000/status")).code === 0,
      );
      await until("it is done", async () =>
        (await host.run("systemctl", "is-active", "raft-lite-boot")).output.startsWith("inactive"),
      );
      // Its role is known by now.
      expect(await agentPid()).not.toBe(sleeping);
      const { output: pid } = await host.run("systemctl", "show", "--property=MainPID", "raft-lite");
      await host.insist("systemctl", "start", "raft-lite-boot");
      expect(await host.insist("systemctl", "show", "--property=ConditionResult", "raft-lite-boot")).toBe(
        "ConditionResult=no\n",
      );
      expect((await host.run("systemctl", "show", "--property=MainPID", "raft-lite")).output).toBe(pid);
      await host.powerOff();
    });

    test("goes on by itself once its role is known", async () => {
      explain();
      const volume = await stage.createVolume();
      const host = await prepared(volume);
      await host.attach(volume);
      stage.cloud.deny("s3");
      stage.cloud.deny("ssm");
      const [command = []] = host.commandsOf(stage.userData(node, volume));
      const running = host.spawn(stage.lab, "user data", ...command);
      await running.line(/could not be fetched, once more in \d s/);
      stage.cloud.allow("s3");
      await until("the secret is asked for", () => stage.cloud.calls.some((call) => call.startsWith("ssm")));
      stage.cloud.allow("ssm");
      // What it was installed by may have given up on it: systemd has not.
      await running.ended();
      await until(
        "the node answers",
        async () => (await host.run("curl", "-sf", "http://127.0.0.1:8000/status")).code === 0,
      );
      await host.powerOff();
    });
  });

  describe("that runs", () => {
    let host: Host;
    let first: string;

    beforeAll(async () => {
      await stage.install(node, await stage.createVolume());
      ({ host } = node);
      first = stage.bundle.sha256;
    });

    const update = (bundle: BundleSource) => host.run("sh", "-c", installLine(bundle, "us-east-1"));
    const version = async () => (await host.insist("/opt/raft-lite/current/raft-lite", "--version")).trim();
    const releases = async () =>
      (await host.insist("ls", "-A", "/opt/raft-lite/releases")).trim().split("\n").sort();
    const answers = async () =>
      (await host.insist("curl", "-s", "http://127.0.0.1:8000/status")).startsWith('{"node":"A"');

    /** A release as this one, but for a change of its program. */
    async function release(name: string, change: (program: string) => string): Promise<BundleSource> {
      const directory = join(stage.lab.directory, name);
      mkdirSync(directory);
      const archive = `${directory}.tar.gz`;
      writeFileSync(archive, (await loadBundle()).bytes);
      execFileSync("tar", ["-xzf", archive, "-C", directory]);
      const program = join(directory, "raft-lite.mjs");
      writeFileSync(program, change(readFileSync(program, "utf8")));
      execFileSync("tar", ["-czf", archive, "-C", directory, "."]);
      return stage.cloud.upload(readFileSync(archive));
    }

    const versioned = (name: string) =>
      release(name, (program) => program.replace(/(packageVersion = \(\) => )"[^"]+"/, `$1"${name}"`));

    test("is updated, keeps the release before, and goes back to it", async () => {
      explain();
      const { raft } = await node.status();
      const [second, third] = [await versioned("2.0.0"), await versioned("3.0.0")];
      expect(await update(second)).toEqual({
        code: 0,
        output: expect.stringContaining("raft-lite: 2.0.0 runs"),
      });
      expect([await version(), await answers()]).toEqual(["2.0.0", true]);
      expect(await releases()).toEqual([first, second.sha256].sort());
      expect(await update(third)).toMatchObject({ code: 0 });
      expect([await version(), await releases()]).toEqual(["3.0.0", [second.sha256, third.sha256].sort()]);
      // What is still there is not fetched again.
      const calls = stage.cloud.calls.filter((call) => call.startsWith("s3")).length;
      expect(await update(second)).toMatchObject({ code: 0 });
      expect(stage.cloud.calls.filter((call) => call.startsWith("s3"))).toHaveLength(calls);
      expect([await version(), await releases()]).toEqual(["2.0.0", [second.sha256, third.sha256].sort()]);
      // Twice is as good as once.
      expect(await update(second)).toMatchObject({ code: 0 });
      expect([await version(), await releases()]).toEqual(["2.0.0", [second.sha256, third.sha256].sort()]);
      expect((await node.status()).raft.storeId).toBe(raft.storeId);
    });

    /** The very process goes on, of the very release. */
    async function untouched(action: () => Promise<Outcome>): Promise<Outcome> {
      const picture = async () => [await node.mainPid(), await version(), await releases(), await answers()];
      const before = await picture();
      const outcome = await action();
      expect(await picture()).toEqual(before);
      return outcome;
    }

    test("goes on as it was when a release cannot be fetched, is another one, or does not run at all", async () => {
      explain();
      const good = await versioned("4.0.0");
      stage.cloud.deny("s3");
      const short = (bundle: BundleSource) =>
        host.run("env", "RAFT_PATIENCE_SECONDS=3", "sh", "-c", installLine(bundle, "us-east-1"));
      expect(await untouched(() => short(good))).toEqual({
        code: 1,
        output: expect.stringMatching(/AccessDenied[\s\S]* cannot be fetched: .* s3:GetObject/),
      });
      stage.cloud.allow("s3");
      const other = { ...good, sha256: "0".repeat(64) };
      expect(await untouched(() => update(other))).toEqual({
        code: 1,
        output: expect.stringMatching(/is not the file with SHA-256 0{64}: nothing of it is used/),
      });
      const broken = await release("broken", () => "throw new Error('no program');");
      const process = await node.mainPid();
      expect(await update(broken)).toEqual({
        code: 1,
        output: expect.stringMatching(/does not run under .*: nothing is changed\n$/),
      });
      expect([await node.mainPid(), await version(), await answers()]).toEqual([process, "2.0.0", true]);
    });

    test("gets the release before back when the new one runs but never answers", async () => {
      explain();
      const mute = await release("mute", (program) =>
        program.replace(
          /^/,
          'if (process.argv[2] === "node") await new Promise((resolve) => setTimeout(resolve, 1e9));\n',
        ),
      );
      const { code, output } = await host.run(
        "env",
        "RAFT_PATIENCE_SECONDS=5",
        "sh",
        "-c",
        installLine(mute, "us-east-1"),
      );
      expect([code, output]).toEqual([
        1,
        expect.stringMatching(/does not answer on port 8000: going back to /),
      ]);
      expect(output).toMatch(/was not installed; the release before it runs\n$/);
      expect([await version(), await answers()]).toEqual(["2.0.0", true]);
    });

    test("starts with the secret that it had where the cloud does not give it", async () => {
      explain();
      stage.cloud.deny("ssm");
      await host.insist("systemctl", "restart", "raft-lite");
      await until("it says so", () =>
        node.lines.some((line) => line.includes("going on with the secret of the last start")),
      );
      await until("it answers", answers);
      // Without one it does not start, and says what is missing; and it goes on trying.
      await host.insist("rm", "/run/raft-lite/secret");
      expect((await host.run("systemctl", "restart", "raft-lite")).code).not.toBe(0);
      await until("it says so", () =>
        node.lines.some((line) => line.includes("must allow ssm:GetParameter of it")),
      );
      stage.cloud.allow("ssm");
      await until("it answers", answers);
    });

    test("never writes beside its volume", async () => {
      explain();
      await host.insist("systemctl", "stop", "raft-lite");
      await host.insist("umount", "/var/lib/raft-lite");
      host.write("/etc/fstab", "");
      await host.insist("systemctl", "daemon-reload");
      await host.insist("install", "-d", "-m", "0700", "-o", "raft-lite", "/var/lib/raft-lite/node");
      expect((await host.run("systemctl", "start", "raft-lite")).code).not.toBe(0);
      expect(await host.insist("ls", "-A", "/var/lib/raft-lite/node")).toBe("");
    });
  });
});
