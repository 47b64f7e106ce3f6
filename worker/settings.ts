/** What is set from outside, as it is typed (config.ts). wrangler.toml says what each is for. */
export interface Settings {
  readonly RAFT_NODES?: string;
  readonly RAFT_LOCATIONS?: string;
  readonly RAFT_HEARTBEAT?: string;
  readonly RAFT_ELECTION_TIMEOUT?: string;
  readonly RAFT_QUIESCE_AFTER?: string;
  readonly RAFT_ELECTION_PRIORITY?: string;
  readonly RAFT_URL?: string;
  readonly RAFT_LOG?: string;
  readonly RAFT_CHAOS?: string;
  readonly RAFT_SECRET?: string;
  readonly RAFT_TOKEN?: string;
}
