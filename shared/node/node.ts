import { RaftLiteError } from "../errors.ts";
import type { Raft } from "../raft/raft.ts";
import type { LogIndex, NodeId, RaftEvent, RaftTrace, RaftView, Work } from "../raft/types.ts";
import type { LogEntry } from "../storage/entry.ts";
import { LogStore } from "../storage/log-store.ts";
import type {
  CommandOutcome,
  ExchangeReply,
  Health,
  Metric,
  NodeApi,
  NodeStatus,
  ReadPoint,
  RequestOptions,
  SingleMessageType,
  Subscribe,
  WaitEnd,
  WaitOptions,
} from "./api.ts";
import type { Applier } from "./applier.ts";
import type { ClientIntake } from "./client-intake.ts";
import type { ClientReads } from "./client-reads.ts";
import type { CommandRouter } from "./command-router.ts";
import type { Commands } from "./commands.ts";
import type { Exchanges } from "./exchanges.ts";
import { problemReply } from "./exchanges.ts";
import { Leaving } from "./leaving.ts";
import type { LogTail } from "./log-tail.ts";
import type { NodeOptions } from "./node-options.ts";
import { assemble, mintId } from "./node-parts.ts";
import type { NodePicture } from "./node-picture.ts";
import type { NodeReporter } from "./node-reporter.ts";
import type { PeerDirectory } from "./peer-directory.ts";
import type { ExchangeBody, Host } from "./ports.ts";
import type { NodeRecorder } from "./recorder.ts";
import { unavailableError } from "./refusals.ts";
import { answerSingle } from "./single-message.ts";
import type { Waits } from "./waits.ts";
import type { NodeMessage } from "./wire.ts";
import type { WriteFlow } from "./write-flow.ts";
import type { Writer } from "./writer.ts";

/**
 * One running node: core, storage, transport, timer and state machine tied together. The only place where effects
 * happen. A turn takes in everything that has arrived, steps the core through it, and does the work that came out:
 * sends beside the write, one transaction and one sync for all, applies, answers.
 */
export class RaftNode implements NodeApi {
  readonly id: NodeId;
  readonly #options: NodeOptions;
  readonly #host: Host;
  readonly #log: LogStore;
  readonly #tail: LogTail;
  readonly #raft: Raft;
  readonly #directory: PeerDirectory;
  readonly #exchanges: Exchanges;
  readonly #writer: Writer;
  readonly #writes: WriteFlow;
  readonly #applier: Applier;
  readonly #commands: Commands;
  readonly #reads: ClientReads;
  readonly #waits: Waits;
  readonly #router: CommandRouter;
  readonly #intake: ClientIntake;
  readonly #picture: NodePicture;
  readonly #reporter: NodeReporter;
  readonly #recorder: NodeRecorder | undefined;
  readonly #leaving: Leaving;
  #queue: (RaftEvent | NodeMessage)[] = [];
  #deadline = 0;
  #scheduled = false;
  /** `draining`: clients get answers to what they asked before, and nothing new is begun. */
  #state: "new" | "running" | "stopping" | "draining" | "stopped" | "failed" = "new";
  /** As it would be found after a crash: not moved while a term or a vote is on its way to the disk. */
  #view: RaftView;
  #provisionalKey = "";
  #wasQuiet = false;

