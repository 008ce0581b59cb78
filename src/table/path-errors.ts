// The rules of path errors and redirects: which of them come in although the source is held.

import type { PortRange } from "../wire/port-range.ts";
import { counted } from "./rule-counters.ts";
import type { RulesetPlan } from "./ruleset-plan.ts";

/**
 * "Packet too big" about a datagram that connection tracking has not seen leave: the kernel believes it when a socket has
 * the port that it quotes, and the sender sees by the fragments of its next ping whether that is so. So 81 pings told the
 * four open ports of 65,535, and no port had been asked. It believes redirects likewise, which a neighbour on the link
 * sends in the gateway's name: what leaves for the neighbour's other address then goes to the new gateway. For TCP only
 * connections are looked up, never listeners. A service that is kept out of connection tracking hears of its own path only
 * on public ports.
 */
export const pathErrors: readonly {
  readonly matches: readonly string[];
  readonly chain: string;
  readonly rules: (plan: RulesetPlan) => readonly string[];
}[] = [
  {
    matches: ["icmp type destination-unreachable icmp code frag-needed", "icmp type redirect"],
    chain: "toobig4",
    // The quoted header begins at byte 8: its protocol is at 17, and the port behind 20 bytes at 28.
    rules: ({ publicUdp }) => [
      "@th,136,8 != 17 return",
      ...(publicUdp.length > 0 ? [`@th,64,8 0x45 @th,224,16 ${anyOf(publicUdp)} return`] : []),
      `${counted("pathErrorsDropped")} drop`,
    ],
  },
  {
    matches: ["icmpv6 type packet-too-big"],
    chain: "toobig6",
    // Its next header is at byte 14, and the port at 48. Behind extension headers it may be a datagram as well.
    rules: ({ publicUdp }) => [
      "@th,112,8 != { 0, 17, 43, 44, 51, 60 } return",
      ...(publicUdp.length > 0 ? [`@th,112,8 17 @th,384,16 ${anyOf(publicUdp)} return`] : []),
      `${counted("pathErrorsDropped")} drop`,
    ],
  },
];

function anyOf(ranges: readonly PortRange[]): string {
  return `{ ${ranges.map(({ first, last }) => (first === last ? `${first}` : `${first}-${last}`)).join(", ")} }`;
}
