import { DurableObject, env } from "cloudflare:workers";

/** Two objects and nothing else: what a call from one to the other costs, by RPC and by fetch. */

interface EchoEnv {
  readonly RAFT: DurableObjectNamespace<RaftObject>;
}

/** Named as the harness names the class of objects. */
export class RaftObject extends DurableObject<EchoEnv> {
  exchange(body: Uint8Array<ArrayBuffer>): { status: number; body: Uint8Array<ArrayBuffer> } {
    return { status: 200, body: body.slice(0, 200) };
  }

  override async fetch(request: Request): Promise<Response> {
    const body = new Uint8Array(await request.arrayBuffer());
    return new Response(body.slice(0, 200));
  }

  /** So many calls to `to`, one after the other, with a body of so many bytes. */
  async callOther(to: string, way: string, count: number, bytes: number): Promise<void> {
    const stub = this.env.RAFT.getByName(to);
    const body = new Uint8Array(bytes).fill(0x61);
    for (let call = 0; call < count; call++) {
      if (way === "rpc") await stub.exchange(body);
      else await (await stub.fetch("http://object/raft", { method: "POST", body })).arrayBuffer();
    }
  }
}

export default {
  /** `/rpc/1000/400` and `/fetch/1000/400`: count and bytes. */
  async fetch(request: Request): Promise<Response> {
    const [way = "", count, bytes] = new URL(request.url).pathname.slice(1).split("/");
    const { RAFT } = env as unknown as EchoEnv;
    await RAFT.getByName("A").callOther("B", way, Number(count), Number(bytes));
    return new Response("done");
  },
};
