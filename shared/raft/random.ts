/**
 * Chance as a value: a 32-bit state goes in, a number and the next state come out (xorshift32, Marsaglia 2003). The
 * core keeps the state, so that two runs with the same events are equal to the byte.
 */
export interface Draw {
  /** Uniform in [0, 1). */
  readonly value: number;
  readonly state: number;
}

/** xorshift32 is stuck at zero; any other seed will do. */
export function seedRandom(seed: number): number {
  const state = seed >>> 0;
  return state === 0 ? 0x9e3779b9 : state;
}

export function draw(state: number): Draw {
  let next = state;
  next ^= next << 13;
  next ^= next >>> 17;
  next ^= next << 5;
  next >>>= 0;
  return { value: next / 0x1_0000_0000, state: next };
}
