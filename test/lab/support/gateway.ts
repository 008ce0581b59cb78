// A router with a host behind it, on addresses of their own that the scanner can reach: what PROTECT is for.
import { CONTAINER, TARGET } from "./addresses.ts";
import { Lab } from "./lab.ts";

/** PROTECT of the router: the network of the host behind it, in both families. */
export const PROTECTED = "10.88.0.0/24,fd00:88::/64";

export async function openGateway(): Promise<Lab> {
  const lab = await Lab.open({ inner: true });
  const routes = [`route add 10.88.0.0/24 via ${TARGET.ipv4}`, `-6 route add fd00:88::/64 via ${TARGET.ipv6}`];
  for (const route of routes) await lab.scanner.mustRun(["ip", ...route.split(" ")]);
  return lab;
}

/** The host behind the router. */
export const BEHIND = { ipv4: CONTAINER.ipv4, ipv6: CONTAINER.ipv6 } as const;
