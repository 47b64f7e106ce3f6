import { afterAll } from "vitest";

/**
 * Objects live on after the last test and print what they do. What an object prints between the last message of vitest's
 * worker to its pool and the end of the file is sent with the next message, which is the one that waits for it: the run
 * never ends (seen with 1.4.10 of the plugin and vitest 5.1.1; an object that prints every millisecond shows it each
 * time). So nothing is printed after the last hook, the result of which is a message of its own.
 */
afterAll(() => {
  for (const level of ["debug", "log", "info", "warn", "error"] as const) console[level] = () => undefined;
});
