import type { Look } from "../expect/expectation.ts";
import type { Ledger, Line } from "../ledger.ts";
import type { NodePicture, Picture } from "../picture.ts";
import type { Reply } from "../request.ts";
import { demand, demandEqual } from "./finding.ts";
import { jsonOf } from "./form.ts";

/** The routes that only look. */

const EXPOSITION =
  /^(# (HELP raft_lite_[a-z_]+ .+|TYPE raft_lite_[a-z_]+ (counter|gauge))|raft_lite_[a-z_]+ -?[0-9.]+(e[+-]?[0-9]+)?)$/;

export function judgeLook(
  look: Look,
  reply: Reply,
  {
    self,
    picture,
    ledger,
  }: { readonly self: NodePicture; readonly picture: Picture; readonly ledger: Ledger },
): void {
  demandEqual(reply.status, 200, "status");
  switch (look.type) {
    case "leader":
      demand(/^[^"/]+(\/[^"/]+)?$/.test(jsonOf(reply) as string), () => "no address of the leader");
      return;
    case "peers": {
      const peers = jsonOf(reply) as string[];
      demandEqual(new Set(peers).size, picture.nodes.length, "different peers");
      return;
    }
    case "health":
      demandEqual((jsonOf(reply) as { ok: boolean }).ok, true, "ok");
      return;
    case "metrics":
      for (const line of new TextDecoder().decode(reply.bytes).trimEnd().split("\n")) {
        demand(EXPOSITION.test(line), () => `a line of /metrics: ${line}`);
      }
      return;
    case "status":
      judgeStatus(reply, look.limit, self, ledger.lines);
  }
}

interface Status {
  readonly node: string;
  readonly state: string;
  readonly term: number;
  readonly leader: string | null;
  readonly log: readonly { readonly term: number; readonly cmd: string }[];
  readonly commitIndex: number;
  readonly logStart: number;
}

function judgeStatus(reply: Reply, limit: number, self: NodePicture, lines: readonly Line[]): void {
  const status = jsonOf(reply) as Status;
  const { node, state, term, leader, log, logStart, commitIndex } = status;
  const { id } = self;
  demandEqual(
    { node, state, term, leader },
    { node: id, state: self.state, term: self.term, leader: self.leader },
    "head",
  );
  demandEqual(log.length, Math.min(limit, logStart + log.length), "lines shown");
  demand(logStart + log.length <= lines.length, () => `${logStart + log.length} lines of ${lines.length}`);
  demand(commitIndex < lines.length, () => `commitIndex ${commitIndex} of ${lines.length} lines`);
  for (const [position, line] of log.entries()) judgeLine(line, lines[logStart + position]!);
}

/** A line of the log, exactly as it is to be shown. */
export function judgeLine(
  found: { readonly term: number; readonly cmd: string },
  { text, isWhole }: Line,
): void {
  demandEqual(Object.keys(found), ["term", "cmd"], "fields of a line of the log");
  const fits = isWhole ? found.cmd === text : found.cmd.startsWith(text);
  demand(fits, () => `log shows ${JSON.stringify(found.cmd)}, wanted ${JSON.stringify(text)}`);
}
