// Peers of connections that stand already when the sensor begins to learn: those to come its rules learn by themselves.
import { type Flow, listOpenedFlows } from "../kernel/conntrack.ts";
import { listServedPorts } from "../kernel/sock-diag.ts";
import type { Prefix } from "../wire/address.ts";
import { AddressRanges } from "../wire/address-ranges.ts";
import type { PortRange } from "../wire/port-range.ts";
import { type Learning, maxPeers } from "./learned-sets.ts";

/**
 * Guards the other ends of connections that this host began: from an address of its own, out of ip_local_port_range, and not
 * from a port that it serves.
 */
export function learnStandingPeers(
  learned: Pick<Learning, "addPeers">,
  host: { readonly own: readonly Prefix[]; readonly ephemeral: PortRange },
  guardMs: number,
): void {
  const own = new AddressRanges(host.own);
  const { first, last } = host.ephemeral;
  try {
    const served = new Set(listServedPorts().map(({ protocol, port }) => `${protocol}:${port}`));
    const isOurs = ({ source: { w0, w1, w2, w3 }, sourcePort, protocol }: Flow) =>
      own.contains(w0, w1, w2, w3) &&
      sourcePort >= first &&
      sourcePort <= last &&
      !served.has(`${protocol}:${sourcePort}`);
    learned.addPeers(listOpenedFlows(isOurs, maxPeers), guardMs);
  } catch {
    // No connection tracking yet, or no right to ask it: they are learned with their next answer.
  }
}
