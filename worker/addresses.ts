import type { ListedPeer } from "../shared/node/peer-directory.ts";
import type { Config } from "./config.ts";

/** Stands for this Worker where nobody has said how it is reached: objects reach each other without any URL. */
const NOWHERE = "http://object";

/**
 * What nodes are called in the log and in each other's lists. An object's address is the Worker's URL and its own name;
 * RAFT_URL is that URL where it is set, and nodes elsewhere can dial it. Where it is not, a stand-in is kept, and
 * whoever asks is shown the URL by which he came.
 */
export class Addresses {
  readonly #config: Config;
  readonly #base: string;

  constructor(config: Config) {
    this.#config = config;
    this.#base = config.url ?? NOWHERE;
  }

  of(id: string): string {
    const url = this.#config.nodes.find((node) => node.id === id)?.url;
    return url ?? `${this.#base}/${id}`;
  }

  /** The object with that address; null: it is elsewhere. An object goes by its stand-in too. */
  objectAt(address: string): string | null {
    const found = this.#config.nodes.find(
      ({ id, url }) => url === null && (address === this.of(id) || address === `${NOWHERE}/${id}`),
    );
    return found?.id ?? null;
  }

  /** Everyone but `self`. */
  peersOf(self: string): ListedPeer[] {
    return this.#config.nodes.filter(({ id }) => id !== self).map(({ id }) => ({ id, address: this.of(id) }));
  }

  /** An address as somebody is to see it who reached the Worker at that URL, which ends with no slash. */
  shown(address: string, workerUrl: string): string {
    return address.startsWith(`${NOWHERE}/`) ? workerUrl + address.slice(NOWHERE.length) : address;
  }
}
