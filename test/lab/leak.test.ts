// A scanner learns next to nothing: of 20 open ports among nmap's top thousand, at most 0.5 on average answer before the
// first closed one gives the scanner away. The same scans of an undefended host must show all 20, or nothing is proven.
import assert from "node:assert/strict";
import { test } from "node:test";
import { type Family, families, source, TARGET } from "./support/addresses.ts";
import { Capture, portsThatAnswered } from "./support/capture.ts";
import { Daemon } from "./support/daemon.ts";
import { Lab } from "./support/lab.ts";
import { describe, mean, measureLeaks, topScans } from "./support/leak.ts";
import { syn } from "./support/packets.ts";
import { sendPackets } from "./support/raw.ts";
import { spreadPorts } from "./support/scan.ts";
import { shipped } from "./support/settings.ts";
import { serve } from "./support/traffic.ts";

const OPEN = 20;
const MAY_LEAK = 0.5;
const CLOSED = 2000;
/** The whole scans are long/leak.test.ts. */
const CUT_SHORT_SECONDS = 20;

test("the first probe of a closed port is the last that is answered", async (t) => {
  const lab = await Lab.open();
  t.after(() => lab.close());
  const open = spreadPorts(OPEN);
  await serve(lab, lab.target, { tcp: open });

  for (const family of families) {
    await t.test(`undefended: nmap over ${family} sees all ${OPEN}`, async () => {
      for (const leak of await measureLeaks(lab, family, topScans(CUT_SHORT_SECONDS), 1))
        assert.deepEqual(leak.ports, open, leak.scan);
    });
  }
  await t.test(`undefended: ${OPEN} SYNs right behind one to a closed port are all answered`, async () => {
    for (const family of families) assert.deepEqual(await answersToBurst(lab, family, open), open);
  });
  const daemon = await Daemon.start(lab, shipped);
  await t.test(`defended: none of ${OPEN} SYNs right behind one to a closed port is answered`, async () => {
    for (const family of families) assert.deepEqual(await answersToBurst(lab, family, open), []);
  });
  for (const family of families) {
    await t.test(`defended: nmap over ${family} sees at most ${MAY_LEAK} of ${OPEN}`, async (sub) => {
      const leaks = await measureLeaks(lab, family, topScans(CUT_SHORT_SECONDS), 1);
      sub.diagnostic(describe(leaks));
      assert.ok(mean(leaks) <= MAY_LEAK, describe(leaks));
      assert.equal((await daemon.status()).lost, 0);
    });
  }
});

/** No daemon is quick enough to decide in between: the kernel itself has to hold the source in the same packet. */
async function answersToBurst(lab: Lab, family: Family, open: readonly number[]): Promise<readonly number[]> {
  const [to, from] = [TARGET[family], source(100)[family]];
  const capture = await Capture.start(lab);
  await sendPackets(
    lab,
    [CLOSED, ...open].map((port) => syn({ from, to, port })),
  );
  return portsThatAnswered(await capture.stop(), from);
}
