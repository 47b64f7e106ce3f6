import { DurableObject } from "cloudflare:workers";
import { RaftObject } from "../../../worker/main.ts";
import { settingsOf } from "./fuzzed-target.ts";

export * from "../../../worker/main.ts";
export { default } from "../../../worker/main.ts";
export { FaultyObject } from "./faulty-object.ts";

/** An object with nothing in it, for its storage. */
export class PlainObject extends DurableObject {}

/** A node of one of the fuzz's clusters: its name says of which. */
export class FuzzedObject extends RaftObject {
  constructor(ctx: DurableObjectState, { FUZZED }: { FUZZED: object }) {
    super(ctx, { ...settingsOf(ctx.id.name ?? ""), RAFT: FUZZED });
  }
}
