// What this host forwards to its containers and virtual machines is shut to held and softly blocked sources, as its own
// services are, and their customers become known pairs. Three things say that a packet goes there (docs/decisions/0040):
//
//   this host has translated its destination   Docker, podman, libvirt and others publish a port so
//   its destination is in `inside4/6`          a network of containers that is reached by its own addresses
//   its frame is for one of `bridged`          a machine with an address of its own on the LAN, behind a bridge of ours, where
//                                              the kernel shows us what bridges forward (docs/decisions/0047)
//
// Whatever else is forwarded belongs to others, and passes, unless PROTECT names its network (gateway.ts). The port is the one that the source has asked for: behind the
// translation the packet has the container's.
//
//   forward   all that is forwarded: a packet of what stands already meets two matches, a new one goes to `inward`
//   outward   what containers ask: an answer that comes when connection tracking has forgotten it is for this host
//   passing   what stands already: the end of a connection makes a customer, and so does the answer to a datagram
//
// A SYN is not logged here, where it names the container and its port. published.ts judges it in front of the translation, as
// soon as `published` has the port; the first to a port that is not there yet is judged here (`unheard`).

import { askedBehind, fromBehind, partingBehind, restingGatewayRules, toBehind, toRestingBehind } from "./gateway.ts";
import { contactOf, leftRules, meetRules } from "./greylist.ts";
import { interfaceRules } from "./heard.ts";
import { publishedServes } from "./lately.ts";
import { answeringRules, askedRules, customerRules, newCustomerRules } from "./learn.ts";
import {
  CAME_OTHERWISE,
  heldMatches,
  knownDatagramPairsOf,
  knownPairsOf,
  leftAlone,
  softMatches,
  softRules,
} from "./matches.ts";
import { SLASH64 } from "./neighbours.ts";
import { counted } from "./rule-counters.ts";
import type { GreylistPlan, Rules, RulesetPlan } from "./ruleset-plan.ts";

/** nft knows what kind of number it is only behind a match of the protocol. */
const PORT = "ct original proto-dst";
const ORIGINAL = "ct original ";
const TCP = "meta l4proto tcp ";
const UDP = "meta l4proto udp ";
const tcp = (rule: string) => `${TCP}${rule}`;
const udp = (rule: string) => `${UDP}${rule}`;

const toInside: readonly string[] = ["ct status dnat", "ip daddr @inside4", "ip6 daddr @inside6"];
const toBridged = "ether daddr @bridged";
const inward: readonly string[] = [...toInside, toBridged];
/** Asked of an address of ours, and not of another's whose traffic is led elsewhere (a cluster's services, a LAN's resolver). */
const published = ["ct status dnat ct original ip daddr @own4", "ct status dnat ct original ip6 daddr @own6"] as const;

const fromInside: readonly string[] = ["ip saddr @inside4", "ip6 saddr @inside6"];
/** What containers send has its own ways: to each other, to the world, and back to a published port. */
export const ofContainers: readonly string[] = fromInside.map((match) => `${match} return`);

export const forwardHooks: Readonly<Record<string, string>> = {
  forward: "{ type filter hook forward priority filter - 10; policy accept; }",
};

export const forwardChains = [
  "forward",
  "outward",
  "passing",
  "leftinward",
  "parting",
  "visited",
  "visitor",
  "replying",
  "inward",
  "newinward",
  "newinwardudp",
  "unheard",
  "shutinward",
] as const;

const knownHere: readonly string[] = [
  tcp(`${PORT} @public_tcp return`),
  ...knownPairsOf(PORT).map(({ set, pair }) => tcp(`${pair} @${set} return`)),
];
const knownHereUdp: readonly string[] = [
  udp(`${PORT} @public_udp return`),
  ...knownDatagramPairsOf(PORT).map(({ set, pair }) => udp(`${pair} @${set} return`)),
];

