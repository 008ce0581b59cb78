// A scan stays on record when a flood of forged probes follows, each from another source (attack D2): its finding and its
// block keep their places, of which MAX_EVENTS has few here.
import assert from "node:assert/strict";
import { test } from "node:test";
import { floodProgram } from "../bench/support.ts";
import { LINK, source, TARGET } from "./support/addresses.ts";
import { Daemon } from "./support/daemon.ts";
import { Lab } from "./support/lab.ts";
import { nmap } from "./support/scan.ts";
import { shipped } from "./support/settings.ts";
import { waitUntil } from "./support/wait.ts";

const PLACES = 500;
const FORGED = 5_000;

test("a flood of probes takes no place of a finding and a block", async (t) => {
  const lab = await Lab.open();
  t.after(() => lab.close());
  const daemon = await Daemon.start(lab, { ...shipped, MAX_EVENTS: String(PLACES) });
  const scanner = source(1);
  await nmap(lab, { family: "ipv4", source: scanner, options: ["-sS", "-p", "1-10"] });
  await daemon.waitForBlock(scanner.ipv4);

  const flood = { dev: LINK, mac: TARGET.mac, to: TARGET.ipv4, count: FORGED, rate: 2_000 };
  await lab.scanner.mustRun(floodProgram(flood));
  await waitUntil("the flood to be judged", async () => {
    const { probes, lost } = await daemon.status();
    return probes + lost >= FORGED;
  });
  const events = await daemon.events();
  const probes = events.filter(({ type }) => type === "probe").length;
  assert.ok(probes > 0.4 * PLACES && events.length <= PLACES, `${probes} probes of ${events.length} events`);
  const types = events.filter((event) => event.source === scanner.ipv4).map(({ type }) => type);
  for (const type of ["finding", "block"] as const) assert.ok(types.includes(type), `of the scanner: ${types}`);
});
