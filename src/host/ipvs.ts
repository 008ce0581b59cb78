// IPVS virtual services (/proc/net/ip_vs): served by the kernel itself, behind our sensor and without a socket, so that
// the socket table knows nothing of them.
//
//   IP Virtual Server version 1.2.1 (size=4096)
//   Prot LocalAddress:Port Scheduler Flags
//     -> RemoteAddress:Port Forward Weight ActiveConn InActConn
//   TCP  C0000201:0050 rr
//   UDP  [2001:0db8:0000:0000:0000:0000:0000:0001]:0035 wlc
//   FWM  00000001 rr
import { readFileSync } from "node:fs";
import type { ServedPort } from "../kernel/sock-diag.ts";
import { IpProtocol } from "../wire/packet.ts";

export interface VirtualServices {
  readonly ports: readonly ServedPort[];
  /** Services by packet mark: which ports they serve only the rules say that set the mark. */
  readonly byMark: number;
}

const MAX_BYTES = 4 << 20;

/** Nothing where IPVS is not loaded. */
export function readVirtualServices(): VirtualServices {
  try {
    return parseVirtualServices(readFileSync("/proc/net/ip_vs", "latin1").slice(0, MAX_BYTES));
  } catch {
    return { ports: [], byMark: 0 };
  }
}

export function parseVirtualServices(text: string): VirtualServices {
  const ports = new Map<string, ServedPort>();
  for (const [, name = "", digits = ""] of text.matchAll(/^(TCP|UDP) +\S+:([0-9A-F]{4}) /gm)) {
    const protocol = name === "TCP" ? IpProtocol.Tcp : IpProtocol.Udp;
    const port = Number.parseInt(digits, 16);
    // Port 0 stands for every port of the address: what is served is not said (persistent services of FTP and the like).
    if (port !== 0) ports.set(`${protocol}:${port}`, { protocol, port });
  }
  const byMark = [...text.matchAll(/^(?:FWM +|(?:TCP|UDP) +\S+:0000 )/gm)].length;
  return { ports: [...ports.values()], byMark };
}

/** The warning for the administrator; "" where everything is exempt. */
export function describeUnread({ byMark }: VirtualServices): string {
  if (byMark === 0) return "";
  return (
    `IPVS: ${byMark} virtual service(s) by packet mark or for every port: their ports cannot be known; take them out ` +
    "with ADVANCED_EXCLUDE_TCP and ADVANCED_EXCLUDE_UDP"
  );
}
