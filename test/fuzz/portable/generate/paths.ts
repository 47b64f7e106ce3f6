import fc from "fast-check";

/** Ways to write one key in a path: all of them mean the same. */
const spellings: readonly ((key: string) => string)[] = [
  (key) => key.split("/").map(encodeURIComponent).join("/"),
  (key) => encodeURIComponent(key),
  (key) =>
    encodeURIComponent(key)
      .toLowerCase()
      .replace(/%[0-9a-f]{2}/g, (one) => one.toLowerCase()) && lowerHex(key),
  everyByte,
];

export function keyPath(key: fc.Arbitrary<string>): fc.Arbitrary<string> {
  return fc
    .tuple(key, fc.constantFrom(...spellings))
    .map(([name, spell]) => `/v1/kv/${spell(name.toWellFormed())}`);
}

function lowerHex(key: string): string {
  return encodeURIComponent(key).replace(/%[0-9A-F]{2}/g, (one) => one.toLowerCase());
}

function everyByte(key: string): string {
  const bytes = new TextEncoder().encode(key);
  return Array.from(bytes, (byte) => `%${byte.toString(16).toUpperCase().padStart(2, "0")}`).join("");
}

/** What is no path of a key, no UTF-8, or written as nobody should. */
export const oddPath: fc.Arbitrary<string> = fc.oneof(
  fc.constantFrom(
    "/v1/kv",
    "/v1/kv/",
    "/v1/kv//",
    "/v1/kv/%",
    "/v1/kv/%zz",
    "/v1/kv/a%2",
    "/v1/kv/%ff",
    "/v1/kv/%c3",
    "/v1/kv/%ed%a0%80",
    "/v1/kv/%c0%af",
    "/v1/kv/a\\b",
    "/v1/kv/größe",
    "/v1/kv/😀",
    "/v1/kv/../status",
    "/v1/kv/%2e%2e/%2e%2e/status",
    "/v1/kv/a/%2e%2e/b",
    "/status/../v1/kv/a",
    "//v1/kv/a",
    "/v1//kv/a",
    "/V1/KV/a",
    "/v1/kva",
    "/v1",
    "/",
    "//",
    "/status/",
    "/status//",
    "/Status",
    "/status/x",
    "/%73tatus",
    "/command/",
    "/chaos/stop",
    "/A/status",
    "/__proto__",
    "/v1/status",
    "/v1/status/leader/",
    "/%",
    "/%ff",
    "/raft/x",
  ),
  fc
    .array(fc.constantFrom("v1", "kv", "status", "a", "..", ".", "%2e", "%2F", "", "raft", "x;y", "%00"), {
      maxLength: 6,
    })
    .map((parts) => `/${parts.join("/")}`),
);
