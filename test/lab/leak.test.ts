// A scanner learns next to nothing: of 20 open ports among nmap's top thousand, at most 0.5 on average answer before the
// first closed one gives the scanner away. The same scans of an undefended host must show all 20, or nothing is proven.
import assert from "node:assert/strict";
import { test } from "node:test";
import { families } from "./support/addresses.ts";
import { Daemon, shipped } from "./support/daemon.ts";
import { Lab } from "./support/lab.ts";
import { describe, mean, measureLeaks, topScans } from "./support/leak.ts";
import { spreadPorts } from "./support/scan.ts";
import { serve } from "./support/traffic.ts";

const OPEN = 20;
const MAY_LEAK = 0.5;

test("the first probe of a closed port is the last that is answered", async (t) => {
  const lab = await Lab.open();
  t.after(() => lab.close());
  const open = spreadPorts(OPEN);
  await serve(lab, lab.target, { tcp: open });

  for (const family of families) {
    await t.test(`undefended: nmap over ${family} sees all ${OPEN}`, async () => {
      for (const leak of await measureLeaks(lab, family, topScans, 1)) assert.deepEqual(leak.ports, open, leak.scan);
    });
  }
  const daemon = await Daemon.start(lab, shipped);
  for (const family of families) {
    await t.test(`defended: nmap over ${family} sees at most ${MAY_LEAK} of ${OPEN}`, async (sub) => {
      const leaks = await measureLeaks(lab, family, topScans, 1);
      sub.diagnostic(describe(leaks));
      assert.ok(mean(leaks) <= MAY_LEAK, describe(leaks));
      assert.equal((await daemon.status()).lost, 0);
    });
  }
});
