// E3 of the attack report as it was measured: 65,535 SYNs at 5,000 a second, each from another /64 of one /48 and to another
// port, of which twenty are served. Before: 20 of 20 learned, no finding, no warning.
import assert from "node:assert/strict";
import { test } from "node:test";
import { TARGET } from "../support/addresses.ts";
import { Capture } from "../support/capture.ts";
import { Daemon } from "../support/daemon.ts";
import { Lab } from "../support/lab.ts";
import { syn } from "../support/packets.ts";
import { sendPackets } from "../support/raw.ts";
import { shipped } from "../support/settings.ts";
import { serve } from "../support/traffic.ts";

const PORTS = 65_535;
/** As many packets as one call of trafgen takes. */
const PART = 8_192;
const OPEN = [
  21, 22, 53, 110, 143, 389, 587, 993, 3306, 5432, 5900, 6379, 8080, 8443, 9200, 11_211, 27_017, 40_000, 50_000, 60_000,
];

test("one probe from each /64 of a /48, to every port", async (t) => {
  const lab = await Lab.open();
  t.after(() => lab.close());
  await serve(lab, lab.target, { tcp: OPEN });
  const daemon = await Daemon.start(lab, { ...shipped, PROOF: "on" });
  const capture = await Capture.start(lab);
  const packets = Array.from({ length: PORTS }, (_, index) => {
    // 7,919 and 65,535 have no common divisor: each port once, in an order of its own.
    const port = 1 + ((index * 7_919) % PORTS);
    return syn({ from: `2001:db8:b:${index.toString(16)}::1`, to: TARGET.ipv6, port });
  });
  for (let at = 0; at < PORTS; at += PART) await sendPackets(lab, packets.slice(at, at + PART), { perSecond: 5_000 });
  const answers = (await capture.stop()).filter(({ flags }) => flags.startsWith("S") && flags.includes("."));
  const learned = new Set(answers.map(({ fromPort }) => fromPort));
  const found = (await daemon.events()).filter(
    ({ type, source }) => type === "finding" && source?.includes("/") === true,
  );
  const networks = found.filter(({ source }) => !source?.endsWith("/64")).map(({ source }) => source);
  t.diagnostic(`learned ${learned.size} of ${OPEN.length}; found ${networks.join(", ")}`);
  assert.ok(networks.includes("2001:db8:b::/48"), "the /48 is no finding");
  assert.ok(networks.length <= 3, networks.join(", "));
  assert.ok(learned.size <= 2, `learned ${[...learned].join(", ")}`);
  assert.ok((await daemon.blocked()).every(({ soft }) => soft));
});
