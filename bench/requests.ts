/** What clients ask of each system, as the bytes of HTTP requests. */

export type Dialect = "raft-lite" | "etcd";

export interface Workload {
  readonly name: string;
  /** Of a hundred requests so many are reads, the others writes. */
  readonly readPercent: number;
  /** Puts in one write. */
  readonly putsPerWrite: number;
}

/** Keys that are written and read, and the size of every value. */
export const KEY_COUNT = 10_000;
export const VALUE_BYTES = 256;

/** Has no divisor in common with the number of keys: every key is read. */
const READ_STRIDE = 7919;

/** Requests that are made beforehand. They are sent in turn, over and over. */
export function requestsOf(dialect: Dialect, { readPercent, putsPerWrite }: Workload): Buffer[] {
  const spell = DIALECTS[dialect];
  const count = KEY_COUNT / putsPerWrite;
  return Array.from({ length: count }, (_, position) => {
    // Reads are spread among the writes as evenly as whole numbers allow.
    const readsUpTo = (end: number) => Math.floor((end * readPercent) / 100);
    // Another key than that of the position, or in a mix keys would be read that are never written.
    if (readsUpTo(position + 1) > readsUpTo(position)) return spell.read(keyOf(position * READ_STRIDE));
    const puts = Array.from({ length: putsPerWrite }, (_, at) => ({
      key: keyOf(position * putsPerWrite + at),
      value: randomText(VALUE_BYTES),
    }));
    return putsPerWrite === 1 ? spell.put(puts[0]!) : spell.batch(puts);
  });
}

interface Put {
  readonly key: string;
  readonly value: string;
}

interface Spelling {
  put(put: Put): Buffer;
  /** All of them or none. */
  batch(puts: readonly Put[]): Buffer;
  /** Linearizable. */
  read(key: string): Buffer;
}

const DIALECTS: Readonly<Record<Dialect, Spelling>> = {
  "raft-lite": {
    put: ({ key, value }) => request("PUT", `/v1/kv/${key}`, value),
    batch(puts) {
      const ops = puts.map(({ key, value }) => ({ put: key, value }));
      return request("POST", "/v1/kv", JSON.stringify({ atomic: true, ops }));
    },
    read: (key) => request("GET", `/v1/kv/${key}`, null),
  },
  etcd: {
    put: ({ key, value }) => json("/v3/kv/put", { key: base64(key), value: base64(value) }),
    batch(puts) {
      const success = puts.map(({ key, value }) => ({
        requestPut: { key: base64(key), value: base64(value) },
      }));
      return json("/v3/kv/txn", { success });
    },
    read: (key) => json("/v3/kv/range", { key: base64(key) }),
  },
};

function json(path: string, body: unknown): Buffer {
  return request("POST", path, JSON.stringify(body));
}

function request(method: string, path: string, body: string | null): Buffer {
  const length = body === null ? "" : `content-length: ${Buffer.byteLength(body)}\r\n`;
  return Buffer.from(`${method} ${path} HTTP/1.1\r\nhost: 127.0.0.1\r\n${length}\r\n${body ?? ""}`);
}

function keyOf(number: number): string {
  return `bench/key-${String(number % KEY_COUNT).padStart(5, "0")}`;
}

function base64(text: string): string {
  return Buffer.from(text).toString("base64");
}

/** Text that no system can make smaller by more than a quarter. */
function randomText(bytes: number): string {
  const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  return Array.from({ length: bytes }, () => letters[Math.floor(Math.random() * 64)]).join("");
}
