// A flood cannot blind it: of a million different sources that send one SYN each, while the daemon only logs, at least
// 99.9 % are seen; of 3,000 while it blocks on one packet, all are blocked. Prints what became of them.
import assert from "node:assert/strict";
import { test } from "node:test";
import { source, TARGET } from "../support/addresses.ts";
import { Daemon } from "../support/daemon.ts";
import { floodOfSyns, share } from "../support/flood.ts";
import { blockedInKernel } from "../support/kernel.ts";
import { Lab } from "../support/lab.ts";
import { syn } from "../support/packets.ts";
import { sendPackets } from "../support/raw.ts";
import { harsh, shipped } from "../support/settings.ts";
import { serve, visit } from "../support/traffic.ts";
import { waitUntil } from "../support/wait.ts";

const CLOSED = 2000;
const OPEN = 80;
const FLOOD = 1_000_000;
const BURST = 3_000;
const SEEN_AT_LEAST = 0.999;
const SETTLE_MS = 60_000;

/** Until two looks in a row agree: everything that came has been judged. */
async function settled(daemon: Daemon): Promise<void> {
  let last = -1;
  await waitUntil(
    "the flood to be judged",
    async () => {
      const { probes } = await daemon.status();
      const still = probes === last;
      last = probes;
      return still;
    },
    SETTLE_MS,
  );
}

const logging = { BLOCK_TCP: "0", BLOCK_UDP: "0" };
const floods = [
  { name: "with the shipped judgement", settings: { ...shipped, ...logging } },
  { name: "while every packet is a finding", settings: { ...harsh, ...logging } },
];

for (const { name, settings } of floods) {
  test(`${FLOOD} sources, one SYN each, logged only, ${name}`, async (t) => {
    const lab = await Lab.open();
    t.after(() => lab.close());
    await serve(lab, lab.target, { tcp: [OPEN] });
    const daemon = await Daemon.start(lab, settings);
    const before = daemon.residentBytes();
    const startedMs = Date.now();
    await floodOfSyns(lab, FLOOD, CLOSED);
    const sentMs = Date.now() - startedMs;
    await settled(daemon);
    const { probes, sources, lost } = await daemon.status();
    const mib = (bytes: number) => `${(bytes / 1_048_576).toFixed(0)} MiB`;
    t.diagnostic(`sent in ${sentMs} ms; seen ${share(probes, FLOOD)}; sources ${share(sources, FLOOD)}; lost ${lost}`);
    t.diagnostic(`resident: ${mib(before)} before, ${mib(daemon.residentBytes())} after`);
    assert.ok(sources >= SEEN_AT_LEAST * FLOOD, `only ${sources} sources were seen`);
    assert.ok(lost <= (1 - SEEN_AT_LEAST) * FLOOD, `${lost} were lost`);
    assert.equal((await visit(lab.scanner, { to: TARGET.ipv4, from: source(1).ipv4, port: OPEN })).opened, 1);
  });
}

test(`${BURST} sources over IPv4 at once, while one packet blocks`, async (t) => {
  const lab = await Lab.open();
  t.after(() => lab.close());
  const daemon = await Daemon.start(lab, harsh);
  await floodOfSyns(lab, BURST, CLOSED);
  await assertAllBlocked(t, lab, daemon);
});

test(`${BURST} /64s over IPv6 at once, while one packet blocks`, async (t) => {
  const lab = await Lab.open();
  t.after(() => lab.close());
  const daemon = await Daemon.start(lab, harsh);
  const from = (index: number): string => `2001:db8:c:${(index + 1).toString(16)}::1`;
  const packets = Array.from({ length: BURST }, (_, index) =>
    syn({ from: from(index), to: TARGET.ipv6, port: CLOSED }),
  );
  await sendPackets(lab, packets);
  await assertAllBlocked(t, lab, daemon);
});

async function assertAllBlocked(t: { diagnostic(text: string): void }, lab: Lab, daemon: Daemon): Promise<void> {
  await settled(daemon);
  const { probes, lost, blocked } = await daemon.status();
  const inKernel = await blockedInKernel(lab);
  t.diagnostic(`seen ${share(probes, BURST)}; lost ${lost}; blocked ${share(blocked, BURST)}`);
  assert.equal(blocked, BURST);
  assert.equal(inKernel.length, BURST);
  assert.deepEqual(
    (await daemon.blocked()).filter((entry) => !entry.enforced),
    [],
  );
}
