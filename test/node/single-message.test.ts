import { describe, expect, test } from "vitest";
import type { SingleMessageType } from "../../shared/node/api.ts";
import type { SingleMessageContext } from "../../shared/node/single-message.ts";
import { answerSingle } from "../../shared/node/single-message.ts";
import type { NodeMessage } from "../../shared/node/wire.ts";
import { ack, voteReply } from "../raft/support/messages.ts";
import { configurationOf, directoryOf, introduction, listOf } from "./support/directory.ts";
import { addressOf } from "./support/machine.ts";

type Json = Record<string, unknown>;

/** A node of cluster "cluster" that answers every message it hears with the same ones. */
function listening(answers: readonly NodeMessage[] = [], clusterId: string | null = "cluster") {
  const heard: NodeMessage[] = [];
  const directory = directoryOf(listOf("A"), { clusterId });
  directory.recordAnswer(addressOf("A"), introduction("A"));
  if (clusterId !== null) directory.setConfiguration(configurationOf(["N", "A"]));
  const context: SingleMessageContext = {
    introduction: directory.introduction(),
    directory,
    term: () => 7,
    converse: async (message, answer) => {
      heard.push(message);
      return answer(answers);
    },
  };
  const send = async (type: SingleMessageType, fields: Json | string) => {
    const text = typeof fields === "string" ? fields : JSON.stringify(fields);
    const { status, body, peer } = await answerSingle(type, text, context);
    return { status, peer, body: JSON.parse(String(body)) as Json };
  };
  return { heard, send };
}

const vote: Json = { clusterId: "cluster", term: 8, candidateId: "A", lastLogIndex: 3, lastLogTerm: 1 };
const append: Json = {
  clusterId: "cluster",
  term: 8,
  leaderId: "A",
  prevLogIndex: 3,
  prevLogTerm: 1,
  leaderCommit: 1,
};
const byType: [SingleMessageType, Json][] = [
  ["RequestVote", vote],
  ["AppendEntries", append],
  ["TimeoutNow", { clusterId: "cluster", term: 7, leaderId: "A" }],
];

test("a vote is asked for in the paper's words, and answered in them", async () => {
  const { heard, send } = listening([voteReply("N", 8, true)]);
  const { status, peer, body } = await send("RequestVote", vote);
  expect(heard).toMatchObject([{ type: "RequestVote", from: "A", to: "N", term: 8, candidateId: "A" }]);
  expect({ status, peer }).toEqual({ status: 200, peer: "A" });
  const { clusterId, id, storeId } = introduction("N", { clusterId: "cluster" });
  expect(body).toEqual({
    clusterId,
    id,
    storeId,
    term: 8,
    voteGranted: true,
    preVote: false,
    requestTerm: 8,
  });
});

test("so are entries", async () => {
  const { heard, send } = listening([ack("N", 8, 4)]);
  const entries = [{ term: 8, kind: "command", time: 1, cmd: "SET x=1" }];
  const { body } = await send("AppendEntries", { ...append, entries });
  expect(heard).toMatchObject([{ type: "AppendEntries", entries: [{ index: 4, term: 8 }] }]);
  expect(body).toMatchObject({ term: 8, success: true, matchIndex: 4 });
});

test.each([
  ["RequestVote" as const, vote, { term: 7, voteGranted: false }],
  ["AppendEntries" as const, append, { term: 7, success: false }],
  ["TimeoutNow" as const, byType[2]?.[1] as Json, { term: 7 }],
])("a %s that is not answered reads as a refusal", async (type, fields, answer) => {
  const { heard, send } = listening();
  expect((await send(type, fields)).body).toMatchObject(answer);
  expect(heard).toHaveLength(1);
});

describe.each(byType)("%s", (type, fields) => {
  test("is refused without the cluster's name, and told so", async () => {
    const { clusterId: _clusterId, ...rest } = fields;
    const { heard, send } = listening();
    const { status, body } = await send(type, rest);
    expect(status).toBe(400);
    expect(body).toMatchObject({
      code: "bad-message",
      status: 400,
      detail: expect.stringContaining("clusterId"),
    });
    expect(body).toMatchObject({ ok: false, error: "Bad message", title: "Bad message" });
    expect(heard).toEqual([]);
  });

  test("is refused for another cluster", async () => {
    const { heard, send } = listening();
    const { status, peer, body } = await send(type, { ...fields, clusterId: "elsewhere" });
    expect({ status, peer }).toEqual({ status: 403, peer: null });
    expect(body).toMatchObject({ code: "foreign-cluster" });
    expect(heard).toEqual([]);
  });

  test("is refused for another data directory than the member's", async () => {
    const { heard, send } = listening();
    expect((await send(type, { ...fields, storeId: "wiped" })).body).toMatchObject({ code: "wrong-store" });
    expect(heard).toEqual([]);
  });

  test("is refused in the name of the node that it is sent to", async () => {
    const { heard, send } = listening();
    const name = type === "RequestVote" ? "candidateId" : "leaderId";
    const { status, body } = await send(type, { ...fields, [name]: "N" });
    expect(status).toBe(400);
    expect(body.detail).toContain("this node");
    expect(heard).toEqual([]);
  });

  test("for no cluster is answered with this one's, unheard", async () => {
    const { heard, send } = listening([ack("N", 8, 4)]);
    const { status, peer, body } = await send(type, { ...fields, clusterId: null });
    expect({ status, peer }).toEqual({ status: 200, peer: null });
    expect(body).toMatchObject({ clusterId: "cluster", term: 7 });
    expect(body.success ?? body.voteGranted ?? false).toBe(false);
    expect(heard).toEqual([]);
  });

  test("is not heard by a node that has no cluster yet, whatever it says", async () => {
    for (const clusterId of [null, "cluster"]) {
      const { heard, send } = listening([], null);
      const { status } = await send(type, { ...fields, clusterId });
      expect(status).toBe(200);
      expect(heard).toEqual([]);
    }
  });

  test.each(["", "no", "[]"])("that is %j is refused", async (text) => {
    const { heard, send } = listening();
    expect(await send(type, text)).toMatchObject({ status: 400, body: { code: "bad-message" } });
    expect(heard).toEqual([]);
  });
});

test("a type in the body does not make another message of it", async () => {
  const { heard, send } = listening();
  await send("RequestVote", { ...vote, type: "TimeoutNow", leaderId: "A" });
  expect(heard).toMatchObject([{ type: "RequestVote" }]);
});
