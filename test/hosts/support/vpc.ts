import { execFile } from "node:child_process";
import { mkdtempSync, readlinkSync } from "node:fs";
import type { Server, Socket } from "node:net";
import { connect, createServer } from "node:net";
import { join } from "node:path";
import { promisify } from "node:util";
import type { Lab } from "../../process/support/lab-room.ts";
import { PINNED_NODE } from "../../process/support/lab-room.ts";
import type { Running } from "../../process/support/running.ts";
import { until } from "../../process/support/until.ts";

const execute = promisify(execFile);

/** A command's output. Throws with what it said when it fails. */
export async function run(command: string, ...args: string[]): Promise<string> {
  return (await execute(command, args)).stdout;
}

const PREFIX_BITS = 20;
/** Of whoever sends commands: within the network, and in no security group. */
const CLIENT_ADDRESS = "172.31.31.10";

/** A network of hosts with addresses that nobody outside of it has, and one client in it. */
export class Vpc {
  readonly #lab: Lab;
  readonly #switch: Running;
  #client!: NetworkInterface;
  #gate = "";
  #count = 0;

  private constructor(lab: Lab) {
    this.#lab = lab;
    this.#switch = namespace(lab, "switch");
  }

  static async open(lab: Lab): Promise<Vpc> {
    const vpc = new Vpc(lab);
    await isApart(vpc.#switch);
    await vpc.#onSwitch("link", "add", "br0", "type", "bridge");
    await vpc.#onSwitch("link", "set", "br0", "up");
    vpc.#client = await vpc.attach("client", CLIENT_ADDRESS);
    vpc.#gate = join(mkdtempSync(join(lab.directory, "gate-")), "socket");
    const gate = vpc.#client.spawn("gate", PINNED_NODE, [join(import.meta.dirname, "gate.ts"), vpc.#gate]);
    await gate.line("open");
    return vpc;
  }

  /** A network interface with an address that stays, in a namespace that outlives the machines it is given to. */
  async attach(name: string, address: string): Promise<NetworkInterface> {
    const holder = namespace(this.#lab, `network of ${name}`);
    await isApart(holder);
    const port = `port${this.#count++}`;
    await this.#onSwitch(
      "link",
      "add",
      port,
      "type",
      "veth",
      "peer",
      "name",
      "eth0",
      "netns",
      String(holder.pid),
    );
    await this.#onSwitch("link", "set", port, "master", "br0", "up");
    const networkInterface = new NetworkInterface(this.#lab, holder, address, (state) =>
      this.#onSwitch("link", "set", port, state),
    );
    await networkInterface.run("ip", "addr", "add", `${address}/${PREFIX_BITS}`, "dev", "eth0");
    await networkInterface.run("ip", "link", "set", "eth0", "up");
    await networkInterface.run("ip", "link", "set", "lo", "up");
    return networkInterface;
  }

  async #onSwitch(...words: string[]): Promise<void> {
    await run("nsenter", "-t", String(this.#switch.pid), "-n", "ip", ...words);
  }

  /** Base URL at which this process reaches what the client reaches there. */
  async door(address: string, port: number): Promise<string> {
    const server = createServer({ allowHalfOpen: true }, (near) => this.#pass(near, address, port));
    await listening(server);
    this.#lab.atEnd(() => server.close());
    const at = server.address();
    if (at === null || typeof at === "string") throw new Error("no port");
    return `http://127.0.0.1:${at.port}`;
  }

  #pass(near: Socket, address: string, port: number): void {
    const far = connect({ path: this.#gate, allowHalfOpen: true });
    far.on("error", () => near.destroy()).on("close", () => near.destroy());
    near.on("error", () => far.destroy()).on("close", () => far.destroy());
    far.write(`${address} ${port}\n`);
    near.pipe(far).pipe(near);
  }

  /** What the client's curl says to a POST: the status, 000 where nobody answers. */
  async statusAtClient(url: string): Promise<string> {
    const words = [
      "--silent",
      "--output",
      "/dev/null",
      "--max-time",
      "2",
      "--write-out",
      "%{http_code}",
      "--data",
      "{}",
    ];
    return this.#client.run("curl", ...words, url).catch((error: { stdout?: string }) => error.stdout ?? "");
  }

  get clientAddress(): string {
    return CLIENT_ADDRESS;
  }
}

export class NetworkInterface {
  readonly address: string;
  readonly #lab: Lab;
  readonly #holder: Running;
  readonly #setLink: (state: "up" | "down") => Promise<void>;

  constructor(lab: Lab, holder: Running, address: string, setLink: (state: "up" | "down") => Promise<void>) {
    this.address = address;
    this.#lab = lab;
    this.#holder = holder;
    this.#setLink = setLink;
  }

  /** Words before a command that is to run in this network. */
  get enter(): readonly string[] {
    return ["nsenter", "-t", String(this.#holder.pid), "-n"];
  }

  run(command: string, ...args: string[]): Promise<string> {
    const [program, ...words] = this.enter;
    return run(program!, ...words, command, ...args);
  }

  spawn(name: string, command: string, args: readonly string[]): Running {
    const [program, ...words] = this.enter;
    return this.#lab.run(name, program!, [...words, command, ...args]);
  }

  /** Pulls the plug at the switch: nothing comes and nothing goes, and nobody is told. */
  cut(): Promise<void> {
    return this.#setLink("down");
  }

  heal(): Promise<void> {
    return this.#setLink("up");
  }

  /** Lets in what a security group of these rules would. */
  async guard(rules: readonly { readonly port: number; readonly from: readonly string[] }[]): Promise<void> {
    const ports = rules.map(({ port }) => port).join(", ");
    await this.run(
      "nft",
      [
        "add table inet group; add chain inet group input { type filter hook input priority 0; }",
        "add rule inet group input iif lo accept",
        ...rules.map(
          ({ port, from }) =>
            `add rule inet group input tcp dport ${port} ip saddr { ${from.join(", ")} } accept`,
        ),
        `add rule inet group input tcp dport { ${ports} } drop`,
      ].join("; "),
    );
  }

  /** What `address` sends vanishes; what goes there arrives. */
  async deafTo(address: string): Promise<void> {
    await this.run(
      "nft",
      "add table inet loss; add chain inet loss input { type filter hook input priority -10; }; " +
        `add rule inet loss input ip saddr ${address} drop`,
    );
  }

  async hearAll(): Promise<void> {
    await this.run("nft", "delete table inet loss");
  }
}

/** A network namespace, as long as the process lives that holds it: with the test it is gone. */
function namespace(lab: Lab, name: string): Running {
  return lab.run(name, "unshare", ["--net", "sleep", "infinity"]);
}

async function isApart({ pid }: Running): Promise<void> {
  const own = readlinkSync("/proc/self/ns/net");
  await until("a network namespace", () => readlinkSync(`/proc/${pid}/ns/net`) !== own);
}

function listening(server: Server): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen({ host: "127.0.0.1", port: 0 }, resolve);
  });
}
