// The set of lately open ports: told which have a listener, so that none of them is a trap when its service restarts.

import type { NfTables } from "../kernel/nf-tables.ts";
import { IpProtocol } from "../wire/packet.ts";
import type { PortRange } from "../wire/port-range.ts";
import type { Served, ServedPorts } from "./kernel-sensor.ts";
import { latelyKey } from "./set-key.ts";

/** A datagram port out of ip_local_port_range counts as served until the listeners have been looked at three times more. */
const CLIENT_PORT_MS = 90_000;

export class LatelySet implements ServedPorts {
  readonly #tables: Pick<NfTables, "replace">;

  constructor(tables: Pick<NfTables, "replace">) {
    this.#tables = tables;
  }

  remember(ports: readonly Served[], latelyOpenMs: number, ephemeral: PortRange): string {
    const changes = ports.map(({ protocol, port }) => ({
      set: "lately",
      key: latelyKey(protocol, port),
      // A datagram socket there is most often a client's, in use for a moment; and no trap anyway.
      timeoutMs:
        protocol === IpProtocol.Udp && port >= ephemeral.first && port <= ephemeral.last
          ? CLIENT_PORT_MS
          : port < 1024
            ? latelyOpenMs
            : latelyOpenMs * 24,
    }));
    return changes.length === 0 ? "" : this.#tables.replace(changes);
  }
}
