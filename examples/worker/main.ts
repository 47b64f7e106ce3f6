import { DurableObject } from "cloudflare:workers";
import { createRaftObject, createRaftWorker } from "raft-lite/worker";
import { tally } from "../tally.ts";

/** A tally as three Durable Objects. The name of an object is its node's id. */
export class Tally extends createRaftObject(DurableObject, {
  binding: "TALLY",
  stateMachine: () => tally.create(),
  // Beside the node's own routes, of which POST /command takes `add {"client":"me","number":1,"by":5}`.
  async fetch({ url, method }, node) {
    if (method !== "GET" || new URL(url).pathname !== "/tally") return undefined;
    return Response.json(await node.read(({ state: { count, queue } }) => ({ count, queue })));
  },
}) {
  /** For the program itself, by RPC: `env.TALLY.getByName("A").add("me", 1, 5)`. Any node will do. */
  async add(client: string, number: number, by: number): Promise<number> {
    return (await this.node.execute(tally.commands.add({ client, number, by }))).result;
  }
}

interface Env {
  readonly TALLY: DurableObjectNamespace<Tally>;
}

const cluster = createRaftWorker({ binding: "TALLY", path: "/raft", routes: ["tally"] });

export default {
  async fetch(request, env) {
    const { pathname, searchParams } = new URL(request.url);
    if (pathname === "/raft" || pathname.startsWith("/raft/")) return await cluster.fetch(request, env);
    if (request.method !== "POST" || pathname !== "/visit")
      return new Response("POST /visit", { status: 404 });
    // Whoever asks again under the same number is counted once.
    const visitor = searchParams.get("visitor") ?? "";
    const number = Number(searchParams.get("number"));
    return Response.json({ visits: await env.TALLY.getByName("A").add(visitor, number, 1) });
  },
} satisfies ExportedHandler<Env>;
