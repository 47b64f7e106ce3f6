import { trySeed } from "./tally-judge.ts";

// node simulate.ts [first seed] [number of seeds]
const [first = 1, count = 30] = process.argv.slice(2).map(Number);

for (let seed = first; seed < first + count; seed++) {
  const problem = await trySeed(seed);
  console.log(problem ?? `seed ${seed}: all is well`);
  if (problem !== null) process.exitCode = 1;
}
