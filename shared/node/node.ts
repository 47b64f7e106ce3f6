import { RaftLiteError } from "../errors.ts";
import type { RaftSettings } from "../raft/core.ts";
import { defaultLimits } from "../raft/core.ts";
import { Raft } from "../raft/raft.ts";
import type {
  Entry,
  LogIndex,
  Member,
  NodeId,
  OutgoingMessage,
  RaftEvent,
  RaftTrace,
  RaftView,
  Work,
} from "../raft/types.ts";
import type { LogEntry, Origin, Payload } from "../storage/entry.ts";
import { LogStore } from "../storage/log-store.ts";
import type { DurableStorage } from "../storage/port.ts";
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
} from "./api.ts";
import { Applier } from "./applier.ts";
import { ClientReads } from "./client-reads.ts";
import { Commands } from "./commands.ts";
import type { Timings } from "./defaults.ts";
import type { NodeEventSink, NodeTrace } from "./events.ts";
import { Exchanges } from "./exchanges.ts";
import { LogTail } from "./log-tail.ts";
import { healthOf, metricsOf, statusOf } from "./node-status.ts";
import type { ListedPeer } from "./peer-directory.ts";
import { PeerDirectory } from "./peer-directory.ts";
import type { Host } from "./ports.ts";
import { answerSingle } from "./single-message.ts";
import type { StateMachine } from "./state-machine.ts";
import type { Forward, ForwardResult, NodeMessage } from "./wire.ts";
import { Writer } from "./writer.ts";

export interface NodeOptions {
  readonly id: NodeId;
  /** The other nodes as this one was told; empty for a cluster of one. */
  readonly peers: readonly ListedPeer[];
  /** URL under which peers reach this node; null: what their lists say. */
  readonly advertise: string | null;
  /** URL that serves until a peer has told; asked for when the node has been started. */
  readonly fallbackAddress: () => string;
  readonly timings: Timings;
  readonly storage: DurableStorage;
  readonly stateMachine: StateMachine;
  readonly host: Host;
  readonly onEvent?: NodeEventSink;
  /** The node has stopped for good: its storage failed, or a rule of Raft did not hold. Called once. */
  readonly onFatal: (error: unknown) => void;
  readonly limits?: Partial<typeof defaultLimits>;
}

