// The set of lately open ports: told which have a listener, so that none of them is a trap when its service restarts.

import type { ElementChange } from "../kernel/nf-elements.ts";
import type { NfTables } from "../kernel/nf-tables.ts";
import { IpProtocol } from "../wire/packet.ts";
import type { PortRange } from "../wire/port-range.ts";
import type { Served, ServedPorts } from "./kernel-sensor.ts";
import { HIGH_PORT_FACTOR } from "./lately.ts";
import { latelyKey, nameOfKey, type ServedAt, type SetKey, servedKey, unspecifiedOf } from "./set-key.ts";

/** A datagram port out of ip_local_port_range counts as served until the listeners have been looked at three times more. */
const CLIENT_PORT_MS = 90_000;

export class LatelySet implements ServedPorts {
  readonly #tables: Pick<NfTables, "replace">;

  constructor(tables: Pick<NfTables, "replace">) {
    this.#tables = tables;
  }

  remember(ports: readonly Served[], latelyOpenMs: number, ephemeral: PortRange): string {
    // A datagram socket there is most often a client's, in use for a moment; and no trap anyway.
    const isClients = ({ protocol, port }: Served) =>
      protocol === IpProtocol.Udp && port >= ephemeral.first && port <= ephemeral.last;
    const lastsMs = (one: Served) =>
      isClients(one) ? CLIENT_PORT_MS : one.port < 1024 ? latelyOpenMs : latelyOpenMs * HIGH_PORT_FACTOR;
    const replace = (services: readonly Served[]) => {
      // Each once: a port may have several listeners.
      const changes = new Map<string, ElementChange>();
      for (const one of services)
        for (const place of placesOf(one)) changes.set(nameOfKey(place), { ...place, timeoutMs: lastsMs(one) });
      return changes.size === 0 ? "" : this.#tables.replace([...changes.values()]);
    };
    const code = replace(ports);
    // One of the sets is full: in doubt a port counts at every address.
    return code === "ENFILE" || code === "ENOSPC"
      ? replace(ports.map(({ protocol, port }) => ({ protocol, port })))
      : code;
  }
}

/** The elements by which the rules know a served port (lately.ts). */
function placesOf({ protocol, port, address }: ServedAt): SetKey[] {
  const some = address === undefined ? [] : [servedKey({ protocol, port, address: unspecifiedOf(address) })];
  return [{ set: "lately", key: latelyKey(protocol, port) }, servedKey({ protocol, port, address }), ...some];
}
