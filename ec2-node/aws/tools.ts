import { sendCommand } from "../cli/command-command.ts";
import type { NodeReport } from "../cli/node-report.ts";
import { reportOf } from "../cli/node-report.ts";
import type { Bundle } from "./bundle/load-bundle.ts";
import { loadBundle } from "./bundle/load-bundle.ts";
import { operatorCidr } from "./client-cidr.ts";
import type { AwsClients } from "./clients.ts";
import { openClients } from "./clients.ts";
import { confirm } from "./confirm.ts";
import type { Pace } from "./pace.ts";
import { realPace } from "./pace.ts";
import type { ProgressStream } from "./progress.ts";

export interface OutputStream extends ProgressStream {
  readonly isTTY?: boolean;
}

/** Everything that the commands have from outside: tests put others in their places. */
export interface Tools {
  readonly openClients: (region: string | undefined) => Promise<AwsClients>;
  readonly pace: Pace;
  /** Milliseconds since 1970. */
  readonly wallTime: () => number;
  readonly stdout: OutputStream;
  readonly stderr: OutputStream;
  readonly confirm: (question: string) => Promise<boolean>;
  readonly operatorCidr: () => Promise<string>;
  readonly loadBundle: () => Promise<Bundle>;
  /** Asks a node how it is; never rejects. */
  readonly report: (url: string) => Promise<NodeReport>;
  /** Sends one command to a node and prints what became of it. */
  readonly sendCommand: typeof sendCommand;
  /** Aborted when the user wants to end what goes on by itself. */
  readonly stop: AbortSignal;
}

/** An answer from another continent takes less. */
const REPORT_WITHIN_MS = 5_000;

export function realTools(stop: AbortSignal): Tools {
  return {
    openClients,
    pace: realPace,
    wallTime: () => Date.now(),
    stdout: process.stdout,
    stderr: process.stderr,
    confirm: (question) => confirm(question),
    operatorCidr: () => operatorCidr(),
    loadBundle,
    report: (url) => reportOf(url, null, REPORT_WITHIN_MS),
    sendCommand,
    stop,
  };
}
