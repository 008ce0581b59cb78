// From the packet that decides the silence test to the full block in the kernel, with the real daemon between. Printed, not
// asserted: the design wants p50 <= 5 ms.
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { z } from "zod";
import { LINK, TARGET } from "../lab/support/addresses.ts";
import { Daemon } from "../lab/support/daemon.ts";
import { Lab } from "../lab/support/lab.ts";
import { shipped } from "../lab/support/settings.ts";
import { nodeProgram, tellQuantiles } from "./support.ts";

const program = join(import.meta.dirname, "programs/proof-times.js");
const SCANNERS = 40;
const EVERY_MS = 20;
/** 0.85 bits each, and 2^30 proves: the 36th repetition decides (test/judge/proof/silence-test.test.ts). */
const DECIDING = 36;

test("from the deciding packet to the full block", async (t) => {
  const lab = await Lab.open();
  t.after(() => lab.close());
  const daemon = await Daemon.start(lab, { ...shipped, PROOF: "on", ANSWER: "reset" });
  const watcher = lab.spawn(lab.target, nodeProgram(program, { role: "watch", count: SCANNERS }));
  await watcher.waitForLine(/^watching$/);
  const how = { role: "scan", count: SCANNERS, every: EVERY_MS, dev: LINK, mac: TARGET.mac, to: TARGET.ipv4 };
  const sentNs = z.array(z.array(z.number())).parse(JSON.parse(await lab.scanner.mustRun(nodeProgram(program, how))));
  const blockedNs = z.array(z.number()).parse(JSON.parse(await watcher.waitForLine(/^\[/)));
  const deciding = sentNs.map((times) => times[DECIDING - 1] ?? Number.NaN);
  const milliseconds = blockedNs.map((time, index) => (time - (deciding[index] ?? Number.NaN)) / 1e6);
  t.diagnostic(tellQuantiles("deciding packet to full block", milliseconds, "ms"));
  assert.equal(milliseconds.filter((time) => time > 0).length, SCANNERS);
  for (const { grade, reason } of await daemon.blocked()) {
    assert.equal(grade, "silence");
    assert.match(
      reason,
      new RegExp(`of ${DECIDING} ports met with silence it repeated ${DECIDING}, of 0 answered ones 0`),
    );
  }
});