export function forwardRules(plan: RulesetPlan): Rules {
  const { enforce, greylist, latelyOpenSeconds } = plan;
  const served = (of: (rule: string) => string) =>
    published.flatMap((match) => publishedServes(latelyOpenSeconds, PORT).map((rule) => of(`${match} ${rule}`)));
  const publish = `update @published { ${PORT} timeout ${latelyOpenSeconds}s }`;
  const shut = enforce ? ["goto shutinward"] : [];
  return {
    forward: [
      "ct state established,related goto passing",
      ...(plan.seesWayBack === true ? fromInside.map((match) => `${match} goto outward`) : ofContainers),
      ...askedBehind(plan),
      ...interfaceRules(plan),
      "meta l4proto != { tcp, udp } return",
      ...toInside.map((match) => `${match} goto inward`),
      // PROTECT can do more for a machine on a bridge.
      ...toBehind(plan),
      `${toBridged} goto inward`,
    ],
    ...passingRules(plan),
    // Without that a packet from outside with a container's address as its source would make any packet to this host an answer.
    ...(plan.seesWayBack === true ? { outward: outwardRules(plan) } : {}),
    inward: [
      ...leftAlone,
      "tcp flags & (fin|syn|rst|ack) == syn goto newinward",
      "meta l4proto udp goto newinwardudp",
      ...shut,
    ],
    newinward: [
      // As with a service of our own: its restart makes no scanners of its clients.
      ...served(tcp),
      ...(enforce
        ? [
            ...knownHere,
            ...published.map((match) => tcp(`${match} ${PORT} @published ${publish} goto shutinward`)),
            ...published.map((match) => tcp(`${match} jump unheard`)),
            ...shut,
          ]
        : []),
    ],
    newinwardudp: [...served(udp), ...(enforce ? [...knownHereUdp, ...shut] : [])],
    ...(enforce
      ? {
          unheard: [tcp(publish), "jump shutinward", ...(greylist === undefined ? [] : unmetRules(greylist))],
          shutinward: [
            ...heldMatches.map((match) => `${match} ${counted("forwardHeldDropped")} drop`),
            ...softMatches.map((match) => `${match} ${counted("forwardSoftDropped")} drop`),
          ],
        }
      : {}),
  };
}

/**
 * By the port that the container has asked from: masquerading keeps it, unless another flow has it or the port is to be random.
 * Late segments of TCP are weak evidence, and ports of ip_local_port_range no traps.
 */
function outwardRules({ ephemeral, reserved = [] }: RulesetPlan): readonly string[] {
  const isNoTrap = ephemeral !== undefined && reserved.length === 0;
  return [
    "meta l4proto != udp return",
    ...(isNoTrap ? [`udp sport ${ephemeral.first}-${ephemeral.last} return`] : []),
    "ip daddr @inside4 return",
    "ip6 daddr @inside6 return",
    `${CAME_OTHERWISE} return`,
    ...askedRules,
  ];
}

/** A packet of what stands pays for the first two rules here at most, unless it is one of the last of its connection. */
function passingRules(plan: RulesetPlan): Rules {
  const greylists = plan.greylist !== undefined;
  return {
    passing: [
      ...fromBehind(plan),
      ...(greylists ? ["tcp flags & rst != 0 ct direction original goto leftinward"] : []),
      "meta l4proto tcp ct direction original ct status assured goto parting",
      // Until connection tracking has seen enough of the flow: each of its answers would cost a change of a set.
      "meta l4proto udp ct direction reply ct status & (assured | dnat) == dnat goto replying",
    ],
    ...(greylists ? { leftinward: leftRules(PORT, "parting", TCP, ORIGINAL) } : {}),
    parting: [...ofContainers, ...partingBehind(plan), ...inward.map((match) => `${match} goto visited`)],
    visited: [
      ...knownPairsOf(PORT).map(({ set, pair }) => tcp(`${pair} @${set} goto visitor`)),
      ...newCustomerRules("visitor"),
    ],
    visitor: customerRules(PORT, TCP),
    replying: answeringRules(PORT, UDP),
  };
}

/**
 * The first SYN to a port of which published.ts does not know yet. Where `published` is full, no repetition would come there
 * to be served, but `met` has it then.
 */
function unmetRules(greylist: GreylistPlan): readonly string[] {
  const keys = [
    { family: "4", key: contactOf("ip saddr", PORT, ORIGINAL), match: "" },
    { family: "6", key: contactOf("ip6 saddr", PORT, ORIGINAL), match: "ip6 saddr @near6 " },
    { family: "6", key: contactOf(`ip6 saddr & ${SLASH64}`, PORT, ORIGINAL), match: "ip6 saddr != @near6 " },
  ];
  return [
    "ip saddr @guard4 return",
    "ip6 saddr @guard6 return",
    ...keys.flatMap(({ family, key, match }) => [
      ...["returned", "met"].map((set) => tcp(`${match}${key} @${set}${family} return`)),
      ...meetRules(family, key, greylist).map((rule) => tcp(`${match}${rule} ${counted("forwardFirstDropped")} drop`)),
    ]),
  ];
}

/** What stays when the daemon stops: soft blocks. */
export function restingForwardRules(plan: RulesetPlan): Rules {
  return {
    ...restingGatewayRules(plan),
    forward: [
      "ct state established,related return",
      "meta l4proto != { tcp, udp } return",
      ...toInside.map((match) => `${match} goto inward`),
      ...toRestingBehind(plan),
      `${toBridged} goto inward`,
    ],
    inward: [...ofContainers, ...leftAlone, ...knownHere, ...knownHereUdp, ...softRules()],
  };
}
