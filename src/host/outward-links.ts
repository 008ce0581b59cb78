// The links by which this host reaches others: those that have an address which is of more than the link alone, and are no loopback.
import { readFileSync } from "node:fs";
import { networkInterfaces } from "node:os";
import { isLoopback, parseAddress } from "../wire/address.ts";

/** By name. A link that has just gone is left out. */
export function outwardLinks(
  interfaces: ReturnType<typeof networkInterfaces> = networkInterfaces(),
  indexOf: (name: string) => number = readIndex,
): { readonly name: string; readonly index: number }[] {
  return Object.entries(interfaces)
    .filter(([, list = []]) => list.some(({ address }) => isOutward(address)))
    .map(([name]) => ({ name, index: indexOf(name) }))
    .filter(({ index }) => index > 0)
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}

function readIndex(name: string): number {
  try {
    return Number(readFileSync(`/sys/class/net/${name}/ifindex`, "latin1"));
  } catch {
    return 0;
  }
}

function isOutward(text: string): boolean {
  const address = parseAddress(text);
  if (address === undefined || isLoopback(address)) return false;
  // fe80::/10: each link has one, a container's too.
  return address.w0 >>> 22 !== 0xfe80 >>> 6;
}
