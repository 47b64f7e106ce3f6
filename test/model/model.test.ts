import { expect, test } from "vitest";
import { Raft } from "../../shared/raft/raft.ts";
import { explore } from "./explore.ts";
import { scopes } from "./scopes.ts";

test.each(Object.entries(scopes))("no promise is broken in %s", { timeout: 120_000 }, (name, bounds) => {
  const { violation, complete, states, transitions, depth, seconds } = explore(Raft, bounds);
  const count = (value: number) => Math.round(value).toLocaleString("en");
  console.log(
    `${name}: ${count(states)} states, ${count(transitions)} steps, ${depth} deep; ${count(states / seconds)} states a second`,
  );
  expect(violation).toBeNull();
  expect(complete).toBe(true);
});
