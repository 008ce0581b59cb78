// The kernel's part of noticing that a KILL_ROUTE blocks nothing. The sensor hands a delegated source over to the
// administrator's rule; what of it comes through all the other firewalls, and is answered, proves that there is no such rule.
// Both ends are needed: with an unreachable route, or a rule for `output`, the question comes in and no answer goes out.
//
//   through   last in `input`: the source of a new packet, if it is delegated, is remembered for a moment
//   leaving   last in `postrouting`: the answer to it is told to the daemon, and goes no further

import { SLASH64 } from "./neighbours.ts";

/** Proofs told a second. Each ends the delegation of its source, so that more are not needed. */
export const throughRates = { told: 200, toldBurst: 400 } as const;

const LAST = 2147483646;

/** Base chains. */
export const throughHooks: Readonly<Record<string, string>> = {
  through: `{ type filter hook input priority ${LAST}; policy accept; }`,
  leaving: `{ type filter hook postrouting priority ${LAST}; policy accept; }`,
};

export const throughChains = ["through", "leaving", "arrived", "unblocked"] as const;

/** `log` tells the daemon of an answer. `enforce`: false with FIREWALL="none", where nothing is ever dropped. */
export function throughRules(log: string, enforce: boolean): Readonly<Record<string, readonly string[]>> {
  const { told, toldBurst } = throughRates;
  return {
    through: [
      "iif lo return",
      "tcp flags & (fin|syn|rst|ack) == syn goto arrived",
      "meta l4proto udp ct state { new, untracked } goto arrived",
    ],
    arrived: [
      // Put on the allow list while it was blocked: whatever the command did, nothing of ours is to.
      "ip saddr @ignored4 return",
      "ip6 saddr @ignored6 return",
      "ip saddr @delegated4 update @through4 { ip saddr } return",
      "ip6 saddr @delegated6 update @through6 { ip6 saddr } return",
      `ip6 saddr & ${SLASH64} @delegated6 ip6 saddr != @near6 update @through6 { ip6 saddr & ${SLASH64} }`,
    ],
    leaving: [
      "oif lo return",
      "meta l4proto != { tcp, udp, icmp, icmpv6 } return",
      "tcp flags & (syn|rst) == 0 return",
      // What we ask of others is no answer.
      "tcp flags & (syn|ack) == syn return",
      "meta l4proto { tcp, udp } ct direction original return",
      "icmp type != destination-unreachable return",
      "icmpv6 type != destination-unreachable return",
      "ip daddr @through4 goto unblocked",
      "ip6 daddr @through6 goto unblocked",
      `ip6 daddr & ${SLASH64} @through6 ip6 daddr != @near6 goto unblocked`,
    ],
    unblocked: [`limit rate ${told}/second burst ${toldBurst} packets ${log}`, ...(enforce ? ["counter drop"] : [])],
  };
}
