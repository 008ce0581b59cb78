// UDP ports that a configuration has watched and that are no traps: the kernel gives them to this host's own clients, so that a
// datagram there is most often an answer.
import { plural } from "../base/plural.ts";
import type { PortRange } from "../wire/port-range.ts";
import { countPorts, formatPorts, intersectPorts, mergePorts, subtractPorts } from "./ports.ts";
import type { WatchSettings } from "./settings.ts";

/** What the kernel says of the ports of this host's clients. */
export interface ClientPorts {
  /** ip_local_port_range */
  readonly ephemeral: PortRange;
  /** ip_local_reserved_ports. Absent: none. */
  readonly reserved?: readonly PortRange[];
}

/** Ranges that are named; of more the first. */
const MAX_NAMED = 24;

/** The ports that the kernel gives to clients: reserved ones are none of them. */
export function clientPorts({ ephemeral, reserved = [] }: ClientPorts): readonly PortRange[] {
  return subtractPorts([ephemeral], mergePorts(reserved));
}

/** A sentence about the ports that an administrator named and that are no traps, or "". Where every closed port is watched none is named. */
export function describeClientPorts({ mode, active, watched }: WatchSettings, host: ClientPorts): string {
  if (!active || mode === "all" || mode === "listen") return "";
  const lost = intersectPorts(watched, clientPorts(host));
  if (lost.length === 0) return "";
  const { first, last } = host.ephemeral;
  const more = lost.length > MAX_NAMED ? " and more" : "";
  const ports = `${plural(countPorts(lost), "UDP port that is watched is", "UDP ports that are watched are")} no trap`;
  return (
    `${ports}: ${formatPorts(lost.slice(0, MAX_NAMED)).replaceAll(",", ", ")}${more}; this host itself asks other hosts from ` +
    `${first}-${last} (net.ipv4.ip_local_port_range): reserve the ports (net.ipv4.ip_local_reserved_ports), or take them out of the configuration`
  );
}
