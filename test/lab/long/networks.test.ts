// As ../networks.test.ts, a hundred thousand steps: some twenty minutes on a quiet machine.
import { test } from "node:test";
import { NetworkTrial } from "../support/networks.ts";
import { enterOwnNamespace } from "../support/own-namespace.ts";

enterOwnNamespace(import.meta.filename);

const STEPS = 100_000;

test(`${STEPS} random blocks and unblocks, kills and foreign commands: list, kernel and answers are one`, async (t) => {
  const seed = Number(process.env.PORTREEVE_TEST_SEED ?? Date.now() % 1_000_000);
  t.diagnostic(`PORTREEVE_TEST_SEED=${seed}`);
  const trial = new NetworkTrial(seed);
  t.after(() => trial.close());
  await trial.start();
  for (let step = 1; step <= STEPS; step++) {
    await trial.step();
    if (step % 5_000 === 0) t.diagnostic(`${step} steps: ${JSON.stringify(trial.counts)}`);
  }
});
