import type { RaftSettings } from "../raft/core.ts";
import { defaultLimits } from "../raft/core.ts";
import { Raft } from "../raft/raft.ts";
import type { NodeId, RaftEvent, RaftView } from "../raft/types.ts";
import type { LogStore } from "../storage/log-store.ts";
import { Applier } from "./applier.ts";
import { ClientIntake } from "./client-intake.ts";
import { ClientReads } from "./client-reads.ts";
import { CommandRouter } from "./command-router.ts";
import { Commands } from "./commands.ts";
import { DEFAULT_MAX_WAITS } from "./defaults.ts";
import { Exchanges } from "./exchanges.ts";
import { LogTail } from "./log-tail.ts";
import type { NodeOptions } from "./node-options.ts";
import { NodePicture } from "./node-picture.ts";
import { NodeReporter } from "./node-reporter.ts";
import { PeerDirectory } from "./peer-directory.ts";
import type { Host } from "./ports.ts";
import { Waits } from "./waits.ts";
import type { NodeMessage } from "./wire.ts";
import { WriteFlow } from "./write-flow.ts";
import { Writer } from "./writer.ts";

/**
 * Long enough for the next command of a client that sends one after the other: its entry brings the news of the one
 * before along, and half of the calls between nodes are saved. Short enough for whoever watches a follower.
 */
const commitNoticeMs = 2;

/** What the parts ask of the node that they belong to. Called from any place; the node's turns do the rest. */
export interface NodeHooks {
  enqueue(event: RaftEvent | NodeMessage): void;
  /** There is something for a turn to do. */
  schedule(): void;
  wake(): void;
  callFailed(peer: NodeId, messages: readonly NodeMessage[], neverArrived: boolean): void;
  /** Inside a write's transaction. */
  flush(all: boolean): void;
  /** The write of that number is durable; 0: one that held nothing of the core's. */
  written(number: number): void;
  failed(error: unknown): void;
  /** Whether the node takes in anything new. */
  isOpen(): boolean;
  view(): RaftView;
}

export interface NodeParts {
  readonly raft: Raft;
  readonly tail: LogTail;
  readonly directory: PeerDirectory;
  readonly exchanges: Exchanges;
  readonly writer: Writer;
  readonly writes: WriteFlow;
  readonly applier: Applier;
  readonly commands: Commands;
  readonly reads: ClientReads;
  readonly waits: Waits;
  readonly router: CommandRouter;
  readonly intake: ClientIntake;
  readonly picture: NodePicture;
  readonly reporter: NodeReporter;
}

/** Makes the parts of a node and ties them together. Nothing has happened then. */
export function assemble(options: NodeOptions, log: LogStore, hooks: NodeHooks): NodeParts {
  const { id, timings, host, storage } = options;
  const reporter = new NodeReporter(
    { onEvent: options.onEvent, countEntries: options.countEntries },
    host.clock,
    options.stateMachine,
  );
  const tail = new LogTail(log);
  const applier = new Applier(storage, options.stateMachine, log, tail, options.flushEntries);
  const raft = restoreRaft(options, log);
  const directory = createDirectory(options, log);
  const exchanges = new Exchanges(
    directory,
    host,
    {
      deliver: (message) => hooks.enqueue(message),
      callFailed: (peer, messages, neverArrived) => hooks.callFailed(peer, messages, neverArrived),
      refused: (peer, address, refusal) => reporter.report({ type: "refused", peer, address, ...refusal }),
      directoryChanged: () => hooks.schedule(),
      introduced: () => hooks.wake(),
    },
    { callTimeoutMs: timings.electionTimeoutMinMs, holdMs: timings.electionTimeoutMinMs / 2 },
  );
  const writer = new Writer(storage, log, {
    flushApplied: (all) => hooks.flush(all),
    written: (number) => hooks.written(number),
    failed: (error) => hooks.failed(error),
  });
  const writes = new WriteFlow({
    log,
    tail,
    writer,
    exchanges,
    clock: host.clock,
    // A disk that takes longer than an election: whoever leads must be able to write.
    stallMs: timings.electionTimeoutMinMs,
  });
  const commands = new Commands(id, log.boot);
  const reads = new ClientReads(log.boot);
  const waits = new Waits(options.maxWaits ?? DEFAULT_MAX_WAITS);
  const addressOf = (peer: NodeId) => directory.addressOf(peer);
  const router = new CommandRouter({
    raft,
    tail,
    applier,
    commands,
    reads,
    waits,
    exchanges,
    entryTime: () => writes.nextTime(),
    addressOf,
  });
  const view = () => hooks.view();
  const intake = new ClientIntake({
    id,
    clock: host.clock,
    commands,
    reads,
    waits,
    reporter,
    maxWaitingBytes: options.maxWaitingBytes,
    isOpen: () => hooks.isOpen(),
    view,
    addressOf,
    readPoint: () => ({ ordinal: tail.ordinalAfter(applier.applied) - 1, ...router.served }),
    schedule: () => hooks.schedule(),
    wake: () => hooks.wake(),
  });
  const seen = { id, timings, clock: host.clock, log, tail, raft, view, directory, applier, writer };
  const picture = new NodePicture({ ...seen, commands, reads, waits, reporter });
  return {
    raft,
    tail,
    directory,
    exchanges,
    writer,
    writes,
    applier,
    commands,
    reads,
    waits,
    router,
    intake,
    picture,
    reporter,
  };
}

function restoreRaft({ id, timings, host, ...options }: NodeOptions, log: LogStore): Raft {
  const settings: RaftSettings = {
    ...defaultLimits,
    commitNoticeMs,
    ...options.limits,
    ...timings,
    electionPriority: options.electionPriority ?? "normal",
    id,
    storeId: log.storeId,
  };
  const restored = {
    hardState: log.hardState,
    runs: log.runs,
    lastIndex: log.lastIndex,
    configurations: log.configurations,
    commitIndex: log.applied,
    // Who has no cluster yet has to find one.
    quiet: options.quiet === true && log.clusterId !== null,
  };
  return Raft.restore(settings, restored, host.random32(), host.clock.now());
}

function createDirectory(options: NodeOptions, log: LogStore): PeerDirectory {
  const { id, peers, advertise, fallbackAddress, host } = options;
  const directory = new PeerDirectory({
    id,
    storeId: log.storeId,
    peers,
    advertise,
    fallbackAddress,
    candidateClusterId: mintId(host),
    clusterId: log.clusterId,
  });
  directory.setConfiguration(log.configurations.at(-1)?.configuration ?? null);
  return directory;
}

/** 128 random bits in hexadecimal. */
export function mintId(host: Host): string {
  return Array.from({ length: 4 }, () => host.random32().toString(16).padStart(8, "0")).join("");
}