  private constructor(options: NodeOptions, log: LogStore) {
    this.id = options.id;
    this.#options = options;
    this.#recorder = options.recorder;
    this.#host = options.host;
    this.#log = log;
    const parts = assemble(options, log, {
      enqueue: (event) => this.#enqueue(event),
      schedule: () => this.#schedule(),
      wake: () => this.wake(),
      callFailed: (peer, messages, neverArrived) => this.#onCallFailed(peer, messages, neverArrived),
      flush: (all) => this.#flush(all),
      written: (number) => this.#onWritten(number),
      failed: (error) => this.#fail(error),
      isOpen: () => !this.#isDeaf() && this.#state !== "draining",
      view: () => this.#view,
    });
    this.#raft = parts.raft;
    this.#tail = parts.tail;
    this.#directory = parts.directory;
    this.#exchanges = parts.exchanges;
    this.#writer = parts.writer;
    this.#writes = parts.writes;
    this.#applier = parts.applier;
    this.#commands = parts.commands;
    this.#reads = parts.reads;
    this.#waits = parts.waits;
    this.#router = parts.router;
    this.#intake = parts.intake;
    this.#picture = parts.picture;
    this.#reporter = parts.reporter;
    this.#view = parts.raft.view();
    this.#leaving = new Leaving({
      raft: parts.raft,
      clock: options.host.clock,
      commands: parts.commands,
      reads: parts.reads,
      writer: parts.writer,
      electionTimeoutMs: options.timings.electionTimeoutMinMs,
      transfer: () => this.#enqueue({ type: "transfer" }),
      wake: () => this.wake(),
      schedule: () => this.#schedule(),
      isDeaf: () => this.#isDeaf(),
    });
  }

  /**
   * Opens the node's data and makes its start count. Throws what `LogStore.open` throws; nothing has been sent then.
   */
  static async open(options: NodeOptions): Promise<RaftNode> {
    const mintStoreId = () => mintId(options.host);
    const opening = LogStore.opening(options.storage, { id: options.id, mintStoreId });
    let step = opening.next();
    while (!step.done) {
      const others = options.whileOpening?.();
      if (others !== undefined) await others;
      step = opening.next();
    }
    const log = step.value;
    const node = new RaftNode(options, log);
    // The number of this start names commands: it must not be used again after a crash.
    await options.storage.sync();
    options.recorder?.opened(log);
    return node;
  }

  /** Somebody counts on the cluster: a node that has fallen silent takes part again. Clients' requests say so themselves. */
  wake(): void {
    if (this.#raft.quiet) this.#enqueue({ type: "wake" });
  }

  /** Begins to take part. */
  start(): void {
    if (this.#state !== "new") return;
    this.#state = "running";
    this.#schedule();
  }

  /**
   * The node has nothing to do and no deadline: it, and its cluster as far as it knows, have fallen silent until
   * somebody comes. A host may take its memory away then, without leaving anything behind that would bring it back.
   */
  get isQuiet(): boolean {
    return this.#raft.quiet;
  }

  /** The data directory's own name. */
  get storeId(): string {
    return this.#log.storeId;
  }

  // ---- for clients ----

  execute(schema: number, bytes: Uint8Array, options: RequestOptions): Promise<CommandOutcome> {
    return this.#intake.execute(schema, bytes, options);
  }

  read(options: RequestOptions): Promise<ReadPoint> {
    return this.#intake.read(options);
  }

  wait(subscribe: Subscribe, options: WaitOptions): Promise<WaitEnd> {
    return this.#intake.wait(subscribe, options);
  }

  status(logLimit: number): NodeStatus {
    return this.#picture.status(logLimit);
  }

  health(): Health {
    if (this.#state === "failed") return { healthy: false, reason: "this node has failed" };
    if (this.#state === "stopped") return { healthy: false, reason: "this node has stopped" };
    return this.#picture.health();
  }

  metrics(): readonly Metric[] {
    return this.#picture.metrics();
  }

  /** Id of the leader that this node knows, in a quiet cluster of the last one; null when it knows none. */
  get leader(): NodeId | null {
    return this.#view.leader;
  }

  addresses(): { readonly leader: string | null; readonly peers: readonly string[] } {
    // A quiet node that lost its memory would say for ever that nobody leads.
    if (this.leader === null) this.wake();
    return this.#picture.addresses();
  }

  // ---- for peers and the host ----

  exchange(body: ExchangeBody): Promise<ExchangeReply> {
    if (this.#isDeaf()) return Promise.resolve(notRunning());
    return this.#exchanges.receive(body);
  }

  single(type: SingleMessageType, body: string): Promise<ExchangeReply> {
    if (this.#isDeaf()) return Promise.resolve(notRunning());
    return answerSingle(type, body, {
      introduction: this.#directory.introduction(),
      directory: this.#directory,
      term: () => this.#view.term,
      converse: (message, answer) => this.#exchanges.converseApart(message, answer),
    });
  }

  #isDeaf(): boolean {
    return this.#state !== "running" && this.#state !== "stopping" && this.#state !== "draining";
  }

  /** The connection with `peer` closed and its port refused a new one. */
  peerLost(peer: NodeId): void {
    if (this.#view.leader === peer) this.#enqueue({ type: "peer-lost", peer });
  }

  /** Hands leadership over, answers what can be answered, writes what was applied, and falls silent. */
  async stop(): Promise<void> {
    if (this.#state !== "running") return;
    this.#state = "stopping";
    this.#reporter.report({ type: "stopping" });
    if (this.#raft.role === "Leader") await this.#leaving.handOver();
    if (this.#isDeaf()) return;
    this.#state = "draining";
    this.#waits.endAll("stopping");
    await this.#leaving.drain();
    // Whoever has failed meanwhile may have applied half an entry: a write would make it count as applied.
    if (this.#isDeaf()) return;
    this.#rejectClients("stopping");
    this.#writer.start(this.#host.clock.now(), true);
    await this.#leaving.written();
    if (this.#isDeaf()) return;
    this.#state = "stopped";
    this.#recorder?.stopped();
    this.#exchanges.close();
    this.#host.timer.clear();
    this.#reporter.report({ type: "stopped" });
  }

  /**
   * Falls silent at once, as by a crash: nobody is told, nothing more is written. Clients that wait are refused, with
   * what is certain of their commands.
   */
  halt(): void {
    if (this.#isDeaf()) return;
    this.#state = "stopped";
    this.#fallSilent("stopping");
  }

  // ---- the loop ----

  #enqueue(event: RaftEvent | NodeMessage): void {
    this.#queue.push(event);
    this.#schedule();
  }

  #schedule(): void {
    if (this.#scheduled || this.#isDeaf()) return;
    this.#scheduled = true;
    this.#host.defer(() => {
      this.#scheduled = false;
      if (this.#isDeaf()) return;
      try {
        this.#turn();
      } catch (error) {
        this.#fail(error);
      }
    });
  }

  #turn(): void {
    const now = this.#host.clock.now();
    this.#reporter.turnBegins(now);
    const events = this.#queue;
    this.#queue = [];
    for (const event of events) this.#take(event, now);
    this.#reportDirectory(now);
    // What has arrived comes before what is late: a deadline that passed while this node slept proves nothing.
    if (now >= this.#deadline) this.#raft.step({ type: "deadline" }, now);
    if (this.#writes.takeStall(now)) {
      this.#recorder?.stalled();
      this.#raft.step({ type: "storage-stalled" }, now);
    }
    this.#commands.expire(now, this.#view.leader);
    this.#commands.retry(now);
    this.#reads.expire(now, this.#view.leader);
    this.#waits.expire(now);
    this.#router.noticeLeader();
    // Whoever waits here counts on the cluster, though it fell silent after he came.
    if (this.#raft.quiet && this.#commands.count + this.#reads.count > 0)
      this.#raft.step({ type: "wake" }, now);
    this.#router.route(now);
    this.#work(this.#raft.takeWork());
    this.#exchanges.settle(this.#writes.durable, now);
    if (!this.#raft.quiet) this.#exchanges.dial(now);
    // Before the write: the others write the same entries meanwhile.
    this.#exchanges.flush();
    const fallsSilent = this.#fallsSilent();
    // What falls silent writes all of it down.
    if (fallsSilent) this.#applySome();
    this.#writer.start(this.#host.clock.now(), fallsSilent);
    // What cannot be written cannot be relied on to read either: entries are not applied to it.
    if (this.#isDeaf()) return;
    // Beside the write, here and at the others; what it takes is not the disk's time.
    const appliesAt = this.#host.clock.now();
    this.#applySome();
    this.#writer.excuse(this.#host.clock.now() - appliesAt);
    this.#tail.evict(Math.min(this.#raft.durableIndex, this.#applier.applied), this.#raft.replicatedIndex);
    this.#setTimer();
    this.#reporter.turnEnds();
    this.#leaving.turned();
  }

  /** It does so in this turn: whoever looks at it after it lost its memory is to see all that was committed. */
  #fallsSilent(): boolean {
    const wasQuiet = this.#wasQuiet;
    this.#wasQuiet = this.#raft.quiet;
    return !wasQuiet && this.#wasQuiet;
  }

  #take(event: RaftEvent | NodeMessage, now: number): void {
    switch (event.type) {
      case "Forward":
        this.#reporter.counters.messages++;
        this.#raft.step({ type: "wake" }, now);
        this.#router.takeForward(event, now);
        return;
      case "ForwardResponse":
        this.#reporter.counters.messages++;
        this.#commands.recordAnswer(event, now);
        return;
      case "RequestVote":
      case "RequestVoteResponse":
      case "AppendEntries":
      case "AppendEntriesResponse":
      case "TimeoutNow":
      case "ReadIndex":
      case "ReadIndexResponse":
        this.#reporter.counters.messages++;
        this.#raft.step({ type: "message", message: event }, now);
        return;
      case "persisted":
        this.#writes.recordDurable(event.number);
        this.#recorder?.durable(event.number);
        this.#raft.step(event, now);
        this.#writes.sendWaiting();
        return;
      default:
        this.#raft.step(event, now);
    }
  }

  /** What was learned of the peers: a stand-in configuration before the first one, a claim after it. */
  #reportDirectory(now: number): void {
    if (this.#raft.configurationIndex === 0) {
      const configuration = this.#directory.provisional();
      const key = JSON.stringify(configuration);
      if (key === this.#provisionalKey) return;
      this.#provisionalKey = key;
      this.#raft.step({ type: "discovered", configuration }, now);
      return;
    }
    if (this.#raft.role !== "Leader") return;
    const member = this.#directory.claimant();
    if (member) this.#raft.step({ type: "claim", member }, now);
  }

  #work(work: Work): void {
    this.#deadline = work.deadline;
    const staged = this.#writes.stage(work.persist);
    this.#recorder?.worked(work, staged?.entries ?? []);
    this.#report(work.trace, staged?.entries ?? null);
    this.#writes.dispatch(work, staged);
    if (work.commit) this.#commit(work.commit.first, work.commit.last);
    for (const { readId, readIndex } of work.reads) this.#reads.recordOutcome(readId, readIndex);
    if (this.#raft.hardStateIsDurable()) this.#view = this.#raft.view();
  }

  #report(traces: readonly RaftTrace[], appended: readonly LogEntry[] | null): void {
    const { role, term, configuration, configurationIndex } = this.#raft;
    for (const trace of traces) {
      if (trace.type === "configuration" || trace.type === "truncated") {
        this.#directory.setConfiguration(configurationIndex === 0 ? null : configuration);
      }
      this.#reporter.report(trace);
    }
    if (appended) this.#reporter.appended(appended, role === "Leader" ? term : null);
  }

  #commit(first: LogIndex, last: LogIndex): void {
    this.#applier.commitTo(last);
    const { configuration, role } = this.#raft;
    if (configuration && this.#directory.clusterId === null) this.#directory.bind(configuration.clusterId);
    const end = this.#tail.ordinalAfter(last);
    const commands = { count: end - this.#tail.ordinalAfter(first - 1), ordinal: end - 1 };
    this.#reporter.committed(commands, role === "Leader", () => this.#tail.range(first, last));
  }

  #applySome(): void {
    const before = this.#applier.applied;
    this.#applier.applySome((entry, result) => {
      this.#commands.complete(entry, this.#router.served.leader, result);
      this.#reporter.applied(entry);
    });
    const { applied } = this.#applier;
    if (applied > before) this.#router.noticeApplied();
    this.#recorder?.applied(applied);
    this.#reads.release(applied, this.#recorder);
    if (this.#applier.isBehind) this.#schedule();
  }

  /** Inside the write's transaction. */
  #flush(all: boolean): void {
    const { clusterId } = this.#directory;
    if (clusterId !== null && this.#log.clusterId === null) this.#log.bindCluster(clusterId);
    this.#applier.flush(all);
  }

  #onWritten(number: number): void {
    if (number > 0) this.#enqueue({ type: "persisted", number });
    else this.#schedule();
  }

  #onCallFailed(peer: NodeId, messages: readonly NodeMessage[], neverArrived: boolean): void {
    const now = this.#host.clock.now();
    for (const message of messages) {
      if (message.type === "Forward") this.#commands.recordFailedCall(message, neverArrived, now);
    }
    this.#enqueue({ type: "unreachable", peer });
  }

  #setTimer(): void {
    const hold = this.#commands.hasUnsent ? this.#commands.holdUntil : Number.NEGATIVE_INFINITY;
    const at = Math.min(
      this.#deadline,
      this.#writes.stallAt,
      this.#commands.deadline,
      hold > this.#host.clock.now() ? hold : Number.POSITIVE_INFINITY,
      this.#reads.deadline,
      this.#waits.deadline,
      this.#exchanges.replyAt,
      this.#raft.quiet ? Number.POSITIVE_INFINITY : this.#exchanges.askAt,
      this.#leaving.deadline,
    );
    this.#host.timer.set(at, () => this.#schedule());
  }

  #fail(error: unknown): void {
    if (this.#state === "failed") return;
    this.#state = "failed";
    this.#recorder?.failed(error);
    this.#fallSilent("failed");
    this.#options.onFatal(error);
  }

  #fallSilent(code: "stopping" | "failed"): void {
    this.#exchanges.close();
    this.#host.timer.clear();
    this.#rejectClients(code);
    this.#leaving.turned();
  }

  #rejectClients(code: "stopping" | "failed"): void {
    this.#commands.rejectAll((outcome) => unavailableError(code, this.id, outcome));
    this.#reads.rejectAll(unavailableError(code, this.id, "none"));
    this.#waits.rejectAll(unavailableError(code, this.id, "none"));
  }
}

function notRunning(): ExchangeReply {
  return problemReply(new RaftLiteError("stopping", "this node is not running", { status: 503 }));
}
