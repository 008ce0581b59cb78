// What is listed, what the kernel holds and what is answered are one, whatever networks come and go (support/networks.ts).
// A hundred thousand steps: long/networks.test.ts.
import { test } from "node:test";
import { tryNetworks } from "./support/networks.ts";
import { enterOwnNamespace } from "./support/own-namespace.ts";

enterOwnNamespace(import.meta.filename);

const STEPS = 2_000;

test(`${STEPS} random blocks and unblocks, kills and foreign commands: list, kernel and answers are one`, (t) =>
  tryNetworks(t, STEPS));
