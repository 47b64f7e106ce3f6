import type { TestNode } from "../process/support/test-node.ts";

/** Which run of a node, from its start to its end, a call was answered by. The judge asks it of `?stale` reads. */
export class Runs {
  readonly #runs = new Map<TestNode, number>();
  /** How many ends of each are under way. */
  readonly #ending = new Map<TestNode, number>();
  #alone = 0;

  /** From 1; while nobody can know it, a number of its own for each who asks. */
  of(node: TestNode): number {
    return (this.#ending.get(node) ?? 0) > 0 ? this.alone() : (this.#runs.get(node) ?? 1);
  }

  /** The run of a call that may have been answered by one or by the next: nothing is asked of it. */
  alone(): number {
    return --this.#alone;
  }

  /** From here on the node may end at any moment. */
  ending(node: TestNode): void {
    this.#ending.set(node, (this.#ending.get(node) ?? 0) + 1);
  }

  /** Another run has certainly begun, and what ended the one before is over. */
  begun(node: TestNode): void {
    this.#runs.set(node, (this.#runs.get(node) ?? 1) + 1);
    this.#ending.set(node, Math.max(0, (this.#ending.get(node) ?? 0) - 1));
  }
}
