// The leak figure of the README: 30 runs over each family, of four scans, every TCP port among them; mean <= 0.5 of 20.
import assert from "node:assert/strict";
import { test } from "node:test";
import { families } from "../support/addresses.ts";
import { Daemon } from "../support/daemon.ts";
import { Lab } from "../support/lab.ts";
import { describe, everyPort, type Leak, mean, measureLeaks, TOP_PORTS, topScans } from "../support/leak.ts";
import { spreadPorts } from "../support/scan.ts";
import { shipped } from "../support/settings.ts";
import { serve } from "../support/traffic.ts";

const OPEN = 20;
const MAY_LEAK = 0.5;
const RUNS = 30;
const whole = topScans(180);
/** One batch: beside each other, each from its own source. */
const SCANS = [...whole, ...whole, ...whole, ...whole, everyPort, everyPort, everyPort];

test(`${RUNS} scans over each family`, async (t) => {
  const lab = await Lab.open();
  t.after(() => lab.close());
  const open = spreadPorts(OPEN);
  await serve(lab, lab.target, { tcp: open });
  for (const family of families) {
    await t.test(`undefended over ${family}`, async () => {
      const leaks = await measureLeaks(lab, family, [...whole, everyPort], 1);
      for (const leak of leaks) assert.deepEqual(leak.ports, open, leak.scan);
    });
  }
  await Daemon.start(lab, shipped);
  for (const family of families) {
    await t.test(`defended over ${family}`, async (sub) => {
      const leaks: Leak[] = [];
      for (let run = 0; run < RUNS; run += SCANS.length) {
        leaks.push(...(await measureLeaks(lab, family, SCANS.slice(0, RUNS - run), 1 + run)));
      }
      sub.diagnostic(`mean ${mean(leaks)} of ${OPEN} in ${leaks.length} runs\n${describe(leaks)}`);
      assert.equal(leaks.length, RUNS);
      const unfinished = leaks.filter((leak) => leak.asked < TOP_PORTS);
      assert.deepEqual(unfinished, [], "a scan was cut short: it could not have learned everything");
      assert.ok(mean(leaks) <= MAY_LEAK, describe(leaks));
    });
  }
});
