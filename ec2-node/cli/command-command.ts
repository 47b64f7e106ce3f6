import { Command } from "commander";
import { RaftLiteError } from "../../shared/errors.ts";
import { printable } from "../../shared/printable.ts";
import { DEFAULT_PORT, LOCAL_HOST } from "../defaults.ts";
import type { JsonReply } from "./http-json.ts";
import { requestJson } from "./http-json.ts";
import { readUrl } from "./node-options.ts";
import { readSecretFile } from "./secrets.ts";

/** Longer than the 5 s that a node gives a command by itself: its own answer says more than ours would. */
const TIMEOUT_MS = 10_000;

interface CommandFlags {
  readonly url: string;
  readonly tokenFile?: string;
  readonly json?: boolean;
}

/** `raft-lite command "SET x=5"`: one command to a cluster, by any of its nodes. */
export function commandCommand(): Command {
  return new Command("command")
    .description('run one command: "SET x=5", "GET x", "DEL x" or "CAS x 5 6"')
    .argument("<command...>", "the command; best in quotes")
    .option("--url <url>", "any node of the cluster", `http://${LOCAL_HOST}:${DEFAULT_PORT}`)
    .option("--token-file <file>", "the token that the clients' routes ask for")
    .option("--json", "print the node's reply as it is")
    .action(async (words: string[], flags: CommandFlags) => {
      const url = readUrl("--url", flags.url);
      const token = flags.tokenFile === undefined ? null : readSecretFile("--token-file", flags.tokenFile);
      await sendCommand(url, words.join(" "), { token, json: flags.json ?? false });
    });
}

/** Sends one command to the node at `url` and prints what became of it. Throws in one line where it was not carried out. */
export async function sendCommand(
  url: string,
  cmd: string,
  { token, json }: { token: string | null; json: boolean },
): Promise<void> {
  const reply = await send(url, cmd, token);
  if (json) process.stdout.write(`${printable(JSON.stringify(reply.body))}\n`);
  else if (reply.status === 200) process.stdout.write(`${resultText(reply.body)}\n`);
  if (reply.status !== 200) throw failure(url, reply);
}

async function send(url: string, cmd: string, token: string | null): Promise<JsonReply> {
  try {
    return await requestJson(`${url}/command`, {
      method: "POST",
      body: { cmd },
      token,
      timeoutMs: TIMEOUT_MS,
    });
  } catch (error) {
    if (!(error instanceof RaftLiteError)) throw error;
    const then =
      error.details.refused === true
        ? "; name another node with --url"
        : " (it may have been carried out, or still be)";
    throw new RaftLiteError(error.code, error.message + then);
  }
}

/**
 * The result on the first line, as it is, and what became of the command on the second.
 * @internal for tests
 */
export function resultText(body: unknown): string {
  const { result, index, term, leader } = body as Record<string, unknown>;
  const shown = typeof result === "string" ? result : JSON.stringify(result);
  return `${printable(shown)}\n${printable(`(index ${index}, term ${term}, leader ${leader})`)}`;
}

/**
 * What the node's problem+json says, and what it means for the command.
 * @internal for tests
 */
export function failure(url: string, { status, body }: JsonReply): RaftLiteError {
  const problem = typeof body === "object" && body !== null ? (body as Record<string, unknown>) : {};
  const said = problem.detail ?? problem.error;
  if (typeof said !== "string") {
    return new RaftLiteError("no-node", `${url} is no node of ours: it answered HTTP ${status}`);
  }
  const code = typeof problem.code === "string" ? problem.code : "refused";
  const outcome =
    problem.outcome === "unknown"
      ? " (it may have been carried out, or still be)"
      : problem.outcome === "none"
        ? " (it was not carried out)"
        : "";
  return new RaftLiteError(code, `${said}${outcome}`);
}
