// Which ports this host serves now, for `portreeve check`.
import { listServedPorts } from "../kernel/sock-diag.ts";
import { IpProtocol } from "../wire/packet.ts";

/** Ports with a listener that somebody outside could reach; undefined where the kernel's socket tables cannot be asked. */
export function readServedHere(): { readonly tcp: readonly number[]; readonly udp: readonly number[] } | undefined {
  try {
    const ports = listServedPorts("reachable");
    const of = (protocol: number) => ports.filter((one) => one.protocol === protocol).map(({ port }) => port);
    return { tcp: of(IpProtocol.Tcp), udp: of(IpProtocol.Udp) };
  } catch {
    return undefined;
  }
}
