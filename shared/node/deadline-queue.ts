/** Something that falls due. */
export interface Due {
  /** In the host's clock. */
  readonly deadline: number;
  /** The queue's own: where it stands there, -1 when it does not. */
  position: number;
}

/**
 * What falls due, the soonest first. Everything can be taken out before its time in logarithmic time: most of what
 * waits is answered long before, and must not be kept until then.
 */
export class DeadlineQueue<Item extends Due> {
  /** A binary heap: no item is due before the one at half its position. */
  readonly #items: Item[] = [];

  get size(): number {
    return this.#items.length;
  }

  /** Of the soonest; Infinity when there is none. */
  get deadline(): number {
    return this.#items[0]?.deadline ?? Number.POSITIVE_INFINITY;
  }

  add(item: Item): void {
    this.#items.push(item);
    this.#rise(item, this.#items.length - 1);
  }

  /** Does nothing when it is not there. */
  remove(item: Item): void {
    const { position } = item;
    if (position < 0) return;
    item.position = -1;
    const last = this.#items.pop() as Item;
    if (last === item) return;
    this.#rise(last, position);
    this.#sink(last);
  }

  /** Takes out the soonest that is due; undefined when none is. */
  takeDue(now: number): Item | undefined {
    const soonest = this.#items[0];
    if (soonest === undefined || soonest.deadline > now) return undefined;
    this.remove(soonest);
    return soonest;
  }

  /** Takes out everything. */
  takeAll(): Item[] {
    const items = this.#items.splice(0);
    for (const item of items) item.position = -1;
    return items;
  }

  /** Puts `item`, which belongs at `from` or further up, where it belongs. */
  #rise(item: Item, from: number): void {
    let position = from;
    while (position > 0) {
      const above = (position - 1) >> 1;
      const parent = this.#items[above] as Item;
      if (parent.deadline <= item.deadline) break;
      this.#place(parent, position);
      position = above;
    }
    this.#place(item, position);
  }

  #sink(item: Item): void {
    let { position } = item;
    for (;;) {
      let below = 2 * position + 1;
      if (below >= this.#items.length) break;
      const right = this.#items[below + 1];
      if (right !== undefined && right.deadline < (this.#items[below] as Item).deadline) below++;
      const child = this.#items[below] as Item;
      if (child.deadline >= item.deadline) break;
      this.#place(child, position);
      position = below;
    }
    this.#place(item, position);
  }

  #place(item: Item, position: number): void {
    this.#items[position] = item;
    item.position = position;
  }
}
