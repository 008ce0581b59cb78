// The promise of the design: 1,000,000 tracked sources in at most 150 MB resident, and a flood blinds nobody. The real
// daemon in a namespace, flooded by SYNs of as many sources, each of one contact.
import assert from "node:assert/strict";
import { test } from "node:test";
import { LINK, TARGET } from "../lab/support/addresses.ts";
import { Daemon } from "../lab/support/daemon.ts";
import { Lab } from "../lab/support/lab.ts";
import { shipped } from "../lab/support/settings.ts";
import { waitUntil } from "../lab/support/wait.ts";
import { floodProgram, onlyPid, readCpuSeconds, readMemory, tellMemory } from "./support.ts";

const SOURCES = 1_000_000;
const MAX_RESIDENT_BYTES = 150e6;

test("a million sources are seen and remembered in 150 MB", async (t) => {
  const lab = await Lab.open();
  t.after(() => lab.close());
  const daemon = await Daemon.start(lab, shipped);
  const pid = await onlyPid(lab.target);
  t.diagnostic(tellMemory("at start", readMemory(pid)));
  const cpuBefore = readCpuSeconds(pid);

  const flood = { dev: LINK, mac: TARGET.mac, to: TARGET.ipv4, count: SOURCES };
  t.diagnostic(`flood: ${(await lab.scanner.mustRun(floodProgram(flood))).trim()}`);
  const settled = async () => {
    const { probes, lost } = await daemon.status();
    return probes + lost >= SOURCES;
  };
  await waitUntil("every packet is judged or counted as lost", settled, 30_000);

  const { sources, probes, lost, blocked } = await daemon.status();
  const memory = readMemory(pid);
  t.diagnostic(tellMemory("after the flood", memory));
  t.diagnostic(`sources ${sources}, probes ${probes}, lost ${lost}, blocked ${blocked}`);
  t.diagnostic(`CPU: ${(readCpuSeconds(pid) - cpuBefore).toFixed(2)} s`);
  assert.ok(sources >= 0.999 * SOURCES, `${sources} sources`);
  assert.ok(memory.residentKiB * 1024 <= MAX_RESIDENT_BYTES, tellMemory("resident", memory));
});
