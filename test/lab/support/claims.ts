// Floods of forged sources that each do what a scanner does (attacks.md, E4), to keep the breaker open.
import { TARGET } from "./addresses.ts";
import type { Daemon } from "./daemon.ts";
import type { Running } from "./exec.ts";
import { startSteadily } from "./frames.ts";
import type { Lab } from "./lab.ts";
import { syn } from "./packets.ts";
import type { Settings } from "./settings.ts";
import { shipped } from "./settings.ts";

/** Three ports are a scan. */
const PORTS = [3_001, 3_002, 3_003];
/** Of 2001:db8::/32; what is below is the lab's own. */
const FIRST_NETWORK = 0x1000;

/** With PROOF="off" the burst is ten minutes' worth: 600. */
export const claimed: Readonly<Record<"on" | "off", { readonly settings: Settings; readonly burst: number }>> = {
  on: { settings: { ...shipped, PROOF: "on", ANSWER: "silent" }, burst: 50 },
  off: { settings: { ...shipped, PROOF: "off", MAX_BLOCKS_PER_SECOND: "1" }, burst: 600 },
};

/** `count` sources from number `first` on, each in a /48 of its own, so that no two of them are neighbours. */
function forgedScanners(first: number, count: number): readonly Uint8Array[] {
  return Array.from({ length: count }, (_, at) => {
    const from = `2001:db8:${(FIRST_NETWORK + first + at).toString(16)}::1`;
    return PORTS.map((port) => syn({ from, to: TARGET.ipv6, port }));
  }).flat();
}

/** Trips the breaker, and keeps it open for so long by `perSecond` new sources a second. */
export async function keepClaiming(
  lab: Lab,
  daemon: Daemon,
  { perSecond, seconds, burst }: { readonly perSecond: number; readonly seconds: number; readonly burst: number },
): Promise<Running> {
  const start = 2 * burst;
  const tripping = startSteadily(lab, forgedScanners(0, start), 2_000);
  await daemon.waitForLine(/a second \(MAX_(UNPROVEN|BLOCKS)_PER_SECOND\)/);
  await tripping.waitForEnd();
  return startSteadily(lab, forgedScanners(start, perSecond * seconds), perSecond * PORTS.length);
}
