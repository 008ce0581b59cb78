// A flood of forged sources is no cover for a scanner (attacks.md, E4): the breaker goes on blocking so many a second, by lot,
// and who goes on scanning is soon among them; softly with PROOF="on", in full with "off". The whole of E4 is in long/claims.
import assert from "node:assert/strict";
import { test } from "node:test";
import { z } from "zod";
import { source, TARGET } from "./support/addresses.ts";
import { claimed, keepClaiming } from "./support/claims.ts";
import { Daemon } from "./support/daemon.ts";
import { setElements } from "./support/kernel.ts";
import { Lab } from "./support/lab.ts";
import { syn } from "./support/packets.ts";
import { Prober } from "./support/prober.ts";
import { startNmap } from "./support/scan.ts";
import { waitFor, waitUntil } from "./support/wait.ts";

/** With one token a second for 60 sources that ask, half of all scanners need at most three (test/judge/breaker.test.ts). */
const QUESTIONS = 25;
const FLOOD_SECONDS = 60;

for (const proof of ["on", "off"] as const) {
  test(`PROOF="${proof}": beside 60 forged sources a second a scanner that sends a packet now and then is blocked`, async (t) => {
    const lab = await Lab.open();
    t.after(() => lab.close());
    const { settings, burst } = claimed[proof];
    const daemon = await Daemon.start(lab, settings);
    const flood = await keepClaiming(lab, daemon, { perSecond: 60, seconds: FLOOD_SECONDS, burst });
    const { ipv4: from, key } = source(1);
    const prober = await Prober.start(lab);
    const entry = async () => (await daemon.blocked()).find((block) => block.source === key.ipv4);
    let asked = 0;
    for (; asked < QUESTIONS && (await entry()) === undefined; asked++) {
      const { probes } = await daemon.status();
      await prober.packet(syn({ from, to: TARGET.ipv4, port: 2_000 + asked }));
      await waitUntil("the probe is judged", async () => (await daemon.status()).probes > probes);
    }
    const block = await waitFor("the scanner is blocked", entry);
    t.diagnostic(`blocked after ${asked} probes: ${block.reason}`);
    assert.deepEqual([block.soft, block.grade], [proof === "on", "direct"]);
    assert.ok((await setElements(lab, proof === "on" ? "soft4" : "blocked4"))?.includes(from));
    const { warnings, counters } = await daemon.status();
    assert.match(
      warnings.join("\n"),
      /there is a flood of unproven sources; \d+ a second are (softly )?blocked, chosen at random/,
    );
    assert.ok(z.object({ blocksWithheld: z.number() }).parse(counters).blocksWithheld > 0);
    await flood.stop();
    await daemon.waitForLine(/the flood of unproven sources has ended/);
  });
}

test("beside 500 forged sources a second nmap -T4 is blocked within seconds", async (t) => {
  const lab = await Lab.open();
  t.after(() => lab.close());
  const { settings, burst } = claimed.on;
  const daemon = await Daemon.start(lab, settings);
  const flood = await keepClaiming(lab, daemon, { perSecond: 500, seconds: FLOOD_SECONDS, burst });
  const from = source(1);
  const startedMs = Date.now();
  const options = ["-sS", "-T4", "-p", "2000-2999"];
  const running = startNmap(lab, { family: "ipv4", source: from, options, timeoutSeconds: 40 });
  const block = await waitFor("nmap is blocked", async () =>
    (await daemon.blocked()).find((each) => each.source === from.key.ipv4),
  );
  t.diagnostic(`softly blocked within ${Date.now() - startedMs} ms of its start: ${block.reason}`);
  assert.deepEqual([block.soft, block.grade], [true, "direct"]);
  const made = (await daemon.blocked()).length;
  await waitUntil("others are still being blocked", async () => (await daemon.blocked()).length > made);
  await running.stop();
  await flood.stop();
});
