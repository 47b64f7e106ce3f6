/** Called when something that was waited for has changed. */
export type Wake = () => void;

/**
 * Who waits for which keys. A change costs one look-up for its key and one for each length that a prefix in waiting
 * has, however many wait: nobody is looked at who waits for something else.
 */
export class Subscriptions {
  readonly #ofKeys = new Map<string, Set<Wake>>();
  readonly #ofPrefixes = new Map<string, Set<Wake>>();
  /** How many of the prefixes have a length, in code units. */
  readonly #lengths = new Map<number, number>();

  get isEmpty(): boolean {
    return this.#ofKeys.size === 0 && this.#ofPrefixes.size === 0;
  }

  /** Returns what takes the subscription back; to be called once. */
  toKey(key: string, wake: Wake): () => void {
    const own = add(this.#ofKeys, key, wake);
    return () => void remove(this.#ofKeys, key, own);
  }

  /** The same for all keys that begin with `prefix`, which may be empty. */
  toPrefix(prefix: string, wake: Wake): () => void {
    const { length } = prefix;
    if (!this.#ofPrefixes.has(prefix)) this.#lengths.set(length, (this.#lengths.get(length) ?? 0) + 1);
    const own = add(this.#ofPrefixes, prefix, wake);
    return () => {
      if (!remove(this.#ofPrefixes, prefix, own)) return;
      const left = (this.#lengths.get(length) ?? 0) - 1;
      if (left > 0) this.#lengths.set(length, left);
      else this.#lengths.delete(length);
    };
  }

  /** Wakes everybody who waits for this key or a prefix of it. */
  notify(key: string): void {
    wakeAll(this.#ofKeys.get(key));
    for (const length of this.#lengths.keys()) {
      // Half a surrogate pair at the end is no prefix that anybody could have asked for.
      if (length <= key.length) wakeAll(this.#ofPrefixes.get(key.slice(0, length)));
    }
  }
}

/** Each subscription is a function of its own: the same one may be given twice. */
function add(map: Map<string, Set<Wake>>, name: string, wake: Wake): Wake {
  const own = () => wake();
  const known = map.get(name);
  if (known) known.add(own);
  else map.set(name, new Set([own]));
  return own;
}

/** Whether that was the last one of this name. */
function remove(map: Map<string, Set<Wake>>, name: string, own: Wake): boolean {
  const wakes = map.get(name);
  if (!wakes?.delete(own) || wakes.size > 0) return false;
  return map.delete(name);
}

/** Of a copy: who is woken may take its subscription back, or make a new one, which is for the next change. */
function wakeAll(wakes: ReadonlySet<Wake> | undefined): void {
  if (wakes !== undefined) for (const wake of [...wakes]) wake();
}
