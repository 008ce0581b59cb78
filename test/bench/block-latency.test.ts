// How fast a block is true: one source added to the kernel and read back, and the whole way from a probe on the wire to
// its source in the kernel's set, with the real daemon between. Printed, not asserted: the design wants p50 <= 100 us of
// the first.
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { z } from "zod";
import { LINK, TARGET } from "../lab/support/addresses.ts";
import { Daemon } from "../lab/support/daemon.ts";
import { Lab } from "../lab/support/lab.ts";
import { harsh } from "../lab/support/settings.ts";
import { nodeProgram, tellQuantiles } from "./support.ts";

const programs = join(import.meta.dirname, "programs");
const BLOCKS = 1000;
const PROBES = 200;
const timesSchema = z.array(z.number());

test("one block, added and read back", async (t) => {
  const lab = await Lab.open();
  t.after(() => lab.close());
  // The daemon's table stays when it is killed; with it running, each change would be one more for it to look at.
  const daemon = await Daemon.start(lab, harsh);
  await daemon.kill();
  const printed = await lab.target.mustRun(nodeProgram(join(programs, "enforce.js"), { count: BLOCKS }));
  const { enforce, lift } = z.object({ enforce: timesSchema, lift: timesSchema }).parse(JSON.parse(printed));
  t.diagnostic(tellQuantiles("block", enforce, "us"));
  t.diagnostic(tellQuantiles("lift", lift, "us"));
  assert.equal(enforce.length, BLOCKS);
});

test("from a probe on the wire to its source in the kernel", async (t) => {
  const lab = await Lab.open();
  t.after(() => lab.close());
  await Daemon.start(lab, harsh);
  const program = join(programs, "probe-times.js");
  const watcher = lab.spawn(lab.target, nodeProgram(program, { role: "watch", count: PROBES }));
  await watcher.waitForLine(/^watching$/);
  const flood = { role: "send", count: PROBES, every: 20, dev: LINK, mac: TARGET.mac, to: TARGET.ipv4 };
  const sentNs = timesSchema.parse(JSON.parse(await lab.scanner.mustRun(nodeProgram(program, flood))));
  const blockedNs = timesSchema.parse(JSON.parse(await watcher.waitForLine(/^\[/)));
  const milliseconds = blockedNs.map((time, index) => (time - (sentNs[index] ?? Number.NaN)) / 1e6);
  t.diagnostic(tellQuantiles("probe to block", milliseconds, "ms"));
  assert.equal(milliseconds.length, PROBES);
});
