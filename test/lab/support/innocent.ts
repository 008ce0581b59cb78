// What "no false alarm" means: after everything that was sent has been judged, a source is neither held nor blocked nor
// found scanning, in the daemon's eyes and in the kernel's.
import assert from "node:assert/strict";
import { type Source, source, TARGET } from "./addresses.ts";
import type { Daemon } from "./daemon.ts";
import { setElements } from "./kernel.ts";
import type { Lab } from "./lab.ts";
import { syn } from "./packets.ts";
import { sendPackets } from "./raw.ts";

/** A real scanner whose detection shows that the daemon sees, and that all before it has been judged. */
const MARK = source(254);
const MARK_PORTS = [1, 7, 9, 11, 15, 17, 19, 23];

/** Probes are judged in the order in which they came: once this scanner is blocked, all before it have been. */
export async function passMark(lab: Lab, daemon: Daemon, ports: readonly number[] = MARK_PORTS): Promise<void> {
  const packets = ports.map((port) => syn({ from: MARK.ipv4, to: TARGET.ipv4, port }));
  await sendPackets(lab, packets);
  await daemon.waitForBlock(MARK.key.ipv4);
  await daemon.unblock(MARK.key.ipv4);
}

/** A source behind the gateway, or a neighbour on the link. */
type Suspect = Source | { readonly ipv4: string; readonly ipv6: string };

/** The keys that a host's addresses have in Portreeve's lists. */
function keysOf(host: Suspect): readonly string[] {
  return "key" in host ? [host.key.ipv4, host.key.ipv6] : [host.ipv4, host.ipv6];
}

export async function assertInnocent(
  lab: Lab,
  daemon: Daemon,
  hosts: readonly Suspect[],
  markPorts?: readonly number[],
): Promise<void> {
  await passMark(lab, daemon, markPorts);
  const keys = new Set(hosts.flatMap(keysOf));
  const blocked = (await daemon.blocked()).filter((entry) => keys.has(entry.source));
  assert.deepEqual(blocked, [], "blocked an innocent");
  const accusations = (await daemon.events()).filter(
    (event) => (event.type === "finding" || event.type === "block") && keys.has(event.source ?? ""),
  );
  assert.deepEqual(accusations, [], "found an innocent scanning");
  const held4 = await setElements(lab, "held4");
  const held6 = await setElements(lab, "held6");
  assert.ok(held4 !== undefined && held6 !== undefined, "the sensor's sets are not there");
  const addresses = new Set(hosts.flatMap((host) => [...keysOf(host).map(withoutLength), host.ipv4, host.ipv6]));
  assert.deepEqual(
    [...held4, ...held6].filter((address) => addresses.has(address)),
    [],
    "held an innocent",
  );
}

function withoutLength(key: string): string {
  return key.replace(/\/\d+$/, "");
}
