// As ../silence-tells-nothing.test.ts, in great number: 64 found addresses ask 1,024 ports, at a rate at which everything is
// answered and at one at which the limits are used up, over both families. About five minutes.
import assert from "node:assert/strict";
import { test } from "node:test";
import { families } from "../support/addresses.ts";
import { Lab } from "../support/lab.ts";
import { describe, differences, giveAway, sources, startHost, sweep, telling, totals } from "../support/sweep.ts";

const COUNT = 1_024;
const EACH = 24;
const ADDRESSES = 64;

for (const answer of ["reset", "open", "silent"]) {
  for (const family of families) {
    test(`ANSWER="${answer}" over ${family}: ${ADDRESSES} found addresses ask ${COUNT} ports`, async (t) => {
      const lab = await Lab.open();
      t.after(() => lab.close());
      const host = await startHost(lab, { count: COUNT, each: EACH, settings: { ANSWER: answer } });
      for (const [turn, perSecond] of [1_500, 6_000].entries()) {
        const how = { family, sources: sources(ADDRESSES, 1 + turn * ADDRESSES), perSecond };
        await giveAway(lab, host, how);
        const drawn = await sweep(lab, host, how);
        for (const line of totals(drawn, host)) t.diagnostic(`${perSecond}/s: ${line}`);
        const all = differences(drawn, host);
        const worst = all.reduce((most, each) => (each.chance < most.chance ? each : most));
        t.diagnostic(`${perSecond}/s: the largest of ${all.length} differences: ${describe(worst)}`);
        assert.deepEqual(telling(all), [], `${perSecond}/s`);
        const answers = drawn.reduce((sum, { rsts, synAcks }) => sum + rsts + synAcks, 0);
        assert.equal(answers > 5_000, answer !== "silent", `${answers} answers`);
      }
    });
  }
}
