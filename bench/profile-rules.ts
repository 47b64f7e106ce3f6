/**
 * What a frame of a node's stack belongs to. A sample is counted where its innermost known frame says; the first rule
 * whose pattern fits a frame takes it.
 */
const RULES: readonly (readonly [name: string, frames: RegExp])[] = [
  ["V8: collecting garbage", /Scaveng|MarkCompact|CollectGarbage|Marking|Sweep|EphemeronKey|Evacuat/],
  [
    "V8: compiling",
    /v8::internal::(?:compiler|maglev|baseline|interpreter|wasm)::|Compil|Sparkplug|Deoptimiz/,
  ],
  ["fdatasync itself", /^(?:ext4_sync_file|do_fsync|__x64_sys_fdatasync|vfs_fsync_range)/],
  ["kernel: network", /^(?:__sys_sendmsg|do_writev|sock_write_iter|tcp_|sock_read_iter|inet_recvmsg|__sock)/],
  ["kernel: waiting, waking threads", /^(?:do_epoll|ep_poll|do_futex|futex_|__schedule|schedule|eventfd_)/],
  ["kernel: files", /^(?:vfs_write|vfs_read|ext4_|ksys_|generic_perform_write)/],
  ["SQLite", /^sqlite3|^pcache1|^vdbe|storage\/sqlite\.ts|node::sqlite/],
  ["log rows, checksums", /shared\/storage\//],
  ["asking for a sync, hearing of it", /write-ahead-log|ec2-node\/storage|fdatasync|FSReq|uv__work|uv__fs/],
  ["exchanges: packing, unpacking", /shared\/node\/(?:wire|packed|fields)/],
  ["exchanges: calls, replies", /shared\/node\/(?:exchanges|peer-)/],
  ["exchanges: frames", /ec2-node\/peer-/],
  ["applying", /shared\/store\/|shared\/node\/(?:applier|sessions)/],
  ["Raft's steps", /shared\/raft\//],
  ["flight recorder", /shared\/recording\/|ec2-node\/(?:flight-recorder|recording-)/],
  ["requests: reading", /ec2-node\/lane-request/],
  [
    "requests: routes, answers",
    /shared\/http\/|ec2-node\/(?:fast-lane|http-host|plain-response|server)|srvx/,
  ],
  ["timers", /Timers|listOnTimeout|ec2-node\/timer|node:(?:internal\/)?timers/],
  ["the node's turn", /shared\/node\//],
  [
    "Node: reading sockets",
    /onStreamRead|uv__read|OnUvRead|EmitToJSStreamListener|CustomBufferJSListener|ec2-node\/shared-reads/,
  ],
  ["Node: writing sockets", /write(?:v)?Generic|StreamBase::|LibuvStreamWrap|uv_try_write|uv__write/],
  ["promises, ticks", /Microtask|processTicks|runNextTicks|InternalCallbackScope/],
  ["the event loop itself", /uv_run|uv__io_poll/],
];

export const CATEGORIES: readonly string[] = [...RULES.map(([name]) => name), "malloc, and the rest"];

/** `frames`: innermost first. */
export function categoryOf(frames: readonly string[]): string {
  for (const frame of frames) {
    for (const [name, pattern] of RULES) if (pattern.test(frame)) return name;
  }
  return CATEGORIES.at(-1)!;
}
