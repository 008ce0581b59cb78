// Whether this host forwards at all: PROTECT guards nobody where it does not.
import { isIpv4, type Prefix } from "../wire/address.ts";

const switches = [
  { family: "IPv4", path: "/proc/sys/net/ipv4/ip_forward", key: "net.ipv4.ip_forward" },
  { family: "IPv6", path: "/proc/sys/net/ipv6/conf/all/forwarding", key: "net.ipv6.conf.all.forwarding" },
] as const;

/** For a person; "" where nothing is amiss, or nothing can be read. */
export function describeForwarding(protect: readonly Prefix[], read: (path: string) => string): string {
  const off = switches.filter(({ family, path }) => {
    const isNamed = protect.some((network) => isIpv4(network) === (family === "IPv4"));
    return isNamed && isOff(path, read);
  });
  if (off.length === 0) return "";
  const names = off.map(({ family }) => family).join(" and ");
  return `PROTECT names networks, and this host does not forward ${names}: nothing is guarded there; set ${off.map(({ key }) => `${key}=1`).join(" and ")}, or empty PROTECT`;
}

function isOff(path: string, read: (path: string) => string): boolean {
  try {
    return read(path).trim() === "0";
  } catch {
    return false;
  }
}
