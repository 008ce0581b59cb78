// The cases of forged.test.ts, short and long: packets forged in the name of five innocents, and what must come of it.
import assert from "node:assert/strict";
import type { TestContext } from "node:test";
import { type Family, families, TARGET } from "./addresses.ts";
import { type ForgeryKind, forge, forgeInto, isEvidence } from "./forgeries.ts";
import { blockedInKernel, setElements } from "./kernel.ts";
import { sendPackets } from "./raw.ts";
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

async function packetsOf(town: Town, family: Family, { kinds, count }: Forging): Promise<Uint8Array[]> {
  const to = TARGET[family];
  const fromPort = await town.customerPort(family);
  const into = { from: victims.customer[family], to, served: TALKING, fromPort };
  const oneOfEach = (kind: ForgeryKind, index: number): Uint8Array[] => [
    ...Object.values(victims).map((victim) => forge(kind, { from: victim[family], to, served: SERVED }, index)),
    forgeInto(kind, into, index),
  ];
  return kinds.flatMap((kind) => Array.from({ length: count }, (_, index) => oneOfEach(kind, index)).flat());
}

export async function forgeInAllNames(t: TestContext, town: Town, forging: Forging): Promise<void> {
  const { lab, daemon } = town;
  const before = { ...town.answers(), retransmissions: await town.customerRetransmissions() };
  const packets = (await Promise.all(families.map((family) => packetsOf(town, family, forging)))).flat();
  let endedMs = 0;
  const sending = sendPackets(lab, packets, { perSecond: forging.perSecond }).then(() => {
    endedMs = Date.now();
  });
  const { longestMs } = await whileAllGoOn(town, sending);
  await assertOnlySoft(town);
  await strangerComesBack(town, forging, endedMs);
  await waitUntil("the resolver answers afterwards", () => town.answers().answered >= before.answered + 10);
  assert.deepEqual(
    { ...town.answers(), answered: 0 },
    { failed: before.failed, answered: 0 },
    "a query was not answered",
  );
  const retransmissions = (await town.customerRetransmissions()) - before.retransmissions;
  const answered = town.answers().answered - before.answered;
  t.diagnostic(
    `${packets.length} packets; ${answered} queries answered; the customer sent ${retransmissions} segments again, ` +
      `its longest wait for an echo was ${longestMs.toFixed(0)} ms; the stranger was back within ${Date.now() - endedMs} ms`,
  );
  assert.equal(retransmissions, 0, "the customer was delayed");
  await assertOnlySoft(town);
  assert.deepEqual((await daemon.events()).filter(isPunishment), [], "somebody was punished");
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

/** Whether the forging does anything at all: the stranger is softly blocked by it. */
export async function assertStrangerWasSoft(town: Town): Promise<void> {
  const blocks = (await town.daemon.events()).filter(({ type }) => type === "block");
  for (const family of families) assert.ok(blocks.some(({ source }) => source === stranger.key[family]));
}
