// What the table is built from: parsed values of the settings, the host and the moment.

import type { Prefix } from "../wire/address.ts";
import type { PortRange } from "../wire/port-range.ts";
import type { DecoyPlan } from "./decoy.ts";

export const TABLE = "portreeve";

export interface GreylistPlan {
  /** GREYLIST_EARLIEST: a repetition of a first SYN that comes sooner does not count. */
  readonly earliestMs: number;
}

/** OUTGOING */
export interface OutgoingPlan {
  /** What a scanner of ours sends is limited. */
  readonly limits: boolean;
}

export interface RulesetPlan {
  /** False with FIREWALL="none": the sensor logs, and nothing is ever dropped. */
  readonly enforce: boolean;
  /** Whether a TCP (UDP) probe holds its source and is dropped; needs `enforce`. */
  readonly holdTcp: boolean;
  readonly holdUdp: boolean;
  /** BOOT_GRACE: closed ports are no traps yet. */
  readonly grace: boolean;
  readonly watchedTcp: readonly PortRange[];
  /** Without ip_local_port_range: the caller takes it out. */
  readonly watchedUdp: readonly PortRange[];
  /** Ports on which the daemon itself listens (connect mode): neither services nor traps. */
  readonly listenedTcp?: readonly PortRange[];
  readonly listenedUdp?: readonly PortRange[];
  readonly toleratedTcp: readonly PortRange[];
  readonly toleratedUdp: readonly PortRange[];
  /** PUBLIC_PORTS_*: while they are served, no hold and no soft block cuts them. */
  readonly publicTcp: readonly PortRange[];
  readonly publicUdp: readonly PortRange[];
  readonly ignored: readonly Prefix[];
  readonly guarded: readonly Prefix[];
  /** Sources of SSH sessions: held and softly blocked like anybody, and not blocked with their /64. Absent: none. */
  readonly sessions?: readonly Prefix[];
  /** On-link IPv6 prefixes, whose sources count by address instead of by /64. */
  readonly near: readonly Prefix[];
  /** IPv4 networks of our own links, whose hosts are told apart by their link-layer addresses. */
  readonly nearIpv4: readonly Prefix[];
  /** This host's addresses: a port of them that is forwarded is one of ours. Absent: none is known. */
  readonly own?: readonly Prefix[];
  /** Networks of containers and virtual machines of this host. Absent: none. */
  readonly inside?: readonly Prefix[];
  /** Link-layer addresses of machines that a bridge of ours joins to the LAN. Absent: none. */
  readonly bridged?: readonly string[];
  /** PROTECT: networks behind this host. Absent: none. */
  readonly protected?: readonly Prefix[];
  /** The kernel takes CAME_OTHERWISE (features.ts). Absent: it does not. */
  readonly seesWayBack?: boolean;
  readonly latelyOpenSeconds: number;
  /**
   * Own addresses at which a port that is served at another one alone is closed. Absent: none is, and what is served at one
   * address counts as served at all.
   */
  readonly settled?: readonly Prefix[];
  /** GUARD_TIME: how long a peer is guarded after its last answer to us. Absent: an hour. */
  readonly guardSeconds?: number;
  /** ip_local_port_range: no traps, so what we send from them need not be remembered. Absent: none is known. */
  readonly ephemeral?: PortRange;
  /** Ports in `ephemeral` that no client has: ports like any other. Absent: none. */
  readonly reserved?: readonly PortRange[];
  /** GREYLIST="on". Needs `holdTcp`, and no decoy. Absent: a first SYN is served. */
  readonly greylist?: GreylistPlan | undefined;
  /** ANSWER="open". Needs `holdTcp`. Absent: no decoy. */
  readonly decoy?: DecoyPlan | undefined;
  /** DECOY_MARK, whether or not there is a decoy now: its sockets outlive it. */
  readonly decoyMark?: number;
  /** OUTGOING="watch" or "limit". Absent: what is sent is not looked at. */
  readonly outgoing?: OutgoingPlan | undefined;
  /** Commands of the administrator's own are the block (KILL_ROUTE): watch whether they are one. Absent: not. */
  readonly delegates?: boolean;
  /** INTERFACE: "ALL", "ALL_NLO" or names. Absent or empty: all but the loopback. */
  readonly interfaces?: readonly string[];
  /** Tells of probes of ignored sources, for which nothing is done. Absent: nobody is told. */
  readonly tellsIgnored?: boolean;
  /** A watched port is a trap also while a program serves it (2.x's -S). Absent: it is not. */
  readonly countsServed?: boolean;
}

export type Rules = Readonly<Record<string, readonly string[]>>;
