// The leak figure with each ANSWER and PROOF="on": 14 runs over each family, mean <= 0.5 of 20.
import assert from "node:assert/strict";
import { test } from "node:test";
import { families } from "../support/addresses.ts";
import { Daemon } from "../support/daemon.ts";
import { Lab } from "../support/lab.ts";
import { describe, everyPort, mean, measureLeaks, topScans } from "../support/leak.ts";
import { spreadPorts } from "../support/scan.ts";
import { shipped } from "../support/settings.ts";
import { serve } from "../support/traffic.ts";

const OPEN = 20;
const MAY_LEAK = 0.5;
const whole = topScans(120);
/** Two whole scans: with their answers more would be too many lines for one capture. One batch: beside each other, each from its own source. */
const SCANS = [...whole, ...whole, ...whole, ...whole, everyPort, everyPort];

for (const answer of ["reset", "silent"]) {
  test(`ANSWER="${answer}"`, async (t) => {
    const lab = await Lab.open();
    t.after(() => lab.close());
    await serve(lab, lab.target, { tcp: spreadPorts(OPEN) });
    const daemon = await Daemon.start(lab, { ...shipped, PROOF: "on", ANSWER: answer });
    for (const [index, family] of families.entries()) {
      await t.test(family, async (sub) => {
        const leaks = await measureLeaks(lab, family, SCANS, 1 + index * SCANS.length);
        const { proven } = await daemon.status();
        sub.diagnostic(`mean ${mean(leaks)} of ${OPEN} in ${leaks.length} runs, ${proven} proven\n${describe(leaks)}`);
        assert.ok(mean(leaks) <= MAY_LEAK, describe(leaks));
        assert.equal((await daemon.status()).lost, 0);
      });
    }
  });
}
