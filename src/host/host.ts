// Reads from the live system what the daemon must know of its host: addresses and links, gateways and resolvers (the first of the
// guard), ephemeral ports, and how full connection tracking is.
import { readFileSync } from "node:fs";
import { networkInterfaces } from "node:os";
import type { GuardReason } from "../judge/verdict.ts";
import { listDefaultGateways } from "../kernel/routes.ts";
import { isIpv4, type Prefix, parseAddress, parsePrefix, prefixOfWords } from "../wire/address.ts";
import type { PortRange } from "../wire/port-range.ts";

/** One address or network, and why it is guarded. */
export interface Guarded {
  readonly source: Prefix;
  readonly because: Exclude<GuardReason, "gateway" | "resolver" | "peer">;
  /**
   * A name stands for it, for instance that of a pool which anybody may join: spared commands and unproven full blocks, as
   * a peer is, but held and softly blocked like any source. Neither cuts its answers to us. Absent: the host's owner named it.
   */
  readonly isByName?: true;
  /** Of an SSH session: the ports of ours that it is with. Absent: not of one. */
  readonly ports?: readonly number[];
  /** An SSH session whose login cannot be seen, told by the age of its connection. */
  readonly isByAge?: true;
}

export interface HostFacts {
  readonly own: readonly Prefix[];
  /** Those of them that are not new (SettledAddresses). Absent: not looked at. */
  readonly settled?: readonly Prefix[];
  /** Broadcast addresses of the IPv4 links. */
  readonly broadcast: readonly Prefix[];
  /** On-link IPv6 prefixes. */
  readonly near: readonly Prefix[];
  /** IPv4 networks of our links. Absent: none is known. */
  readonly nearIpv4?: readonly Prefix[];
  readonly gateways: readonly Prefix[];
  readonly resolvers: readonly Prefix[];
  /** Link-layer addresses of machines that a bridge of ours joins to the LAN (BridgedGuests). Absent: not looked at. */
  readonly bridgedGuests?: readonly string[];
  /** The rest of the guard (guard.ts): SSH sessions, time servers, container networks. Absent: not looked at. */
  readonly guarded?: readonly Guarded[];
  readonly ephemeral: PortRange;
  /** Ports in `ephemeral` that the kernel gives to no client (ip_local_reserved_ports). Absent: none. */
  readonly reserved?: readonly PortRange[];
}

/** At most so many resolvers are read from one file: libc itself uses three. */
const MAX_RESOLVERS = 16;
const resolverFiles = ["/etc/resolv.conf", "/run/systemd/resolve/resolv.conf"];

/** Throws KernelError when the routes cannot be read. */
export function readHost(): HostFacts {
  const addresses = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
  const own = new Map<string, Prefix>();
  const near = new Map<string, Prefix>();
  const nearIpv4 = new Map<string, Prefix>();
  const broadcast = new Map<string, Prefix>();
  for (const { address, cidr } of addresses) {
    const single = parseAddress(address);
    const link = cidr === null ? undefined : parsePrefix(cidr);
    if (single === undefined) continue;
    own.set(address, single);
    if (link === undefined || link.bits === 128) continue;
    if (!isIpv4(single)) near.set(cidr ?? "", link);
    else nearIpv4.set(cidr ?? "", link);
    if (isIpv4(single) && link.bits < 127) broadcast.set(cidr ?? "", broadcastOf(link));
  }
  return {
    own: [...own.values()],
    broadcast: [...broadcast.values()],
    near: [...near.values()],
    nearIpv4: [...nearIpv4.values()],
    gateways: parseAll(listDefaultGateways()),
    resolvers: readResolvers(),
    ephemeral: readEphemeralRange(),
    reserved: readReservedPorts(),
  };
}

function broadcastOf(link: Prefix): Prefix {
  const host = link.bits === 96 ? 0xffffffff : 0xffffffff >>> (link.bits - 96);
  return prefixOfWords(link.w0, link.w1, link.w2, (link.w3 | host) >>> 0, 128);
}

function parseAll(texts: readonly string[]): Prefix[] {
  return texts.map(parseAddress).filter((prefix) => prefix !== undefined);
}

/** "nameserver ADDRESS" lines (resolv.conf(5)); a zone id ("%eth0") is cut off. */
export function parseResolvers(text: string): Prefix[] {
  const addresses = [...text.matchAll(/^[ \t]*nameserver[ \t]+([^\s%#;]+)/gm)].map((match) => match[1] ?? "");
  return parseAll(addresses.slice(0, MAX_RESOLVERS));
}

function readResolvers(): Prefix[] {
  return resolverFiles.flatMap((file) => {
    try {
      return parseResolvers(readFileSync(file, "utf8").slice(0, 65_536));
    } catch {
      // No such file, or not readable: then no resolver is known from it.
      return [];
    }
  });
}

export function readEphemeralRange(): PortRange {
  const fallback = { first: 32_768, last: 60_999 };
  try {
    const match = /^(\d+)\s+(\d+)/.exec(readFileSync("/proc/sys/net/ipv4/ip_local_port_range", "latin1"));
    const first = Number(match?.[1]);
    const last = Number(match?.[2]);
    return first >= 1 && last <= 65_535 && first <= last ? { first, last } : fallback;
  } catch {
    return fallback;
  }
}

/** The first 64 ranges: further ports count as clients'. */
const MAX_RESERVED = 64;

/** ip_local_reserved_ports: "8080,9148-9150". */
export function parseReservedPorts(text: string): PortRange[] {
  const ranges = text
    .trim()
    .split(",")
    .flatMap((item) => {
      const [, first, last = first] = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(item) ?? [];
      return first === undefined ? [] : [{ first: Number(first), last: Number(last) }];
    });
  return ranges.slice(0, MAX_RESERVED);
}

export function readReservedPorts(): PortRange[] {
  try {
    return parseReservedPorts(readFileSync("/proc/sys/net/ipv4/ip_local_reserved_ports", "latin1"));
  } catch {
    return [];
  }
}

/** Share of connection tracking in use, 0..1; undefined where it is not active. */
export function readConntrackUse(): { readonly used: number; readonly limit: number } | undefined {
  try {
    const read = (name: string) => Number(readFileSync(`/proc/sys/net/netfilter/nf_conntrack_${name}`, "latin1"));
    const limit = read("max");
    return limit > 0 ? { used: read("count"), limit } : undefined;
  } catch {
    return undefined;
  }
}
