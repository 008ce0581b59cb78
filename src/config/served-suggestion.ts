// For `portreeve check`: which ports this host serves now that PUBLIC_PORTS_TCP and PUBLIC_PORTS_UDP do not name.

import type { PortRange } from "../wire/port-range.ts";
import { formatPorts, subtractPorts } from "./ports.ts";
import type { Settings } from "./settings.ts";

/** Ports that are named of each protocol; a host with more of them is told the first. */
const MAX_NAMED = 24;

export interface ServedHere {
  readonly tcp: readonly number[];
  readonly udp: readonly number[];
}

/** A sentence with the keys to change, or "" when there is nothing to suggest. `ephemeral`: clients' ports, not services'. */
export function suggestPublicPorts(settings: Settings, served: ServedHere, ephemeral: PortRange): string {
  if (settings.firewall === "none" || !(settings.tcp.block || settings.udp.block)) return "";
  const isClients = (port: number) => port >= ephemeral.first && port <= ephemeral.last;
  const parts = [
    { key: "PUBLIC_PORTS_TCP", named: settings.tcp.publicPorts, ports: served.tcp },
    { key: "PUBLIC_PORTS_UDP", named: settings.udp.publicPorts, ports: served.udp.filter((port) => !isClients(port)) },
  ].flatMap(({ key, named, ports }) => {
    const sorted = [...new Set(ports)].sort((a, b) => a - b).map((port) => ({ first: port, last: port }));
    const missing = subtractPorts(sorted, named);
    return missing.length === 0 ? [] : [`${formatPorts(missing.slice(0, MAX_NAMED))} (${key})`];
  });
  if (parts.length === 0) return "";
  return (
    `These ports are served here and are not public: ${parts.join("; ")}. A packet forged in the name of a new customer of these ports delays ` +
    "that customer while the forging lasts; add the ports that are meant for strangers to the key in brackets."
  );
}
