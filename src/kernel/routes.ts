// rtnetlink (linux/rtnetlink.h): the default gateways, and a socket that says when interfaces, addresses or routes change.
import { formatWords, IPV4_MAPPED_WORD } from "../wire/address.ts";
import * as K from "./constants.ts";
import { NetlinkSocket, NetlinkWriter, walkAttributes, walkMessages } from "./netlink.ts";

/** Gateways of every default route of both families, as canonical text. Throws KernelError. */
export function listDefaultGateways(): string[] {
  const socket = new NetlinkSocket({ name: "routes", protocol: K.NETLINK_ROUTE });
  try {
    const gateways = new Set<string>();
    for (const family of [K.AF_INET, K.AF_INET6]) {
      const header = Buffer.alloc(K.RTMSG_BYTES);
      header.writeUInt8(family, 0);
      const message = new NetlinkWriter()
        .begin(K.RTM_GETROUTE, K.NLM_F_REQUEST | K.NLM_F_DUMP, socket.nextSequence())
        .raw(header)
        .finish();
      socket.request(message, ({ type, bytes, at, end }) => {
        if (type !== K.RTM_NEWROUTE || end - at < K.RTMSG_BYTES) return;
        if (bytes.readUInt8(at + K.RTMSG_DST_LEN_AT) !== 0 || bytes.readUInt8(at + K.RTMSG_TYPE_AT) !== K.RTN_UNICAST)
          return;
        collectGateways(bytes, at + K.RTMSG_BYTES, end, gateways);
      });
    }
    return [...gateways];
  } finally {
    socket.close();
  }
}

function collectGateways(bytes: Buffer, at: number, end: number, into: Set<string>): void {
  walkAttributes(bytes, at, end, (type, valueAt, valueEnd) => {
    if (type === K.RTA_GATEWAY) addAddress(bytes, valueAt, valueEnd, into);
    // RTA_VIA: u16 family, then the address (an IPv4 route over an IPv6 neighbour, RFC 5549).
    else if (type === K.RTA_VIA) addAddress(bytes, valueAt + 2, valueEnd, into);
    else if (type === K.RTA_MULTIPATH) {
      let hop = valueAt;
      while (hop + K.RTNEXTHOP_BYTES <= valueEnd) {
        const length = bytes.readUInt16LE(hop);
        if (length < K.RTNEXTHOP_BYTES || hop + length > valueEnd) return;
        collectGateways(bytes, hop + K.RTNEXTHOP_BYTES, hop + length, into);
        hop += (length + 3) & ~3;
      }
    }
  });
}

function addAddress(bytes: Buffer, at: number, end: number, into: Set<string>): void {
  if (end - at === 4) into.add(formatWords(0, 0, IPV4_MAPPED_WORD, bytes.readUInt32BE(at)));
  else if (end - at === 16) {
    const word = (index: number) => bytes.readUInt32BE(at + 4 * index);
    into.add(formatWords(word(0), word(1), word(2), word(3)));
  }
}

/**
 * Reads what the monitor has to tell. True when a route that leads nowhere went (blackhole, unreachable, prohibit), or
 * when so much was told that it is not known. Others are not counted: a router changes thousands of them a second.
 */
export function drainRouteChanges(monitor: NetlinkSocket): boolean {
  let removed = false;
  for (let length = monitor.receive(); length !== 0; length = monitor.receive()) {
    removed ||= length < 0;
    if (length < 0) continue;
    walkMessages(monitor.buffer, length, ({ type, bytes, at, end }) => {
      if (type !== K.RTM_DELROUTE || end - at < K.RTMSG_BYTES) return;
      const kind = bytes.readUInt8(at + K.RTMSG_TYPE_AT);
      removed ||= kind >= K.RTN_BLACKHOLE && kind <= K.RTN_PROHIBIT;
    });
  }
  return removed;
}

/** A socket that becomes readable when an interface comes or goes, or an address or a route of either family changes. */
export function openRouteMonitor(): NetlinkSocket {
  return new NetlinkSocket({
    name: "route changes",
    protocol: K.NETLINK_ROUTE,
    groups: K.RTMGRP_LINK | K.RTMGRP_IPV4_IFADDR | K.RTMGRP_IPV4_ROUTE | K.RTMGRP_IPV6_IFADDR | K.RTMGRP_IPV6_ROUTE,
    receiveBufferBytes: 1 << 20,
  });
}
