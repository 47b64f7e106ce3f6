import type { SentRequest } from "../request.ts";
import type { Fields } from "./body.ts";
import { own, readObject } from "./body.ts";
import type { Circumstances, Expectation, Fault } from "./expectation.ts";
import { fault } from "./expectation.ts";
import { isCount, isMessage, isObject } from "./message-fields.ts";
import { sizeFaults } from "./query.ts";

/** The nodes' routes: who is heard at all, and whether what they say is a message. */

const NODES_LIMIT_BYTES = 16 * 1_048_576;
const LONGEST_NAME = 256;
const VERSION = 1;
const SENDER = { RequestVote: "candidateId", AppendEntries: "leaderId", TimeoutNow: "leaderId" } as const;

const BAD_MESSAGE = fault(400, "bad-message");

/** POST /raft. */
export function expectExchange(request: SentRequest, at: Circumstances): Expectation {
  return expectBody(request, (body) => {
    const messages = own(body, "messages");
    const id = own(body, "id");
    const areMessages =
      Array.isArray(messages) &&
      messages.every((one) => isObject(one) && typeof one.type === "string" && isMessage(one.type, one, id));
    const toStoreId = own(body, "toStoreId");
    const isIntroduced = isName(id) && isName(own(body, "storeId"));
    const faults = introductionFaults(body, id, own(body, "storeId"), at);
    if (!areMessages || !isIntroduced || !isMaybeName(own(body, "to"))) faults.push(BAD_MESSAGE);
    if (toStoreId !== undefined && toStoreId !== at.storeOf(at.self)) {
      faults.push(typeof toStoreId === "string" ? fault(403, "wrong-store") : BAD_MESSAGE);
    }
    if (id === at.self && own(body, "storeId") !== at.storeOf(at.self))
      faults.push(fault(403, "duplicate-id"));
    return faults;
  });
}

/** POST /requestVote and the like. */
export function expectSingle(type: keyof typeof SENDER) {
  return (request: SentRequest, at: Circumstances): Expectation =>
    expectBody(request, (body) => {
      const id = own(body, SENDER[type]);
      const known = typeof id === "string" ? at.storeOf(id) : null;
      const faults = introductionFaults(body, id, own(body, "storeId") ?? known ?? "", at);
      if (!isName(id) || id === at.self || !isMessage(type, body, id)) faults.push(BAD_MESSAGE);
      if (!isMaybeName(own(body, "storeId"))) faults.push(BAD_MESSAGE);
      return faults;
    });
}

function expectBody(request: SentRequest, faultsOf: (body: Fields) => Fault[]): Expectation {
  const tooLarge = sizeFaults(request, NODES_LIMIT_BYTES);
  if (tooLarge.length > 0) return { type: "refused", faults: tooLarge };
  const body = readObject(request.body);
  // A node's own words for what is no JSON object.
  if ("code" in body) {
    return { type: "refused", faults: [body.code === "bad-encoding" ? body : BAD_MESSAGE] };
  }
  const faults = faultsOf(body.fields);
  return faults.length > 0 ? { type: "refused", faults } : { type: "nodes" };
}

/** What both have in common: the cluster, the protocol, the data directory, the size of the list. */
function introductionFaults(body: Fields, id: unknown, storeId: unknown, at: Circumstances): Fault[] {
  const faults: Fault[] = [];
  const clusterId = own(body, "clusterId");
  if (clusterId !== null && !isName(clusterId)) faults.push(BAD_MESSAGE);
  else if (clusterId !== null && clusterId !== at.clusterId) faults.push(fault(403, "foreign-cluster"));
  const version = own(body, "version") ?? VERSION;
  if (body.version === null || !isCount(version)) faults.push(BAD_MESSAGE);
  else if (version !== VERSION) faults.push(fault(403, "protocol-version"));
  const size = own(body, "size");
  if (size !== undefined && !isCount(size)) faults.push(BAD_MESSAGE);
  else if (size !== undefined && size !== at.clusterSize) faults.push(fault(403, "peer-lists-differ"));
  const known = typeof id === "string" ? at.storeOf(id) : null;
  if (known !== null && known !== storeId) faults.push(fault(403, "wrong-store"));
  return faults;
}

/** What errors and log lines repeat. */
function isName(value: unknown): value is string {
  return typeof value === "string" && value.length <= LONGEST_NAME;
}

function isMaybeName(value: unknown): boolean {
  return value === undefined || isName(value);
}
