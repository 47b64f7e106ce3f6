import { DurableObject } from "cloudflare:workers";

export * from "../../../worker/main.ts";
export { default } from "../../../worker/main.ts";

/** An object with nothing in it, for its storage. */
export class PlainObject extends DurableObject {}
