// 1,000,000 real packets of blind forgers, 250,000 each that repeat always, never, at random, and in the pattern of a real scan
// of another source: none is proven, and the real scan is. 2,500 a second, as more would find no answer left (1,000 a second
// in all) and so not be tested. About eight minutes. In greater number, without packets: silence-simulation.test.ts.
import assert from "node:assert/strict";
import { test } from "node:test";
import { z } from "zod";
import { LINK, source, TARGET } from "../support/addresses.ts";
import { Daemon } from "../support/daemon.ts";
import { blockedInKernel } from "../support/kernel.ts";
import { Lab } from "../support/lab.ts";
import { harsh } from "../support/settings.ts";
import { forgeBlindly } from "../support/traffic.ts";

const countersSchema = z.object({ answersSent: z.number(), notTested: z.number() });
const PACKETS = 250_000;
const PORTS = 120;
const PER_SECOND = 2_500;

test("1,000,000 forged SYNs prove nobody", async (t) => {
  const lab = await Lab.open();
  t.after(() => lab.close());
  const daemon = await Daemon.start(lab, { ...harsh, PROOF: "on", ANSWER: "reset" });
  const real = source(1);
  for (const [net, pattern] of ["always", "never", "half", "copy"].entries()) {
    await t.test(pattern, async (sub) => {
      const order = { packets: PACKETS, ports: PORTS, rate: PER_SECOND, net, pattern };
      const how = { dev: LINK, mac: TARGET.mac, to: TARGET.ipv4, from: real.ipv4, ...order };
      const { sent, sources, answered } = await forgeBlindly(lab.scanner, how);
      const { counters, lost } = await daemon.status();
      const { answersSent, notTested } = countersSchema.parse(counters);
      const answers = `${answersSent} answers so far, ${notTested} packets not tested`;
      sub.diagnostic(`${sent} packets in ${sources} names; ${answers}; ${lost} lost`);
      const proven = (await daemon.blocked()).filter(({ soft }) => !soft).map((entry) => entry.source);
      assert.deepEqual(proven, pattern === "copy" ? [real.key.ipv4] : []);
      assert.deepEqual(await blockedInKernel(lab), proven);
      assert.equal(pattern === "copy", answered > 0);
    });
  }
});
