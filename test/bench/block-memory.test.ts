// What a block costs in the daemon's memory, all its tables together (list, expiry, offences): the design promises 200
// bytes, and 300 MB resident with a million.
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { z } from "zod";
import { mustRun } from "../lab/support/exec.ts";

const BLOCKS = 1_000_000;
const BYTES_A_BLOCK = 200;
const RESIDENT_BYTES = 300e6;
const schema = z.object({
  blocks: z.number(),
  usedBytes: z.number(),
  residentBytes: z.number(),
  residentInAll: z.number(),
  microseconds: z.number(),
  longestMs: z.number(),
});

test(`${BLOCKS.toLocaleString("en")} blocks`, async (t) => {
  const program = join(import.meta.dirname, "programs/block-memory.js");
  const printed = await mustRun([process.execPath, "--expose-gc", program, "--count", String(BLOCKS)]);
  const cost = schema.parse(JSON.parse(printed));
  t.diagnostic(printed.trim());
  assert.equal(cost.blocks, BLOCKS);
  assert.ok(cost.usedBytes <= BYTES_A_BLOCK, `${cost.usedBytes} bytes used a block`);
  assert.ok(cost.residentInAll <= RESIDENT_BYTES, `${cost.residentInAll} bytes resident`);
});
