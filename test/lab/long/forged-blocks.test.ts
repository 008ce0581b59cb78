// PROOF="off" on a host of 512 MB: 240,000 forged sources, blocked one and all, neither kill the daemon nor its next
// start (attack D1 of docs/security). The heap is what Node gives such a host.
import assert from "node:assert/strict";
import { test } from "node:test";
import { z } from "zod";
import { floodProgram } from "../../bench/support.ts";
import { LINK, TARGET } from "../support/addresses.ts";
import { Daemon } from "../support/daemon.ts";
import { Lab } from "../support/lab.ts";
import { harsh, type Settings } from "../support/settings.ts";
import { waitUntil } from "../support/wait.ts";

const countersSchema = z.object({ blockLimit: z.number() });
const SOURCES = 240_000;
const PER_SECOND = 4_000;
/** Less than systemd allows a service (TimeoutStartSec, 90 s). */
const START_MS = 60_000;
/** Without the breaker, which would make no more than 6,000 of it. */
const unbounded: Settings = { ...harsh, BLOCK_TIME: "1d", MAX_BLOCKS_PER_SECOND: "1000000" };
const SETTLE_MS = 400_000;
/** No probe of it is a claim: it only says what a daemon is that has been through this. */
const RESIDENT_LIMIT_BYTES = 400e6;

test(`${SOURCES.toLocaleString("en")} forged sources in a heap of 256 MB: all blocked, and all again at the next start`, async (t) => {
  const before = process.env.NODE_OPTIONS;
  process.env.NODE_OPTIONS = "--max-old-space-size=256";
  t.after(() => {
    if (before === undefined) delete process.env.NODE_OPTIONS;
    else process.env.NODE_OPTIONS = before;
  });
  const lab = await Lab.open();
  t.after(() => lab.close());
  const daemon = await Daemon.start(lab, unbounded);
  const flood = { dev: LINK, mac: TARGET.mac, to: TARGET.ipv4, count: SOURCES, rate: PER_SECOND };
  const sent = lab.scanner.mustRun(floodProgram(flood));
  await sent;
  await waitUntil(
    "every source to be blocked",
    async () => {
      assert.ok(!daemon.ended, "the daemon died");
      const { blocked, lost } = await daemon.status();
      return blocked + lost >= SOURCES;
    },
    SETTLE_MS,
  );
  const { blocked, lost, counters, warnings } = await daemon.status();
  t.diagnostic(
    `blocked ${blocked}, lost ${lost}, limit ${countersSchema.parse(counters).blockLimit}; ${warnings.join("; ")}`,
  );
  t.diagnostic(`resident ${(daemon.residentBytes() / 1e6).toFixed(0)} MB`);
  assert.ok(daemon.residentBytes() < RESIDENT_LIMIT_BYTES);

  await daemon.kill();
  const startedMs = Date.now();
  await daemon.restart([], START_MS);
  const after = await daemon.status();
  t.diagnostic(`start after a kill: ${Date.now() - startedMs} ms, ${after.blocked} blocks`);
  t.diagnostic(`resident ${(daemon.residentBytes() / 1e6).toFixed(0)} MB`);
  assert.ok(after.blocked >= blocked - 1, `${after.blocked} of ${blocked} after the restart`);
});

test("what a larger heap has blocked does not kill a start with a smaller one: the newest fit, the others are let go", async (t) => {
  const lab = await Lab.open();
  t.after(() => lab.close());
  const daemon = await Daemon.start(lab, unbounded);
  const flood = { dev: LINK, mac: TARGET.mac, to: TARGET.ipv4, count: 60_000, rate: PER_SECOND };
  await lab.scanner.mustRun(floodProgram(flood));
  await waitUntil("every source to be blocked", async () => (await daemon.status()).blocked >= 60_000, SETTLE_MS);
  await daemon.stop();
  const before = process.env.NODE_OPTIONS;
  process.env.NODE_OPTIONS = "--max-old-space-size=40";
  t.after(() => {
    if (before === undefined) delete process.env.NODE_OPTIONS;
    else process.env.NODE_OPTIONS = before;
  });
  await daemon.restart([], START_MS);
  const { blocked, counters, warnings } = await daemon.status();
  assert.equal(blocked, countersSchema.parse(counters).blockLimit);
  const said = await daemon.waitForLine(/older blocks do not fit into the list/);
  t.diagnostic(`${blocked} of 60,000 blocks; ${said}`);
  assert.ok(
    warnings.some((warning) => /the block list is 100 % full/.test(warning)),
    warnings.join("; "),
  );
  // Softly is blocked a source whose connections could not be counted in time, until its next probe.
  const held = await Promise.all(
    ["blocked4", "soft4", "soft24"].map((set) =>
      lab.target.mustRun(["nft", "-j", "list", "set", "inet", "portreeve", set]),
    ),
  );
  const counts = held.map((json) => (json.match(/"expires"/g) ?? []).length);
  t.diagnostic(`blocked4, soft4, soft24: ${counts.join(", ")}`);
  assert.equal(
    counts.reduce((sum, count) => sum + count, 0),
    blocked,
  );
});
