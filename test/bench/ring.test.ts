// The packet ring in a bounded flood, as fast as one core can send: what was seen, what was lost, and what a packet costs
// (the ring's thread and the one that takes its packets together). All of it is printed; asserted is that nothing is lost.
import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { z } from "zod";
import { LINK, TARGET } from "../lab/support/addresses.ts";
import { Daemon } from "../lab/support/daemon.ts";
import { Lab } from "../lab/support/lab.ts";
import { syn } from "../lab/support/packets.ts";
import { sendPackets } from "../lab/support/raw.ts";
import { shipped } from "../lab/support/settings.ts";
import { program } from "../lab/support/traffic.ts";
import { waitUntil } from "../lab/support/wait.ts";
import { floodProgram, onlyPid, readCpuSeconds } from "./support.ts";

const PACKETS = 2_000_000;
const PER_SECOND = 500_000;
const SETTLE_SECONDS = 25;
const MEASURED_SECONDS = 20;
const sentSchema = z.object({ sent: z.number(), seconds: z.number() });
const countersSchema = z.object({
  ringSeen: z.number(),
  ringDropped: z.number(),
  ringDelivered: z.number(),
  ringStalls: z.number(),
  cpuMicroseconds: z.number(),
});

/** The kernel's own answers cost the sender's core most of its time: dropped behind the ring, as a firewall would. */
async function silence(lab: Lab): Promise<void> {
  const hook = `type filter hook ingress device "${LINK}" priority 0; policy accept;`;
  const drop = "ip saddr != 203.0.113.0/24 drop;";
  await lab.target.mustRun(["nft", "-f", "-"], `table netdev quiet { chain silence { ${hook} ${drop} }\n}\n`);
}

const daemonCounters = z.looseObject({
  lost: z.number(),
  probes: z.number(),
  counters: z.looseObject({ ringStalls: z.number() }),
});

async function flood(lab: Lab): Promise<z.infer<typeof sentSchema>> {
  const options = { dev: LINK, mac: TARGET.mac, to: TARGET.ipv4, count: PACKETS, port: 0, rate: PER_SECOND };
  return sentSchema.parse(JSON.parse(await lab.scanner.mustRun(floodProgram(options))));
}

test("the ring alone", async (t) => {
  const lab = await Lab.open();
  t.after(() => lab.close());
  await silence(lab);
  const ring = lab.spawn(lab.target, [...program("ring", { interfaces: LINK, cpu: true })]);
  await ring.waitForLine(/^ready$/);
  const { sent, seconds } = await flood(lab);
  // The last block is handed over within its 2 ms.
  await delay(500);
  await ring.stop();
  const counters = countersSchema.parse(JSON.parse(ring.lines.find((line) => line.startsWith("{")) ?? "{}"));
  const nanoseconds = (1_000 * counters.cpuMicroseconds) / counters.ringDelivered;
  t.diagnostic(
    `sent ${sent} at ${Math.round(sent / seconds)}/s; seen ${counters.ringSeen}, lost ${counters.ringDropped}`,
  );
  t.diagnostic(`delivered ${counters.ringDelivered} at ${nanoseconds.toFixed(0)} ns of CPU a packet, both threads`);
  assert.deepEqual([counters.ringDropped, counters.ringDelivered >= sent], [0, true]);
});

test("the daemon on the ring: a flood, one probe, and nothing at all", async (t) => {
  const lab = await Lab.open();
  t.after(() => lab.close());
  const daemon = await Daemon.start(lab, {
    ...shipped,
    FIREWALL: "none",
    CAPTURE: "ring",
    BLOCK_TCP: "0",
    BLOCK_UDP: "0",
  });
  await silence(lab);
  const pid = await onlyPid(lab.target);
  await delay(SETTLE_SECONDS * 1_000);
  const before = readCpuSeconds(pid);
  await delay(MEASURED_SECONDS * 1_000);
  const idle = (readCpuSeconds(pid) - before) / MEASURED_SECONDS;
  t.diagnostic(`idle: ${(100 * idle).toFixed(3)} % of a core over ${MEASURED_SECONDS} s`);
  const startSeconds = readCpuSeconds(pid);
  const { sent, seconds } = await flood(lab);
  await sendPackets(lab, [syn({ from: "203.0.113.250", to: TARGET.ipv4, port: 23 })]);
  await waitUntil("the last probe is judged", async () => (await daemon.eventsOf("203.0.113.250")).length > 0, 60_000);
  const cpu = readCpuSeconds(pid) - startSeconds;
  const { lost, probes, counters } = daemonCounters.parse(await daemon.status());
  t.diagnostic(
    `sent ${sent} at ${Math.round(sent / seconds)}/s; judged ${probes}, lost ${lost}, queue full ${counters.ringStalls} times`,
  );
  t.diagnostic(`${((1e9 * cpu) / sent).toFixed(0)} ns of CPU a packet, from the ring to the record`);
  assert.ok(idle < 0.01, `${100 * idle} % of a core`);
});