/** Commands and reads that may wait at one node at a time; more are refused with 429. */
const maxWaiting = 10_000;
const maxWaitingBytes = 64 << 20;
/** A value of one mebibyte, a key, and what describes them: it must fit into one exchange, however it is encoded. */
const maxCommandBytes = (1 << 20) + (64 << 10);
/** A stopping leader waits this long for a successor, and then for what its clients still wait for. */
const handOverMs = 1000;
const drainMs = 300;

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
  readonly #applier: Applier;
  readonly #commands: Commands;
  readonly #reads: ClientReads;
  #queue: (RaftEvent | NodeMessage)[] = [];
  /** Messages that wait for a write, by its number. */
  #afterWrite: { readonly number: number; readonly messages: readonly NodeMessage[] }[] = [];
  #issuedWrite = 0;
  #durableWrite = 0;
  #deadline = 0;
  #scheduled = false;
  #state: "new" | "running" | "stopping" | "stopped" | "failed" = "new";
  /** As it would be found after a crash: not moved while a term or a vote is on its way to the disk. */
  #view: RaftView;
  #leaderKey = "";
  #provisionalKey = "";
  #stallReported = false;
  /** Commands in the log that are not applied yet, at a leader: one that comes again is not appended again. */
  #unapplied: Map<string, LogIndex> | null = null;
  /** The newest forward taken in from each node, so that a late copy is not taken in again. */
  readonly #forwards = new Map<NodeId, { readonly boot: number; readonly call: number }>();
  readonly #counters = { elections: 0, commands: 0, reads: 0, messages: 0, truncations: 0 };
  #whenIdle: (() => void)[] = [];

  private constructor(options: NodeOptions, log: LogStore) {
    const { id, timings, host, storage } = options;
    this.id = id;
    this.#options = options;
    this.#host = host;
    this.#log = log;
    this.#tail = new LogTail(log);
    this.#applier = new Applier(storage, options.stateMachine, log, this.#tail);
    const settings: RaftSettings = {
      ...defaultLimits,
      ...options.limits,
      ...timings,
      id,
      storeId: log.storeId,
    };
    this.#raft = Raft.restore(
      settings,
      {
        hardState: log.hardState,
        runs: log.runs,
        lastIndex: log.lastIndex,
        configurations: log.configurations,
        commitIndex: log.applied,
      },
      host.random32(),
      host.clock.now(),
    );
    this.#view = this.#raft.view();
    this.#directory = new PeerDirectory({
      id,
      storeId: log.storeId,
      peers: options.peers,
      advertise: options.advertise,
      fallbackAddress: options.fallbackAddress,
      candidateClusterId: mintId(host),
      clusterId: log.clusterId,
    });
    this.#directory.setConfiguration(log.configurations.at(-1)?.configuration ?? null);
    this.#exchanges = new Exchanges(
      this.#directory,
      host,
      {
        deliver: (message) => this.#enqueue(message),
        callFailed: (peer, messages, neverArrived) => this.#onCallFailed(peer, messages, neverArrived),
        refused: (peer, address, refusal) => this.#emit({ type: "refused", peer, address, ...refusal }),
        directoryChanged: () => this.#schedule(),
      },
      { callTimeoutMs: timings.electionTimeoutMinMs, holdMs: timings.electionTimeoutMinMs / 2 },
    );
    this.#writer = new Writer(storage, log, {
      flushApplied: () => this.#flush(),
      written: (number) => this.#onWritten(number),
      failed: (error) => this.#fail(error),
    });
    this.#commands = new Commands(id, log.boot);
    this.#reads = new ClientReads(log.boot);
  }

  /**
   * Opens the node's data and makes its start count. Throws what `LogStore.open` throws; nothing has been sent then.
   */
  static async open(options: NodeOptions): Promise<RaftNode> {
    const mintStoreId = () => mintId(options.host);
    const log = LogStore.open(options.storage, { id: options.id, mintStoreId });
    const node = new RaftNode(options, log);
    // The number of this start names commands: it must not be used again after a crash.
    await options.storage.sync();
    return node;
  }

  /** Begins to take part. */
  start(): void {
    if (this.#state !== "new") return;
    this.#state = "running";
    this.#schedule();
  }

  /** The data directory's own name. */
  get storeId(): string {
    return this.#log.storeId;
  }

  // ---- for clients ----

  execute(schema: number, bytes: Uint8Array, options: RequestOptions): Promise<CommandOutcome> {
    const refusal = this.#refusal(options, bytes.length);
    if (refusal) return Promise.reject(refusal);
    this.#counters.commands++;
    return new Promise((resolve, reject) => {
      const deadline = this.#host.clock.now() + options.timeoutMs;
      this.#commands.add({ schema, bytes, deadline, forward: options.forward, resolve, reject });
      this.#schedule();
    });
  }

  async read(options: RequestOptions): Promise<ReadPoint> {
    const refusal = this.#refusal(options, 0);
    if (refusal) throw refusal;
    this.#counters.reads++;
    await new Promise<void>((resolve, reject) => {
      this.#reads.add({ deadline: this.#host.clock.now() + options.timeoutMs, resolve, reject });
      this.#schedule();
    });
    const { term, leader } = this.#view;
    return { ordinal: this.#tail.ordinalAfter(this.#applier.applied) - 1, term, leader: leader ?? "" };
  }

  #refusal(options: RequestOptions, bytes: number): RaftLiteError | null {
    const none = { outcome: "none" };
    if (this.#state !== "running" && this.#state !== "stopping") {
      return new RaftLiteError("stopping", `node ${this.id} is not running`, { status: 503, details: none });
    }
    if (bytes > maxCommandBytes) {
      return new RaftLiteError(
        "command-too-large",
        `a command is at most ${maxCommandBytes} bytes, this one is ${bytes}`,
        { status: 413 },
      );
    }
    const { role, leader } = this.#view;
    if (!options.forward && role !== "Leader") return this.#notLeader(leader);
    const waiting = this.#commands.count + this.#reads.count;
    if (waiting >= maxWaiting || this.#commands.bytes + bytes > maxWaitingBytes) return overloaded(waiting);
    return null;
  }

  #notLeader(leader: NodeId | null): RaftLiteError {
    if (leader === null) {
      return new RaftLiteError("no-leader", "No leader is known", {
        status: 503,
        details: { outcome: "none" },
      });
    }
    const leaderUrl = this.#directory.addressOf(leader);
    return new RaftLiteError("not-leader", "Not leader", { status: 403, details: { leader, leaderUrl } });
  }

  status(logLimit: number): NodeStatus {
    return statusOf(
      {
        id: this.id,
        storeId: this.storeId,
        view: this.#view,
        // The picture may be older than a truncation that is on its way to the disk.
        durableIndex: Math.min(this.#view.durableIndex, this.#raft.view().durableIndex),
        applied: this.#applier.applied,
      },
      this.#directory,
      this.#tail,
      (entry) => this.#describe(entry),
      logLimit,
    );
  }

  health(): Health {
    if (this.#state === "failed") return { healthy: false, reason: "this node has failed" };
    if (this.#state === "stopped") return { healthy: false, reason: "this node has stopped" };
    return healthOf(this.#view, {
      now: this.#host.clock.now(),
      contactAt: this.#raft.contactAt(),
      patienceMs: this.#longestElectionTimeoutMs(),
      applied: this.#applier.applied,
      problem: this.#directory.problem(),
    });
  }

  /** In force now: the leader's heartbeat may have stretched this node's own. */
  #longestElectionTimeoutMs(): number {
    const { electionTimeoutMinMs, electionTimeoutMaxMs } = this.#options.timings;
    return (this.#raft.electionTimeoutMs() * electionTimeoutMaxMs) / electionTimeoutMinMs;
  }

  metrics(): readonly Metric[] {
    return metricsOf(this.#view, {
      ...this.#counters,
      applied: this.#applier.applied,
      writeGroups: this.#writer.groups,
      waitingCommands: this.#commands.count,
      waitingReads: this.#reads.count,
      boot: this.#log.boot,
    });
  }

  addresses(): { readonly leader: string | null; readonly peers: readonly string[] } {
    const { leader } = this.#view;
    const self = this.#directory.advertisedAddress;
    const others = this.#directory.peers().map(({ address }) => address);
    return {
      leader: leader === this.id ? self : leader === null ? null : this.#directory.addressOf(leader),
      peers: [self, ...others],
    };
  }

  // ---- for peers and the host ----

  exchange(body: string): Promise<ExchangeReply> {
    if (this.#isDeaf()) return Promise.resolve(notRunning());
    return this.#exchanges.receive(body);
  }

  single(type: SingleMessageType, body: string): Promise<ExchangeReply> {
    if (this.#isDeaf()) return Promise.resolve(notRunning());
    return answerSingle(type, body, {
      introduction: this.#directory.introduction(),
      directory: this.#directory,
      term: () => this.#view.term,
      converse: (peer, messages, answer) => this.#exchanges.converse(peer, messages, answer),
    });
  }

  #isDeaf(): boolean {
    return this.#state !== "running" && this.#state !== "stopping";
  }

  /** The connection with `peer` closed and its port refused a new one. */
  peerLost(peer: NodeId): void {
    if (this.#view.leader === peer) this.#enqueue({ type: "peer-lost", peer });
  }

  /** Hands leadership over, answers what can be answered, writes what was applied, and falls silent. */
  async stop(): Promise<void> {
    if (this.#state !== "running") return;
    this.#state = "stopping";
    this.#emit({ type: "stopping" });
    if (this.#raft.view().role === "Leader") {
      this.#enqueue({ type: "transfer" });
      await this.#until(handOverMs, () => this.#raft.view().role !== "Leader" || !this.#hasSuccessor());
    }
    await this.#until(drainMs, () => this.#commands.count === 0 && this.#reads.count === 0);
    this.#rejectClients("stopping", `node ${this.id} is stopping`);
    this.#writer.start(this.#host.clock.now(), true);
    await this.#until(handOverMs, () => this.#writer.startedAt === null);
    if (this.#isDeaf()) return;
    this.#state = "stopped";
    // Whatever came while the last write was under way.
    this.#rejectClients("stopping", `node ${this.id} is stopping`);
    this.#exchanges.close();
    this.#host.timer.clear();
    this.#emit({ type: "stopped" });
  }

  /** Somebody else is up who could lead. */
  #hasSuccessor(): boolean {
    const patienceMs = this.#options.timings.electionTimeoutMinMs;
    return this.#raft.view().peers.some(({ contactMs }) => contactMs !== null && contactMs < patienceMs);
  }

  /** Waits for a condition that turns bring about, in the host's time. */
  async #until(limitMs: number, isTrue: () => boolean): Promise<void> {
    const end = this.#host.clock.now() + limitMs;
    this.#stopDeadline = end;
    // One turn sets the timer; to ask for more of them here would keep the processor busy with waiting.
    this.#schedule();
    while (!isTrue() && this.#host.clock.now() < end && !this.#isDeaf()) {
      await new Promise<void>((resolve) => this.#whenIdle.push(resolve));
    }
    this.#stopDeadline = Number.POSITIVE_INFINITY;
  }

  #stopDeadline = Number.POSITIVE_INFINITY;

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
    const events = this.#queue;
    this.#queue = [];
    for (const event of events) this.#take(event, now);
    this.#reportDirectory(now);
    // What has arrived comes before what is late: a deadline that passed while this node slept proves nothing.
    if (now >= this.#deadline) this.#raft.step({ type: "deadline" }, now);
    this.#reportStall(now);
    this.#commands.expire(now, this.#view.leader);
    this.#commands.retry(now);
    this.#reads.expire(now, this.#view.leader);
    this.#noticeLeader();
    this.#route(now);
    this.#work(this.#raft.takeWork(), now);
    this.#applySome();
    this.#writer.start(now);
    this.#exchanges.settle(this.#durableWrite, now);
    this.#exchanges.dial(now);
    this.#exchanges.flush();
    this.#tail.evict(Math.min(this.#raft.view().durableIndex, this.#applier.applied));
    this.#setTimer();
    const idle = this.#whenIdle;
    this.#whenIdle = [];
    for (const resolve of idle) resolve();
  }

  #take(event: RaftEvent | NodeMessage, now: number): void {
    switch (event.type) {
      case "Forward":
        this.#counters.messages++;
        this.#takeForward(event, now);
        return;
      case "ForwardResponse":
        this.#counters.messages++;
        this.#commands.recordAnswer(event, now);
        return;
      case "RequestVote":
      case "RequestVoteResponse":
      case "AppendEntries":
      case "AppendEntriesResponse":
      case "TimeoutNow":
      case "ReadIndex":
      case "ReadIndexResponse":
        this.#counters.messages++;
        this.#raft.step({ type: "message", message: event }, now);
        return;
      case "persisted":
        this.#durableWrite = event.number;
        this.#stallReported = false;
        this.#raft.step(event, now);
        this.#sendWaiting();
        return;
      default:
        this.#raft.step(event, now);
    }
  }

  /** What was learned of the peers: a stand-in configuration before the first one, a claim after it. */
  #reportDirectory(now: number): void {
    const view = this.#raft.view();
    if (view.configurationIndex === 0) {
      const configuration = this.#directory.provisional();
      const key = JSON.stringify(configuration);
      if (key === this.#provisionalKey) return;
      this.#provisionalKey = key;
      this.#raft.step({ type: "discovered", configuration }, now);
      return;
    }
    if (view.role !== "Leader") return;
    const member = this.#directory.claimant();
    if (member) this.#claim(member, now);
  }

  #claim(member: Member, now: number): void {
    this.#raft.step({ type: "claim", member }, now);
  }

  /** A disk that takes longer than an election: whoever leads must be able to write. */
  #reportStall(now: number): void {
    const { startedAt } = this.#writer;
    // Only an answered write of the core's ends a stall: there must be one under way.
    if (startedAt === null || this.#stallReported || this.#issuedWrite <= this.#durableWrite) return;
    if (now - startedAt < this.#options.timings.electionTimeoutMinMs) return;
    this.#stallReported = true;
    this.#raft.step({ type: "storage-stalled" }, now);
  }

  #noticeLeader(): void {
    const { role, term, leader } = this.#raft.view();
    const key = `${term} ${leader} ${role === "Leader"}`;
    if (key === this.#leaderKey) return;
    this.#leaderKey = key;
    this.#commands.recordLeaderChange();
    this.#reads.recordLeaderChange();
    this.#unapplied = null;
    if (role !== "Leader") return;
    this.#unapplied = new Map();
    for (const entry of this.#tail.range(this.#applier.applied + 1, this.#tail.lastIndex)) {
      if (entry.data.origin) this.#unapplied.set(originKey(entry.data.origin), entry.index);
    }
  }

  /** Hands commands and reads to whoever leads. */
  #route(now: number): void {
    const { role, leader } = this.#raft.view();
    if (this.#reads.hasWaiting && leader !== null) {
      this.#raft.step({ type: "read", readId: this.#reads.start(now) }, now);
    }
    if (!this.#commands.hasUnsent || now < this.#commands.holdUntil) return;
    if (role === "Leader") {
      this.#proposeOwn(now);
      return;
    }
    this.#commands.rejectStaying((outcome) => this.#deposed(outcome, leader));
    // One call at a time: what comes meanwhile goes with the next.
    if (leader !== null && this.#exchanges.isIdle(leader)) this.#forwardOwn(leader, now);
  }

  #proposeOwn(now: number): void {
    for (const pending of this.#commands.takeUnsent(Number.POSITIVE_INFINITY)) {
      const origin = this.#commands.origin(pending);
      const result = this.#propose(origin, pending, now);
      if (result.outcome === "appended") {
        this.#commands.recordProposed(pending, result.index, result.term);
      } else if (result.outcome === "applied") {
        // Applied already, and answered then.
      } else if (result.reason === "overloaded" && !pending.proposed && pending.openCalls.size === 0) {
        this.#commands.reject(pending, overloaded(this.#commands.count));
      } else {
        this.#commands.putBack(pending, now);
      }
    }
  }

  #forwardOwn(leader: NodeId, now: number): void {
    const batch = this.#commands.takeUnsent(this.#raft.settings.maxMessageBytes);
    if (batch.length > 0) this.#exchanges.post(this.#commands.forward(batch, leader, now), false);
  }

  /** What becomes of a command that was for this node as leader only. */
  #deposed(outcome: "none" | "unknown", leader: NodeId | null): RaftLiteError {
    if (outcome === "none") return this.#notLeader(leader);
    const message = "this node lost its leadership; the command may have been carried out, or may yet be";
    return new RaftLiteError("not-leader", message, { status: 503, details: { outcome, leader } });
  }

  #takeForward({ from, to, boot, call, commands }: Forward, now: number): void {
    const newest = this.#forwards.get(from);
    if (newest && (newest.boot > boot || (newest.boot === boot && newest.call >= call))) return;
    this.#forwards.set(from, { boot, call });
    this.#noticeLeader();
    const results: ForwardResult[] = commands.map(({ sequence, floor, schema, bytes }) => {
      return { sequence, ...this.#propose({ node: from, boot, sequence, floor }, { schema, bytes }, now) };
    });
    this.#exchanges.post({ type: "ForwardResponse", from: to, to: from, boot, call, results }, false);
  }

  /** Appends a command unless it is in the log already. */
  #propose(origin: Origin, { schema, bytes }: Pick<Payload, "schema" | "bytes">, now: number): Proposed {
    if (this.#unapplied === null) return { outcome: "refused", reason: "not-leader" };
    if (this.#applier.sessions.has(origin)) return { outcome: "applied" };
    const key = originKey(origin);
    const known = this.#unapplied.get(key);
    if (known !== undefined) return { outcome: "appended", index: known, term: this.#raft.view().term };
    const data: Payload = { time: this.#nextTime(), origin, schema, bytes };
    const result = this.#raft.step({ type: "propose", proposals: [{ size: bytes.length, data }] }, now);
    if (!result.accepted) return { outcome: "refused", reason: result.reason };
    this.#unapplied.set(key, result.first);
    return { outcome: "appended", index: result.first, term: result.term };
  }

  #lastTime = 0;

  /** An entry's time never falls along the log, whatever the leader's clock says. */
  #nextTime(): number {
    this.#lastTime = Math.max(this.#lastTime, this.#log.lastTime, this.#host.clock.wallTime());
    return this.#lastTime;
  }

  #work(work: Work, now: number): void {
    this.#deadline = work.deadline;
    const persisted = work.persist && this.#stage(work.persist.entries);
    for (const trace of work.trace) this.#trace(trace, now);
    if (persisted) this.#emitAppended(persisted);
    // Ranges are filled at once: a later event may take the entries away.
    for (const message of work.send) this.#exchanges.post(this.#fill(message), false);
    if (work.persist && persisted) {
      const { number, hardState } = work.persist;
      this.#issuedWrite = number;
      this.#writer.add({ number, entries: persisted, ...(hardState && { hardState }) });
    }
    const waiting = work.sendAfter.map((message) => this.#fill(message));
    if (this.#issuedWrite <= this.#durableWrite) {
      // The write that an answer waits for may have completed later in this very turn.
      for (const message of waiting) this.#exchanges.post(message, false);
      this.#exchanges.endTurn([], this.#issuedWrite);
    } else {
      if (waiting.length > 0) this.#afterWrite.push({ number: this.#issuedWrite, messages: waiting });
      this.#exchanges.endTurn(waiting, this.#issuedWrite);
    }
    if (work.commit) this.#commit(work.commit.first, work.commit.last);
    for (const { readId, readIndex } of work.reads) this.#reads.recordOutcome(readId, readIndex);
    if (this.#raft.hardStateIsDurable()) this.#view = this.#raft.view();
  }

  #stage(entries: readonly Entry[]): LogEntry[] {
    return entries.map((entry) => {
      const staged = this.#tail.stage(entry, this.#nextTime());
      this.#lastTime = Math.max(this.#lastTime, staged.data.time);
      return staged;
    });
  }

  #fill(message: OutgoingMessage): NodeMessage {
    if (message.type !== "AppendEntries") return message;
    const { range, upTo, maxBytes, ...header } = message;
    if (range.last < range.first) return { ...header, entries: [] };
    const limit = upTo ? maxBytes : Number.POSITIVE_INFINITY;
    return { ...header, entries: this.#tail.read(range.first, range.last, limit) };
  }

  #sendWaiting(): void {
    while ((this.#afterWrite[0]?.number ?? Number.POSITIVE_INFINITY) <= this.#durableWrite) {
      const { messages } = this.#afterWrite.shift() as { messages: readonly NodeMessage[] };
      for (const message of messages) this.#exchanges.post(message, true);
    }
  }

  #commit(first: LogIndex, last: LogIndex): void {
    this.#applier.commitTo(last);
    const { configuration } = this.#raft.view();
    if (configuration && this.#directory.clusterId === null) this.#directory.bind(configuration.clusterId);
    if (!this.#options.onEvent) return;
    const leader = this.#raft.view().role === "Leader";
    for (const { kind, ordinal, index } of this.#tail.range(first, last)) {
      if (kind === "command") this.#emit({ type: "entry-committed", leader, ordinal, index });
    }
  }

  #applySome(): void {
    const before = this.#applier.applied;
    const leader = this.#raft.view().leader ?? this.#view.leader ?? "";
    this.#applier.applySome((entry, result) => {
      this.#commands.complete(entry, leader, result);
      this.#emitCommand("entry-applied", entry);
    });
    const { applied } = this.#applier;
    if (applied > before) {
      if (this.#unapplied) this.#forgetApplied();
      this.#commands.recordApplied(applied, this.#applier.appliedTerm);
    }
    this.#reads.release(applied);
    if (this.#applier.isBehind) this.#schedule();
  }

  #forgetApplied(): void {
    for (const [key, index] of this.#unapplied ?? []) {
      if (index > this.#applier.applied) break;
      this.#unapplied?.delete(key);
    }
  }

  /** Inside the write's transaction. */
  #flush(): void {
    const { clusterId } = this.#directory;
    if (clusterId !== null && this.#log.clusterId === null) this.#log.bindCluster(clusterId);
    this.#applier.flush();
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
    const stallAt =
      this.#writer.startedAt === null || this.#stallReported
        ? Number.POSITIVE_INFINITY
        : this.#writer.startedAt + this.#options.timings.electionTimeoutMinMs;
    const hold = this.#commands.hasUnsent ? this.#commands.holdUntil : Number.NEGATIVE_INFINITY;
    const at = Math.min(
      this.#deadline,
      stallAt,
      this.#commands.deadline,
      hold > this.#host.clock.now() ? hold : Number.POSITIVE_INFINITY,
      this.#reads.deadline,
      this.#exchanges.deadline,
      this.#stopDeadline,
    );
    this.#host.timer.set(at, () => this.#schedule());
  }

  #fail(error: unknown): void {
    if (this.#state === "failed") return;
    this.#state = "failed";
    this.#exchanges.close();
    this.#host.timer.clear();
    this.#rejectClients("failed", `node ${this.id} has failed`);
    const idle = this.#whenIdle;
    this.#whenIdle = [];
    for (const resolve of idle) resolve();
    this.#options.onFatal(error);
  }

  #rejectClients(code: string, message: string): void {
    this.#commands.rejectAll(
      (outcome) => new RaftLiteError(code, message, { status: 503, details: { outcome } }),
    );
    this.#reads.rejectAll(new RaftLiteError(code, message, { status: 503, details: { outcome: "none" } }));
  }

  // ---- what happened ----

  #emit(trace: NodeTrace | RaftTrace): void {
    this.#options.onEvent?.({ now: this.#host.clock.now(), trace });
  }

  #trace(trace: RaftTrace, _now: number): void {
    if (trace.type === "candidate") this.#counters.elections++;
    if (trace.type === "truncated") this.#counters.truncations++;
    if (trace.type === "configuration" || trace.type === "truncated") {
      const view = this.#raft.view();
      this.#directory.setConfiguration(view.configurationIndex === 0 ? null : view.configuration);
    }
    this.#emit(trace);
  }

  /** What a turn leaves in the log; entries that came and went within it are told by the core's own events. */
  #emitAppended(entries: readonly LogEntry[]): void {
    if (!this.#options.onEvent) return;
    const { role, term } = this.#raft.view();
    for (const entry of entries) {
      if (entry.kind !== "command") continue;
      this.#emitCommand("entry-appended", entry, role === "Leader" && entry.term === term);
    }
  }

  #emitCommand(type: "entry-appended" | "entry-applied", entry: LogEntry, leader = false): void {
    if (!this.#options.onEvent) return;
    const node = this;
    const shared = {
      ordinal: entry.ordinal,
      get cmd() {
        return node.#describe(entry);
      },
    };
    if (type === "entry-applied") this.#emit(Object.assign(shared, { type }) as NodeTrace);
    else this.#emit(Object.assign(shared, { type, leader, term: entry.term }) as NodeTrace);
  }

  #describe({ data }: LogEntry): string {
    return this.#options.stateMachine.describe(data.schema, data.bytes);
  }
}

type Proposed =
  | { readonly outcome: "appended"; readonly index: LogIndex; readonly term: number }
  | { readonly outcome: "applied" }
  | { readonly outcome: "refused"; readonly reason: string };

function originKey({ node, boot, sequence }: Origin): string {
  return `${node} ${boot} ${sequence}`;
}

/** 128 random bits in hexadecimal. */
function mintId(host: Host): string {
  return Array.from({ length: 4 }, () => host.random32().toString(16).padStart(8, "0")).join("");
}

function overloaded(waiting: number): RaftLiteError {
  return new RaftLiteError(
    "overloaded",
    `too much is waiting at this node (${waiting} requests): try again soon`,
    {
      status: 429,
      details: { retryAfterSeconds: 1 },
    },
  );
}

function notRunning(): ExchangeReply {
  const detail = "this node is not running";
  return {
    status: 503,
    body: JSON.stringify({ code: "stopping", status: 503, detail, error: detail }),
    peer: null,
  };
}
