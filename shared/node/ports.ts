/**
 * What a node needs from its host besides storage. Every adapter runs the same conformance suite.
 */

/** Why a call to a peer brought no reply. `refused`: nobody listens there. `timeout`: may still arrive. */
export type TransportFailure = "refused" | "timeout" | "broken";

export class TransportError extends Error {
  override readonly name = "TransportError";
  readonly failure: TransportFailure;

  constructor(failure: TransportFailure, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.failure = failure;
  }
}

/** JSON as text, or a packed exchange (wire-packed.ts) as bytes. */
export type ExchangeBody = string | Uint8Array;

export interface TransportReply {
  /** HTTP status. */
  readonly status: number;
  readonly body: ExchangeBody;
}

export interface Transport {
  /**
   * Posts one exchange to the peer whose base URL is `address` (route `/raft` below it) and resolves with its reply,
   * whatever its status. Rejects with a TransportError only. The request may have arrived even when it rejects, and
   * may arrive twice on an intermediary's retry. `timeoutMs` bounds the whole call.
   */
  post(address: string, body: ExchangeBody, timeoutMs: number): Promise<TransportReply>;
  /** Whether bytes would reach this peer as such now. Absent: text only. */
  carriesBytes?(address: string): boolean;
}

/** One deadline at a time: a later `set` replaces the earlier one. */
export interface Timer {
  /** Calls `wake` once, not before `now()` has reached `at`. */
  set(at: number, wake: () => void): void;
  clear(): void;
}

export interface Clock {
  /** Milliseconds that never go back and go on while the process is stopped. */
  now(): number;
  /** Milliseconds since the epoch. */
  wallTime(): number;
}

/** The host's services, handed to a node when it is made. */
export interface Host {
  readonly transport: Transport;
  readonly timer: Timer;
  readonly clock: Clock;
  /** Runs `task` after what has arrived by now has been taken in: the end of the poll phase, or a microtask. */
  defer(task: () => void): void;
  /** 32 random bits; seeds the node's own generator and mints identities. */
  random32(): number;
}
