// As ../networks.test.ts, a hundred thousand steps: some forty minutes.
import { test } from "node:test";
import { tryNetworks } from "../support/networks.ts";
import { enterOwnNamespace } from "../support/own-namespace.ts";

enterOwnNamespace(import.meta.filename);

const STEPS = 100_000;

test(`${STEPS} random blocks and unblocks, kills and foreign commands: list, kernel and answers are one`, (t) =>
  tryNetworks(t, STEPS));
