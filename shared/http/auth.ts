import { RaftLiteError } from "../errors.ts";

export interface AuthOptions {
  /** The cluster's secret: without it, nobody speaks on the Raft routes. It opens the clients' routes too. */
  readonly secret?: string | undefined;
  /** What clients must show, where set. It never opens the Raft routes. */
  readonly token?: string | undefined;
  /** Where no secret is set, the Raft routes take nobody in: the nodes have another way to each other. */
  readonly closesRaftRoutes?: boolean | undefined;
  /** The Raft routes take nobody in, whatever is shown: this port is for clients, and the nodes have another one. */
  readonly clientsOnly?: boolean | undefined;
}

/** Throws `unauthorized` (401) or `raft-routes-closed` (403). Looks at the request's header alone. */
export type Guard = (request: Request) => void;

/**
 * Both credentials travel as `authorization: Bearer …`: curl, proxies and log redaction know the header. One request
 * needs one credential, since the cluster's secret is good for every route.
 */
export function guards(options: AuthOptions): { readonly client: Guard; readonly raft: Guard } {
  const { secret, token } = options;
  if (secret !== undefined) checkCredential("secret", secret);
  if (token !== undefined) checkCredential("token", token);
  const raft = secret === undefined ? [] : [secret];
  const client = token === undefined ? [] : [token, ...raft];
  const isClosed = secret === undefined && options.closesRaftRoutes === true;
  return {
    raft: options.clientsOnly
      ? closed(NOT_HERE)
      : isClosed
        ? closed(NOT_WITHOUT_SECRET)
        : guard(raft, "the cluster's secret", SECRET_HINT),
    client: guard(client, "a token"),
  };
}

/** A node that is refused prints what it was answered. */
const SECRET_HINT = ": give every node the same one, by --secret-file or RAFT_SECRET";

const NOT_WITHOUT_SECRET =
  "the nodes' routes are closed here: they open to those who know RAFT_SECRET, once it is set";
const NOT_HERE =
  "the nodes' routes are closed here: this port is for clients; list this node in --peers by the port that its --port names";

function closed(message: string): Guard {
  return () => {
    throw new RaftLiteError("raft-routes-closed", message, { status: 403 });
  };
}

/**
 * Throws `bad-credential` for what no header could carry. An empty one is refused too: an empty file must not turn
 * into an open node.
 */
export function checkCredential(name: string, value: string): void {
  if (/^[\x21-\x7e]+$/.test(value)) return;
  const wrong = value === "" ? "is empty" : "holds something else than visible ASCII characters";
  throw new RaftLiteError(
    "bad-credential",
    `the ${name} ${wrong}: use e.g. the output of "openssl rand -hex 32"`,
    {
      status: 400,
    },
  );
}

/** The header that carries `credential`. */
export function authorization(credential: string): string {
  return `Bearer ${credential}`;
}

function guard(accepted: readonly string[], what: string, hint = ""): Guard {
  if (accepted.length === 0) return () => undefined;
  return (request) => {
    const shown = /^bearer +(.*)$/i.exec(request.headers.get("authorization") ?? "")?.[1];
    if (shown === undefined)
      throw unauthorized(`this route needs ${what}, sent as "authorization: Bearer …"${hint}`);
    // Every one is compared, so that the time taken does not tell which one was nearly right.
    let known = false;
    for (const credential of accepted) if (equalInConstantTime(shown, credential)) known = true;
    if (!known) throw unauthorized(`this is not ${what} of this node${hint}`);
  };
}

function unauthorized(message: string): RaftLiteError {
  return new RaftLiteError("unauthorized", message, { status: 401 });
}

/** Takes as long for a wrong first character as for a wrong last one; only the length shows. */
function equalInConstantTime(left: string, right: string): boolean {
  let difference = left.length ^ right.length;
  for (let i = 0; i < left.length; i++) {
    difference |= left.charCodeAt(i) ^ right.charCodeAt(i % right.length);
  }
  return difference === 0;
}
