import { BlockList, isIPv4, isIPv6 } from "node:net";
import { usageError } from "../../shared/config/usage-error.ts";
import { RaftLiteError } from "../../shared/errors.ts";

/** Everybody. */
const ALL = "0.0.0.0/0";

/** AWS's own service: answers with the address that a request came from. It is reached by IPv4 alone. */
const WHAT_IS_MY_ADDRESS = "https://checkip.amazonaws.com";
const ASK_WITHIN_MS = 5000;

/** Blocks of IANA's special-purpose registry: no request comes from there over the internet. */
const NOT_PUBLIC: readonly (readonly [address: string, prefix: number])[] = [
  ["0.0.0.0", 8],
  ["10.0.0.0", 8],
  ["100.64.0.0", 10],
  ["127.0.0.0", 8],
  ["169.254.0.0", 16],
  ["172.16.0.0", 12],
  ["192.0.0.0", 24],
  ["192.0.2.0", 24],
  ["192.168.0.0", 16],
  ["198.18.0.0", 15],
  ["198.51.100.0", 24],
  ["203.0.113.0", 24],
  ["224.0.0.0", 4],
  ["240.0.0.0", 4],
];

/**
 * The blocks of addresses that `--client-cidr` lets in: IPv4 in CIDR notation with commas between them, in the order
 * given and each once; an address by itself is a block of one. Throws a usage error.
 */
export function readCidrs(text: string): string[] {
  return [...new Set(text.split(",").map((part) => readCidr(part.trim())))];
}

/** Whether one of the blocks is the whole internet. */
export function isOpenToAll(cidrs: readonly string[]): boolean {
  return cidrs.includes(ALL);
}

function readCidr(text: string): string {
  const [address = "", prefix = "32", ...rest] = text.split("/");
  if (isIPv6(address)) {
    throw usageError(`--client-cidr: "${text}" is IPv6, and the nodes have IPv4 addresses only`);
  }
  const bits = /^\d{1,2}$/.test(prefix) ? Number(prefix) : Number.NaN;
  if (!isIPv4(address) || !(bits <= 32) || rest.length > 0) {
    throw usageError(
      `--client-cidr: "${text}" is not a block of IPv4 addresses: say for example 198.51.100.7 or 198.51.100.0/24`,
    );
  }
  const canonical = `${firstOf(address, bits)}/${bits}`;
  if (!canonical.startsWith(`${address}/`)) {
    throw usageError(
      `--client-cidr: "${text}" is not the first address of its block: say ${canonical} for the block, ${address} for the one`,
    );
  }
  return canonical;
}

/** The first address of the block of `bits` bits that `address` is in. */
function firstOf(address: string, bits: number): string {
  const number = address.split(".").reduce((sum, octet) => sum * 256 + Number(octet), 0);
  const size = 2 ** (32 - bits);
  const first = number - (number % size);
  return [24, 16, 8, 0].map((shift) => Math.floor(first / 2 ** shift) % 256).join(".");
}

/** The part of `fetch` that is used. */
export type FetchText = (
  url: string,
  init: { readonly signal: AbortSignal; readonly redirect: "error" },
) => Promise<{ readonly ok: boolean; readonly status: number; text(): Promise<string> }>;

/**
 * The address by which this machine is seen on the internet, as a block of one. Throws `operator-address-unknown` in one
 * line that asks for `--client-cidr`, also where the answer cannot be a public IPv4 address.
 */
export async function operatorCidr(fetchText: FetchText = fetch): Promise<string> {
  const address = await askAddress(fetchText);
  if (!isIPv4(address)) throw unknown(`${WHAT_IS_MY_ADDRESS} did not answer with an IPv4 address`);
  if (notPublic().check(address)) {
    throw unknown(`${WHAT_IS_MY_ADDRESS} answered with ${address}, which is not a public address`);
  }
  return `${address}/32`;
}

async function askAddress(fetchText: FetchText): Promise<string> {
  try {
    const reply = await fetchText(WHAT_IS_MY_ADDRESS, {
      signal: AbortSignal.timeout(ASK_WITHIN_MS),
      redirect: "error",
    });
    if (!reply.ok) throw new Error(`it answered ${reply.status}`);
    return (await reply.text()).trim();
  } catch (error) {
    throw unknown(`${WHAT_IS_MY_ADDRESS} could not be asked: ${reasonOf(error)}`, error);
  }
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error.name === "TimeoutError") return `no answer within ${ASK_WITHIN_MS / 1000} s`;
  // What fetch itself says is "fetch failed"; the cause says why.
  return error.cause instanceof Error ? error.cause.message || error.message : error.message;
}

function notPublic(): BlockList {
  const list = new BlockList();
  for (const [address, prefix] of NOT_PUBLIC) list.addSubnet(address, prefix, "ipv4");
  return list;
}

function unknown(why: string, cause?: unknown): RaftLiteError {
  return new RaftLiteError(
    "operator-address-unknown",
    `your own address is not known (${why}): say --client-cidr ADDRESS, the address or block that may talk to the nodes`,
    { cause },
  );
}
