import { RaftLiteError } from "../../../shared/errors.ts";
import { awsCode } from "../explain.ts";
import { poll } from "../pace.ts";
import type { Work } from "./work.ts";

/** How long a thing that was just made may stay unseen. */
const SEEN_WITHIN_MS = 60_000;
/** Tokens that may belong to things which have been deleted since. */
const TOKENS = 4;

export interface Creation<T> {
  readonly what: string;
  /** Parts of the token. */
  readonly words: readonly string[];
  /** Resolves with the id of what was made, now or under this token before. */
  readonly create: (token: string) => Promise<string | undefined>;
  /** Looks it up. */
  readonly find: (id: string) => Promise<T | undefined>;
  readonly action: string;
  readonly notFound: RegExp;
}

/**
 * Makes a thing under a token that is the same in every run, so that a run that died after its request does not make it
 * twice. AWS answers a token with the thing of then, even when it has been deleted since: what cannot be found after a
 * while is made under the next token.
 */
export async function createOnce<T>(work: Work, creation: Creation<T>): Promise<T> {
  const { account } = work;
  const uid = work.found.record?.uid ?? "";
  for (let attempt = 0; attempt < TOKENS; attempt++) {
    let id: string | undefined;
    try {
      id = await creation.create(account.token(uid, ...creation.words, attempt));
    } catch (error) {
      // Under this token something else was asked for, before a change of mind.
      if (error instanceof RaftLiteError && awsCode(error.cause) === "IdempotentParameterMismatch") continue;
      throw error;
    }
    const seen = await poll(
      account.pace,
      () => account.ask(creation.action, creation.notFound, () => creation.find(id ?? "")),
      { withinMs: SEEN_WITHIN_MS },
    );
    if (seen !== undefined) return seen;
  }
  throw new RaftLiteError(
    "not-seen",
    `${creation.what} was made and cannot be found: run the same line again`,
  );
}
