// Which ports this host serves now, for `portreeve check`.
import { listReachable } from "../kernel/sock-diag.ts";
import { IpProtocol } from "../wire/packet.ts";

/** Ports with a listener that somebody outside could reach; undefined where the kernel's socket tables cannot be asked. */
export function readServedHere(): { readonly tcp: readonly number[]; readonly udp: readonly number[] } | undefined {
  try {
    const listeners = listReachable();
    const of = (protocol: number) => [
      ...new Set(listeners.filter((one) => one.protocol === protocol).map(({ port }) => port)),
    ];
    return { tcp: of(IpProtocol.Tcp), udp: of(IpProtocol.Udp) };
  } catch {
    return undefined;
  }
}
