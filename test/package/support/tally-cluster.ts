import { expect } from "vitest";
import type { Reply } from "../../process/support/http.ts";
import { call, post } from "../../process/support/http.ts";
import type { Lab } from "../../process/support/lab.ts";
import type { Running } from "../../process/support/running.ts";
import { until } from "../../process/support/until.ts";

/** How `tally-node` is run: a Node, its options and the file. */
export interface TallyProgram {
  readonly command: string;
  readonly words: readonly string[];
}

const IDS = ["A", "B", "C"];
const PRODUCERS = 3;
const ROUNDS = 40;
const KILLS = 4;

/**
 * Three processes of the example, one of them killed and started again every now and then, while clients send each
 * request until it is answered. Everything must have been counted once and left the queue once, in its order.
 */
export async function exerciseTally(lab: Lab, program: TallyProgram): Promise<void> {
  const ports = await lab.ports(IDS.length);
  const cwd = lab.folder(`tally at ${ports[0]}`);
  const nodes: Running[] = [];
  const start = (position: number) => {
    const peers = IDS.flatMap((id, other) => (other === position ? [] : [`${id}=127.0.0.1:${ports[other]}`]));
    const id = IDS[position]!;
    const args = [...program.words, id, String(ports[position]), ...peers];
    nodes[position] = lab.run(`tally ${id}`, program.command, args, { cwd });
  };
  for (const position of IDS.keys()) start(position);
  const url = (position: number) => `http://127.0.0.1:${ports[position % IDS.length]}`;

  let requests = 0;
  /** Sends a request, under its ticket, to one node after the other until it is answered. */
  const insist = (client: string, number: number, what: string, more: object = {}): Promise<unknown> => {
    const cmd = `${what} ${JSON.stringify({ client, number, ...more })}`;
    return until(`${client} has an answer to ${cmd}`, async () => {
      const reply = await post(`${url(requests++)}/command?timeout=2s`, { cmd }, { timeoutMs: 3_000 });
      // Wrapped, because an answer may be null.
      return [answerOf(reply)];
    }).then(([answer]) => answer);
  };

  const pushed: string[] = [];
  const produce = async (client: string) => {
    for (let round = 1; round <= ROUNDS; round++) {
      const item = `${client}.${round}`;
      await insist(client, 2 * round - 1, "add", { by: round });
      await insist(client, 2 * round, "push", { item });
      pushed.push(item);
    }
  };
  const shifted: string[] = [];
  const consume = async () => {
    for (let number = 1; shifted.length < PRODUCERS * ROUNDS; number++) {
      const item = await insist("consumer", number, "shift");
      if (item !== null) shifted.push(String(item));
    }
  };
  const producers = Array.from({ length: PRODUCERS }, (_, at) => `p${at}`);
  const work = Promise.all([...producers.map(produce), consume()]);
  const kill = async () => {
    for (let kills = 0; kills < KILLS; kills++) {
      const enough = ((kills + 1) * PRODUCERS * ROUNDS) / (KILLS + 1);
      await until("the queue moves on", () => pushed.length >= enough);
      const victim = kills % IDS.length;
      await nodes[victim]!.kill();
      start(victim);
    }
  };
  await Promise.all([work, kill()]);

  const sum = (PRODUCERS * ROUNDS * (ROUNDS + 1)) / 2;
  for (const position of IDS.keys()) {
    const { text } = await until("every node answers", () => call(`${url(position)}/tally`));
    expect(JSON.parse(text)).toEqual({ count: sum, queue: [] });
  }
  expect([...shifted].sort()).toEqual([...pushed].sort());
  for (const producer of producers) {
    const own = shifted.filter((item) => item.startsWith(`${producer}.`));
    expect(own).toEqual(own.map((_, at) => `${producer}.${at + 1}`));
  }
  for (const node of nodes) node.signal("SIGTERM");
  for (const node of nodes) expect(await node.ended()).toEqual({ code: 0, signal: null });
}

function answerOf({ status, text }: Reply): unknown {
  if (status !== 200) throw new Error(`${status} ${text}`);
  return (JSON.parse(text) as { result: unknown }).result;
}
