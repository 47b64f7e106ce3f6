/** Four numbers, as the URL standard writes every IPv4 address. */
const IPV4 = /^\d+\.\d+\.\d+\.\d+$/;

/**
 * Reads a base URL as people type one: `http://h:p`, `https://h/prefix/`, and without a scheme `h:p` or `[::1]:p`,
 * which is http. Answers the normalised URL without a slash at the end, or what is wrong, to follow the text in a
 * sentence. `portRequired`: without a scheme there must be a port, so that a bare word is not taken for a host.
 */
export function baseUrl(
  text: string,
  { portRequired }: { portRequired: boolean },
): { url: string } | { problem: string } {
  if (text === "") return { problem: "it has no address" };
  const scheme = /^([a-z][a-z0-9+.-]*):\/\//i.exec(text)?.[1]?.toLowerCase();
  if (scheme !== undefined && scheme !== "http" && scheme !== "https") {
    return { problem: `${scheme}:// is neither http nor https` };
  }
  const rest = scheme === undefined ? text : text.slice(scheme.length + 3);
  const [authority = ""] = rest.split("/", 1);
  const problem = authorityProblem(authority, portRequired && scheme === undefined);
  if (problem !== null) return { problem };
  const parsed = parseUrl(`${scheme ?? "http"}://${rest}`);
  if (parsed === null) return { problem: "it is not a URL" };
  if (/[?#]/.test(rest)) return { problem: "a base URL has no ? and no #" };
  // The URL standard reads `1` and `0x7f.1` as IPv4 addresses; whoever typed them meant something else.
  if (IPV4.test(parsed.hostname) && parsed.hostname !== hostOf(authority)) {
    return { problem: `"${hostOf(authority)}" is not a host` };
  }
  return { url: parsed.origin + parsed.pathname.replace(/\/+$/, "") };
}

function authorityProblem(authority: string, portRequired: boolean): string | null {
  const bracketed = /^\[[^[\]]*\](?::[^:]*)?$/.test(authority);
  if (!bracketed && /:.*:|[[\]]/.test(authority)) {
    return "it has too many colons (an IPv6 address stands in brackets: [::1]:8000)";
  }
  const host = hostOf(authority);
  if (host === "") return "it has no host";
  if (!bracketed && !/^[\p{L}\p{M}\p{N}._-]+$/u.test(host)) return `"${host}" is not a host`;
  const port = authority.slice(host.length + 1);
  if (port === "") return portRequired || authority !== host ? "it has no port" : null;
  if (!/^\d+$/.test(port) || Number(port) < 1 || Number(port) > 65535) {
    return `"${port}" is not a port from 1 to 65535`;
  }
  return null;
}

function hostOf(authority: string): string {
  return authority.replace(/:[^\]]*$/, "");
}

function parseUrl(text: string): URL | null {
  return URL.canParse(text) ? new URL(text) : null;
}
