// What is listed, what the kernel holds and what is answered are one, whatever networks come and go (support/networks.ts).
// A hundred thousand steps: long/networks.test.ts.
import { test } from "node:test";
import { NetworkTrial } from "./support/networks.ts";
import { enterOwnNamespace } from "./support/own-namespace.ts";

enterOwnNamespace(import.meta.filename);

const STEPS = 2_000;

test(`${STEPS} random blocks and unblocks, kills and foreign commands: list, kernel and answers are one`, async (t) => {
  const seed = Number(process.env.PORTREEVE_TEST_SEED ?? Date.now() % 1_000_000);
  t.diagnostic(`PORTREEVE_TEST_SEED=${seed}`);
  const trial = new NetworkTrial(seed);
  t.after(() => trial.close());
  await trial.start();
  for (let step = 0; step < STEPS; step++) await trial.step();
  t.diagnostic(JSON.stringify(trial.counts));
});
