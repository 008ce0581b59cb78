// 200 clients that come back every 200 ms while their service is away for 30 s: nobody is held or blocked at any time. The
// same for as long as a few retries take: ../false-alarm.test.ts.
import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { families, source, TARGET } from "../support/addresses.ts";
import { Daemon } from "../support/daemon.ts";
import { assertInnocent } from "../support/innocent.ts";
import { setElements } from "../support/kernel.ts";
import { Lab } from "../support/lab.ts";
import { harsh } from "../support/settings.ts";
import { reconnect, serve } from "../support/traffic.ts";
import { waitUntil } from "../support/wait.ts";

const CLIENTS = 200;
const AWAY_SECONDS = 30;
const PORT = 8000;

for (const family of families) {
  for (const proof of ["off", "on"]) {
    test(`${CLIENTS} clients over ${family}, ${AWAY_SECONDS} s without their service, PROOF="${proof}"`, async (t) => {
      const lab = await Lab.open();
      t.after(() => lab.close());
      const daemon = await Daemon.start(lab, { ...harsh, PROOF: proof });
      const clients = Array.from({ length: CLIENTS }, (_, index) => source(1 + index));
      const from = clients.map((each) => each[family]).join(",");
      const service = await serve(lab, lab.target, { tcp: [PORT] });
      const { state } = reconnect(lab, lab.scanner, { to: TARGET[family], port: PORT, every: 200, from });
      await waitUntil("all connected", () => state().connected === CLIENTS, 30_000);
      await service.stop();
      // Not a wait for something: the length of the outage is what is tested, looked at second by second.
      for (let second = 0; second < AWAY_SECONDS; second++) {
        await delay(1_000);
        for (const set of ["held4", "held6", "soft4", "soft6", "blocked4", "blocked6"]) {
          assert.deepEqual(await setElements(lab, set), [], `${set} after ${second + 1} s`);
        }
      }
      const { refusals } = state();
      assert.ok(refusals >= CLIENTS, `only ${refusals} refusals`);
      await serve(lab, lab.target, { tcp: [PORT] });
      await waitUntil("all connected again", () => state().connected === CLIENTS, 30_000);
      t.diagnostic(`${refusals} refused connections`);
      assert.deepEqual(await daemon.blocked(), []);
      if (proof === "off") await assertInnocent(lab, daemon, clients);
    });
  }
}
