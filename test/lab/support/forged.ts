// The cases of forged.test.ts, short and long: packets forged in the name of five innocents, and what must come of it.
import assert from "node:assert/strict";
import type { TestContext } from "node:test";
import { type Family, families, TARGET } from "./addresses.ts";
import { type ForgeryKind, forge, forgeInto, isEvidence } from "./forgeries.ts";
import { sendSteadily } from "./frames.ts";
import { blockedInKernel, setElements } from "./kernel.ts";
import { SERVED, SOFT_BLOCK_SECONDS, stranger, TALKING, type Town, victims, whileAllGoOn } from "./town.ts";
import { visit } from "./traffic.ts";
import { waitUntil } from "./wait.ts";

export interface Forging {
  readonly kinds: readonly ForgeryKind[];
  /** Packets of each kind in the name of each victim, over each family. */
  readonly count: number;
  readonly perSecond: number;
  /** Served, and never used by the stranger before. */
  readonly strangersPort: number;
}

/** A soft block ends with the second of the last probe; a client that was refused tries again after half a second. */
const SLACK_SECONDS = 3;
/** Longer than any sending here takes. */
const SENDING_MS = 300_000;

/** Both families and all names in turn, so that each is forged from the beginning of the sending to its end. */
async function packetsOf(town: Town, { kinds, count }: Forging): Promise<Uint8Array[]> {
  const fromPorts = { ipv4: await town.customerPort("ipv4"), ipv6: await town.customerPort("ipv6") };
  const oneOfEach = (kind: ForgeryKind, index: number, family: Family): Uint8Array[] => {
    const to = TARGET[family];
    const into = { from: victims.customer[family], to, served: TALKING, fromPort: fromPorts[family] };
    return [
      ...Object.values(victims).map((victim) => forge(kind, { from: victim[family], to, served: SERVED }, index)),
      forgeInto(kind, into, index),
    ];
  };
  return kinds.flatMap((kind) =>
    Array.from({ length: count }, (_, index) => families.flatMap((family) => oneOfEach(kind, index, family))).flat(),
  );
}

export async function forgeInAllNames(t: TestContext, town: Town, forging: Forging): Promise<void> {
  const { lab, daemon } = town;
  const packets = await packetsOf(town, forging);
  const before = { ...town.answers(), waits: await town.waits() };
  let endedMs = Number.POSITIVE_INFINITY;
  let tookSeconds = 0;
  const sending = sendSteadily(lab, packets, forging.perSecond).then(({ seconds }) => {
    endedMs = Date.now();
    tookSeconds = seconds;
  });
  const isFelt = forging.kinds.some(isEvidence) ? strangerIsSoftlyBlocked(town, () => endedMs) : Promise.resolve();
  const [{ longestMs }] = await Promise.all([whileAllGoOn(town, sending), isFelt]);
  await assertOnlySoft(town);
  await strangerComesBack(town, forging, endedMs);
  const backMs = Date.now() - endedMs;
  await waitUntil("the resolver answers afterwards", () => town.answers().answered >= before.answered + 10);
  const { answered, failed } = town.answers();
  const after = await town.waits();
  const { customer, gateway } = before.waits;
  t.diagnostic(
    `${packets.length} packets in ${tookSeconds.toFixed(1)} s; ${answered - before.answered} queries answered; the longest wait for an echo was ` +
      `${longestMs.toFixed(0)} ms; retransmission timers that ran out: customer ` +
      `${after.customer.timeouts - customer.timeouts}, gateway ${after.gateway.timeouts - gateway.timeouts}; segments ` +
      `sent again: ${after.customer.retransmissions - customer.retransmissions} and ` +
      `${after.gateway.retransmissions - gateway.retransmissions}; the stranger was back within ${backMs} ms`,
  );
  assert.equal(failed, before.failed, "a query was not answered");
  assert.equal(after.customer.timeouts, customer.timeouts, "the customer was delayed");
  assert.equal(after.gateway.timeouts, gateway.timeouts, "the gateway was delayed");
  await assertOnlySoft(town);
  assert.deepEqual((await daemon.events()).filter(isPunishment), [], "somebody was punished");
}

/**
 * Whether the forging does anything at all: the kernel blocks the stranger softly, over each family. Looked for from the
 * beginning of the sending, and not at one moment: the soft block comes with the first packet, and ends after the last.
 */
async function strangerIsSoftlyBlocked({ lab }: Town, sendingEndedMs: () => number): Promise<void> {
  const elements = { soft4: stranger.ipv4, soft6: stranger.key.ipv6.replace(/\/64$/, "") };
  const look = async ([set, element]: readonly [string, string]): Promise<void> => {
    const isThere = async (): Promise<boolean> => {
      const isTooLate = Date.now() > sendingEndedMs() + SOFT_BLOCK_SECONDS * 1_000;
      if ((await setElements(lab, set))?.includes(element) === true) return true;
      assert.ok(!isTooLate, `packets were forged in the name of ${element}, and it was never in ${set}`);
      return false;
    };
    await waitUntil(`${element} is in ${set}`, isThere, SENDING_MS);
  };
  await Promise.all(Object.entries(elements).map(look));
}

function isPunishment({ type, grade }: { readonly type: string; readonly grade?: string | undefined }): boolean {
  return type === "block" && grade !== "direct";
}

/** Nobody is fully blocked, for the daemon and for the kernel; no outside command was run, nothing for fail2ban written. */
async function assertOnlySoft(town: Town): Promise<void> {
  const { lab, daemon } = town;
  assert.deepEqual(
    (await daemon.blocked()).filter((entry) => !entry.soft),
    [],
    "somebody is fully blocked",
  );
  assert.deepEqual(await blockedInKernel(lab), []);
  assert.deepEqual(daemon.history(), []);
  assert.deepEqual(town.killed(), []);
  // The guard: not even softly, not even held.
  for (const victim of [victims.gateway, victims.resolver]) {
    const listed = (await daemon.blocked()).map(({ source }) => source);
    for (const family of families) assert.ok(!listed.includes(victim.key[family]), `${victim[family]} is blocked`);
    for (const set of ["held4", "held6", "soft4", "soft6"]) {
      const elements = (await setElements(lab, set)) ?? [];
      for (const family of families) assert.ok(!elements.includes(victim[family]), `${victim[family]} is in ${set}`);
    }
  }
}

/** At most SOFT_BLOCK_TIME after the last forged packet; at once if no such packet is evidence. */
async function strangerComesBack(town: Town, forging: Forging, endedMs: number): Promise<void> {
  const { kinds, strangersPort: port } = forging;
  const comesBack = async (family: Family): Promise<void> => {
    const how = { to: TARGET[family], from: stranger[family], port, timeout: 500 };
    if (!kinds.some(isEvidence)) {
      const { opened } = await visit(town.strangerHost, { ...how, timeout: 5_000 });
      assert.equal(opened, 1, `${kinds} delayed a stranger`);
      return;
    }
    const left = endedMs + (SOFT_BLOCK_SECONDS + SLACK_SECONDS) * 1_000 - Date.now();
    await waitUntil(
      `the stranger connects over ${family} within SOFT_BLOCK_TIME`,
      async () => (await visit(town.strangerHost, how)).opened === 1,
      left,
    );
  };
  await Promise.all(families.map(comesBack));
}
