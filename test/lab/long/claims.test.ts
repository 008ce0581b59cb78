// The whole of attacks.md, E4: 60 forged /64 networks a second, three ports each, keep the breaker open, while a scanner asks one
// port after the other, and waits until its hold has lapsed when it was closed. With the switch that the breaker was, it learned
// 20 of 20 among 40 ports in 112 s and was never blocked; without the flood 3.
import assert from "node:assert/strict";
import { test } from "node:test";
import { source } from "../support/addresses.ts";
import { claimed, keepClaiming } from "../support/claims.ts";
import { Daemon } from "../support/daemon.ts";
import { setElements } from "../support/kernel.ts";
import { Lab } from "../support/lab.ts";
import { Prober } from "../support/prober.ts";
import { serve } from "../support/traffic.ts";
import { waitUntil } from "../support/wait.ts";

const OPEN = 20;
const FLOOD_SECONDS = 240;
/** Of 20; the third closed port makes the finding, and each of a few more may be a question in vain. */
const MAY_LEARN = 12;
const NO_ANSWER = /^\((?:timeout|ECONNREFUSED)\)$/;

for (const proof of ["on", "off"] as const) {
  test(`PROOF="${proof}": one probe a lapsed hold, beside 60 forged sources a second`, async (t) => {
    const lab = await Lab.open();
    t.after(() => lab.close());
    // In turn: an open port, a closed one.
    const ports = Array.from({ length: 2 * OPEN }, (_, at) => 2_000 + at);
    await serve(lab, lab.target, { tcp: ports.filter((port) => port % 2 === 0) });
    const { settings, burst } = claimed[proof];
    const daemon = await Daemon.start(lab, { ...settings, PUBLIC_PORTS_TCP: "" });
    const flood = await keepClaiming(lab, daemon, { perSecond: 60, seconds: FLOOD_SECONDS, burst });
    const { ipv4: from, key } = source(1);
    const prober = await Prober.start(lab);
    const isHeld = async () => (await setElements(lab, "held4"))?.includes(from) === true;
    const startedMs = Date.now();
    const learned: number[] = [];
    let blockedAfterMs: number | undefined;
    for (const port of ports) {
      const answer = await prober.connect({ from, port });
      if (!NO_ANSWER.test(answer)) learned.push(port);
      else await waitUntil("the hold has lapsed", async () => !(await isHeld()), 20_000);
      if (blockedAfterMs === undefined && (await daemon.blocked()).some((block) => block.source === key.ipv4))
        blockedAfterMs = Date.now() - startedMs;
    }
    const isOpen = (await daemon.status()).warnings.some((text) => /flood of unproven/.test(text));
    t.diagnostic(
      `${learned.length} of ${OPEN} learned in ${Math.round((Date.now() - startedMs) / 1000)} s; blocked after ${blockedAfterMs} ms`,
    );
    assert.ok(isOpen, "the flood was still on");
    assert.ok(blockedAfterMs !== undefined, "the scanner was never blocked");
    assert.ok(learned.length <= MAY_LEARN, `${learned}`);
    await flood.stop();
  });
}
