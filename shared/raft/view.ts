import type { RaftState } from "./core.ts";
import { configurationOf } from "./core.ts";
import type { RaftView, RoleName } from "./types.ts";

/** The core as others see it. */

export function roleName({ role }: RaftState): RoleName {
  if (role.type === "leader") return "Leader";
  return role.type === "candidate" ? "Candidate" : "Follower";
}

export function viewOf(state: RaftState): RaftView {
  const { role, log } = state;
  return {
    role: roleName(state),
    term: state.term,
    leader: state.leader,
    quiet: state.quiet,
    lastIndex: log.lastIndex,
    durableIndex: log.durableIndex,
    commitIndex: state.commitIndex,
    configuration: configurationOf(state),
    configurationIndex: state.configurations.at(-1)?.index ?? 0,
    peers:
      role.type === "leader"
        ? role.progress.map((progress) => ({
            id: progress.id,
            matchIndex: progress.matchIndex,
            nextIndex: progress.nextIndex,
            state: progress.state,
            contactMs: progress.answered ? state.now - progress.contactAt : null,
          }))
        : [],
  };
}
