import { test as base } from "vitest";
import { Lab } from "./lab-room.ts";

// What programs that are no tests use as well stands apart: vitest can be imported only where it runs.
export { CHECKOUT, Lab, oldNode, PINNED_NODE, STEADY } from "./lab-room.ts";

/** `test` with a lab of its own; what its processes said is printed when it fails. */
export const test = base.extend<{ lab: Lab }>({
  lab: async ({ onTestFailed }, use) => {
    const lab = new Lab();
    onTestFailed(() => console.error(lab.transcript()));
    await use(lab);
    await lab.dispose();
  },
});
