/**
 * Whether a rejection of `fetch` proves that the request never left this machine: its connection could not be opened.
 *
 * Only Node tells. Its fetch (undici) rejects with "fetch failed" and puts the system's error into `cause`, whose
 * `syscall` names the step that failed: `getaddrinfo` or `connect`, before anything is written; `read` and `write`
 * come after. Node's fetch sends nothing a second time by itself, so a refused connection is never that of a second
 * copy (test/client/never-sent.test.ts holds that). Browsers and Workers say the same for a refused connection and one
 * that broke half way: there every failure counts as "perhaps sent".
 */
export function wasNeverSent(error: unknown): boolean {
  return isBeforeConnection(fieldOf(error, "cause"));
}

function isBeforeConnection(cause: unknown): boolean {
  // One attempt for each address of the host's name.
  const attempts = fieldOf(cause, "errors");
  if (Array.isArray(attempts)) return attempts.length > 0 && attempts.every(isBeforeConnection);
  const syscall = fieldOf(cause, "syscall");
  return (
    syscall === "connect" || syscall === "getaddrinfo" || fieldOf(cause, "code") === "UND_ERR_CONNECT_TIMEOUT"
  );
}

/** Why a connection failed, in a few words. */
export function networkReason(error: unknown): string {
  const cause = fieldOf(error, "cause");
  switch (fieldOf(cause, "code")) {
    case "ECONNREFUSED":
      return "connection refused";
    case "ENOTFOUND":
    case "EAI_AGAIN":
      return "no such host";
    case "UND_ERR_CONNECT_TIMEOUT":
      return "no connection in time";
    default: {
      const [inner, outer] = [fieldOf(cause, "message"), fieldOf(error, "message")];
      if (typeof inner === "string" && inner !== "") return inner;
      return typeof outer === "string" && outer !== "" ? outer : "the connection failed";
    }
  }
}

function fieldOf(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null ? Reflect.get(value, name) : undefined;
}
