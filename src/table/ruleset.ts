// The kernel's part as nft commands: the table "inet portreeve", built from a plan of parsed values (design section 3).
// One text is one transaction: sets and their elements stay, every rule is replaced. What each rule is for stands here.
import type { Prefix } from "../wire/address.ts";
import { formatPrefix, isIpv4 } from "../wire/address.ts";
import type { PortRange } from "../wire/port-range.ts";
import {
  ANSWERED_MINUTES,
  type DecoyPlan,
  DIVERTED_SECONDS,
  decoyChains,
  decoyedRule,
  decoyHooks,
  decoyRules,
  decoySets,
  LURED_SECONDS,
} from "./decoy.ts";
import {
  neighbourChains,
  neighbourRules,
  neighbourSetDefinitions,
  neighbourSets,
  SLASH64,
  wideMatches,
} from "./neighbours.ts";
import { THROUGH_SECONDS, throughChains, throughHooks, throughRules, throughSets } from "./through.ts";

export const TABLE = "portreeve";

/** Log groups (u16): "pr" and "ps" in ASCII, unlikely to be anybody else's. */
export const PROMPT_GROUP = 0x7072;
export const BATCH_GROUP = 0x7073;
/** What of a packet is logged: IPv6, a few extension headers, TCP with all its options. */
export const COPY_BYTES = 128;

/** A rule's log prefix; its first letter is the tag that capture/ hands on (see Disposition in detect/probe.ts). */
export const logPrefixes = {
  probe: "probe",
  held: "held",
  quiet: "quiet",
  stray: "stray",
  other: "other",
  delegated: "delegated",
  guarded: "guarded",
  /** The packet is an answer of ours, and its destination the source that it is about. */
  through: "through",
} as const;

/** Bounds of the kernel's sets, in elements. A full set takes no more: the packet is still logged and dropped. */
export const setSizes = {
  blocked: 1_048_576,
  soft: 262_144,
  delegated: 262_144,
  held: 262_144,
  known: 262_144,
  client: 262_144,
  lately: 8_192,
  peer: 65_536,
  flows: 262_144,
  knownu: 262_144,
  ...neighbourSets,
} as const;

/** Bounds of the rules, in packets a second. */
export const rates = {
  /** New holds: what a forger can make the kernel remember. */
  newHolds: 5_000,
  /** Probes delivered at once, one by one; what exceeds it is delivered in batches, within 10 ms. */
  prompt: 500,
  /** The same for sources that are held already: the answers of the silence test must not wait behind a flood of new ones. */
  again: 500,
  /** The limit of both groups: whole scans are prompt, a flood that goes on is cheaper in batches. */
  promptBurst: 2_000,
  /** Probes in batches: above any rate that one core could judge. */
  batch: 1_000_000,
  /** SYNs of held and softly blocked sources, in batches, to whatever port. */
  found: 100_000,
  /** Weak evidence and other packets of held sources. */
  weak: 2_000,
  other: 200,
} as const;

const HOLD_SECONDS = 5;
/** A packet mark that nobody has chosen. */
const NO_MARK = 0xffffffff;
export const KNOWN_DAYS = 7;
const DEFAULT_GUARD_SECONDS = 3_600;
/** Connection tracking forgets an unanswered datagram after 30 s, a connection that was reset after 10 s. */
const FLOW_MINUTES = 10;
/** A datagram's answer is waited for so long. */
const ASKED_SECONDS = 30;
/** A pair of a datagram service is forgotten sooner: a forger can make one. */
const KNOWN_UDP_DAYS = 1;

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
  readonly latelyOpenSeconds: number;
  /** GUARD_TIME: how long a peer is guarded after its last answer to us. Absent: an hour. */
  readonly guardSeconds?: number;
  /** ip_local_port_range: no traps, so what we send from them need not be remembered. Absent: none is known. */
  readonly ephemeral?: PortRange;
  /** ANSWER="open". Needs `holdTcp`. Absent: no decoy. */
  readonly decoy?: DecoyPlan | undefined;
  /** DECOY_MARK, whether or not there is a decoy now: its sockets outlive it. */
  readonly decoyMark?: number;
  /** Commands of the administrator's own are the block (KILL_ROUTE): watch whether they are one. Absent: not. */
  readonly delegates?: boolean;
}

/** The first rule of the shield lets these pass: a blocked neighbour's link must go on working. */
const neighbourDiscovery =
  "{ nd-router-solicit, nd-router-advert, nd-neighbor-solicit, nd-neighbor-advert, nd-redirect, mld-listener-query, mld-listener-report, mld2-listener-report }";

function log(prefix: string, group: number): string {
  return `log prefix "${prefix}" group ${group} snaplen ${COPY_BYTES}`;
}

type Rules = Readonly<Record<string, readonly string[]>>;

/**
 * The guard, in front of whatever would punish: what the host depends on, told by the daemon. The peers of this host's own
 * connections are not in it: a hold and a soft block cut no answer of theirs, so they need no exemption that a stranger
 * could try to win (docs/security/exemptions.md).
 */
const unguarded4 = "ip saddr != @guard4";
const unguarded6 = "ip6 saddr != @guard6";
const guardRules: readonly string[] = ["ip saddr @guard4 goto guarded", "ip6 saddr @guard6 goto guarded"];

/**
 * A peer is the other end of a flow that this host itself began, by its own SYN or its own datagram: `flows` remembers
 * it. That connection tracking calls a packet a reply is not enough: it takes any packet of ours for a beginning when it
 * has forgotten the connection, a window probe to a stranger for instance. A fit to `flows` alone is no proof either:
 * anybody can forge one.
 */
function learnPeers(plan: RulesetPlan): readonly string[] {
  const seconds = plan.guardSeconds ?? DEFAULT_GUARD_SECONDS;
  const learn = (flow: string, key: string, peer: string, address: string) =>
    `ct direction reply ${key} @${flow} update @${flow} { ${key} } update @${peer} { ${address} timeout ${seconds}s }`;
  return [learn("flows4", flowKeys.in4, "peer4", "ip saddr"), learn("flows6", flowKeys.in6, "peer6", "ip6 saddr")];
}

/** Hooks `prerouting`, so that blocked sources reach neither us nor a container behind us. */
function shieldRules(plan: RulesetPlan): readonly string[] {
  if (!plan.enforce) return [];
  return [
    "iif lo return",
    "ip saddr @blocked4 ip saddr != @ignored4 counter drop",
    "ip saddr @blockednet4 ip saddr != @ignored4 counter drop",
    // Each packet of a served customer comes through here: none pays for the other family's rules.
    "meta nfproto ipv4 return",
    `icmpv6 type ${neighbourDiscovery} return`,
    "ip6 saddr @blocked6 ip6 saddr != @ignored6 counter drop",
    // A /64 may hold one of ours, our resolver's or our gateway's address, or that of an SSH session: its neighbours' block is not its own.
    `ip6 saddr & ${SLASH64} @blocked6 ip6 saddr != @near6 ${unguarded6} ip6 saddr != @session6 ip6 saddr != @peer6 ip6 saddr != @ignored6 counter drop`,
    "ip6 saddr @blockednet6 ip6 saddr != @ignored6 counter drop",
  ];
}

/** Which sources are held, and which softly blocked: themselves, their /64, or with their neighbours. */
function sourcesIn(what: "held" | "soft"): readonly string[] {
  return [
    `ip saddr @${what}4`,
    `ip6 saddr @${what}6`,
    `ip6 saddr & ${SLASH64} @${what}6 ip6 saddr != @near6`,
    ...wideMatches(what),
  ].map((match) => `${match} ${match.startsWith("ip6 ") ? unguarded6 : unguarded4}`);
}
const heldMatches = sourcesIn("held");
const softMatches = sourcesIn("soft");

/**
 * No source can be held by it, and Linux answers it: to a default gateway, or to a host that claims to be that neighbour.
 */
const NO_SENDER = `ip6 saddr :: ${unguarded6} counter drop`;

/** Held sources learn nothing while the daemon decides; softly blocked ones get no new connection. */
function outRules(plan: RulesetPlan): readonly string[] {
  if (!plan.enforce) return [];
  const logged = `limit rate ${rates.weak}/second burst ${rates.weak} packets ${log(logPrefixes.held, BATCH_GROUP)} drop`;
  return [
    ...heldMatches.flatMap((match) => [`${match} ${logged}`, `${match} counter drop`]),
    ...softRules(),
    NO_SENDER,
  ];
}

function softRules(): readonly string[] {
  return softMatches.map((match) => `${match} counter drop`);
}

/**
 * A SYN of a source that is held or softly blocked goes one way whatever the port is: the silence test answers half of
 * them, and a port that was served could be told by its never being answered. Both ends log by the same two limits, or a
 * flood that uses up one of them would tell them apart.
 */
function foundRules(plan: RulesetPlan): Rules {
  if (!plan.enforce) return {};
  const isTrap = plan.holdTcp && !plan.grace;
  const shuts = [...heldMatches, ...softMatches].map((match) => `${match} goto found`);
  return {
    shut: ["meta nfproto ipv6 goto shut6", ...shuts.filter((rule) => !rule.startsWith("ip6 "))],
    shut6: shuts.filter((rule) => rule.startsWith("ip6 ")),
    found: [
      "socket transparent { 0, 1 } goto foundserved",
      "meta l4proto . th dport @lately goto foundserved",
      "tcp dport @tolerated_tcp goto foundserved",
      ...(isTrap ? ["tcp dport @watched_tcp counter goto foundclosed"] : []),
      "goto foundserved",
    ],
    foundserved: [...foundLog(logPrefixes.held), "counter drop"],
    ...(isTrap
      ? {
          foundclosed: [...heldRules("goto foundprobe"), "jump hold", "goto foundprobe"],
          foundprobe: [...foundLog(logPrefixes.probe), "drop"],
        }
      : {}),
  };
}

/** Limits that several rules share. */
const namedLimits: Readonly<Record<string, string>> = {
  found_prompt: `rate ${rates.again}/second burst ${rates.promptBurst} packets`,
  found_batch: `rate ${rates.found}/second burst ${rates.found} packets`,
};

function foundLog(prefix: string, verdict: "drop" | "return" = "drop"): readonly string[] {
  return [
    `limit name "found_prompt" ${log(prefix, PROMPT_GROUP)} ${verdict}`,
    `limit name "found_batch" ${log(prefix, BATCH_GROUP)} ${verdict}`,
  ];
}

/** A flow that this host began, as a packet of its answer has it, in the key of `flows4` and `flows6`. */
/** The keys of `flows4` and `flows6`, by a packet that comes in and by one that goes out. */
const flowKeys = {
  in4: "ip saddr . meta l4proto . th sport . th dport",
  in6: "ip6 saddr . meta l4proto . th sport . th dport",
  out4: "ip daddr . meta l4proto . th dport . th sport",
  out6: "ip6 daddr . meta l4proto . th dport . th sport",
} as const;
const answered = { four: `${flowKeys.in4} @flows4`, six: `${flowKeys.in6} @flows6` } as const;

/**
 * An answer that comes when connection tracking has forgotten the question. Only the same two ports count: a server
 * that we asked gets no leave to try others.
 */
const lateAnswers = [`${answered.four} counter return`, `${answered.six} counter return`];

/**
 * Hooks `output`: remembers the hosts that this host itself speaks to, and the customers of its datagram services. A
 * packet costs one set update when it begins or ends a flow.
 */
const rememberRules = ({ decoy }: RulesetPlan): readonly string[] => [
  "oif lo return",
  // Not tracked either: what the decoy sends would make its visitors whom we have asked.
  ...(decoy === undefined ? [] : [`meta mark ${decoy.mark} return`]),
  "meta l4proto udp goto datagram",
  "meta l4proto != tcp return",
  // Our own SYN, and nothing that only follows one: a stranger chooses to whom a window probe is sent.
  "tcp flags & (fin|syn|rst|ack) == syn goto asked",
  // Without connection tracking (notrack) nothing else tells a customer's connection from an ACK scan: we have sent in it.
  "ct state untracked tcp flags & (syn|rst|ack) == ack goto asked",
  // The end of a connection counts as well if it is remembered: it may have lasted longer than its beginning is.
  "tcp flags & (fin|rst) != 0 ct direction original goto askedbefore",
];

/** What this host sends by UDP. */
function datagramRules({ ephemeral }: RulesetPlan): readonly string[] {
  const asks = (family: string, key: string) =>
    `udp sport ${ephemeral?.first}-${ephemeral?.last} ct state new update @flows${family} { ${key} timeout ${ASKED_SECONDS}s } return`;
  return [
    // A port that is served asks nobody: what leaves it is an answer, however late, and its reader a customer.
    "meta l4proto . th sport @lately goto answering",
    ...(ephemeral === undefined
      ? []
      : [
          // These ports are no traps. For the guard alone they are remembered until an answer has come.
          asks("4", flowKeys.out4),
          asks("6", flowKeys.out6),
        ]),
    "ct state new goto asked",
  ];
}

/** A customer of a datagram service, in the key that its next datagram has. */
const answeringRules: readonly string[] = [
  `update @knownu4 { ip daddr . udp sport }`,
  `ip6 daddr @near6 update @knownu6 { ip6 daddr . udp sport }`,
  `ip6 daddr != @near6 update @knownu6 { ip6 daddr & ${SLASH64} . udp sport }`,
];

const askedRules = [`update @flows4 { ${flowKeys.out4} }`, `update @flows6 { ${flowKeys.out6} }`];
const askedBeforeRules = [
  `${flowKeys.out4} @flows4 update @flows4 { ${flowKeys.out4} }`,
  `${flowKeys.out6} @flows6 update @flows6 { ${flowKeys.out6} }`,
];

/**
 * Most of what a served customer sends: no rule behind this has a word for it, and each connection would pay for all of
 * them. Connections of the decoy may be tracked, and pay.
 */
function midstream(plan: RulesetPlan): readonly string[] {
  return [`tcp flags & (fin|syn|rst) == 0${notDecoys(plan)} ct state established ct direction original return`];
}

function notDecoys({ decoy }: RulesetPlan): string {
  return decoy === undefined ? "" : ` meta mark != ${decoy.mark}`;
}

/**
 * The first and the last packet of a known customer, for the same reason: it may knock whatever else is true of it, and stays
 * known. Not on ports of our own listeners, where nobody is a customer.
 */
function regulars(plan: RulesetPlan): readonly string[] {
  const syn = `tcp flags & (fin|syn|rst|ack) == syn${notDecoys(plan)}`;
  const end = `tcp flags & (fin|rst) != 0${notDecoys(plan)} ct state established ct direction original ct status assured`;
  const known = knownPairs.map(({ pair, set }) => `${pair} @${set} tcp dport != @listened_tcp`);
  return [...known.map((match) => `${syn} ${match} return`), ...known.map((match) => `${end} ${match} goto customer`)];
}

/** Customers by address, or by the /64 of an IPv6 address beyond our links: the next one is as likely another of it. */
const knownPairs = [
  { set: "known4", pair: "ip saddr . tcp dport", whose: "" },
  { set: "known6", pair: "ip6 saddr . tcp dport", whose: "ip6 saddr @near6 " },
  { set: "known6", pair: `ip6 saddr & ${SLASH64} . tcp dport`, whose: "ip6 saddr != @near6 " },
] as const;
const knownDatagramPairs = [
  { set: "knownu4", pair: "ip saddr . udp dport" },
  { set: "knownu6", pair: "ip6 saddr . udp dport" },
  { set: "knownu6", pair: `ip6 saddr & ${SLASH64} . udp dport` },
] as const;

/**
 * A source that ends its first connection while it is held or softly blocked becomes no customer by it: a scan that
 * connects would make its scanner one, by the first port that it finds open.
 */
const newCustomerRules = [...[...heldMatches, ...softMatches].map((match) => `${match} return`), "goto customer"];

/**
 * A source that has ended a real connection is known to that port, and as a client of this host whom nothing blocks more
 * than softly.
 */
const customerRules = [
  ...knownPairs.map(({ set, pair, whose }) => `${whose}update @${set} { ${pair} }`),
  "update @client4 { ip saddr }",
  "ip6 saddr @near6 update @client6 { ip6 saddr } return",
  `update @client6 { ip6 saddr & ${SLASH64} }`,
];

/**
 * "Packet too big" about a datagram that connection tracking has not seen leave: the kernel believes it when a socket has
 * the port that it quotes, and the sender sees by the fragments of its next ping whether that is so. So 81 pings told the
 * four open ports of 65,535, and no port had been asked. For TCP only connections are looked up, never listeners. A
 * service that is kept out of connection tracking hears of its own path's bound only on public ports.
 */
const pathErrors: readonly {
  readonly match: string;
  readonly chain: string;
  readonly rules: (plan: RulesetPlan) => readonly string[];
}[] = [
  {
    match: "icmp type destination-unreachable icmp code frag-needed ct state invalid goto toobig4",
    chain: "toobig4",
    // The quoted header begins at byte 8: its protocol is at 17, and the port behind 20 bytes at 28.
    rules: ({ publicUdp }) => [
      "@th,136,8 != 17 return",
      ...(publicUdp.length > 0 ? [`@th,64,8 0x45 @th,224,16 ${anyOf(publicUdp)} return`] : []),
      "counter drop",
    ],
  },
  {
    match: "icmpv6 type packet-too-big ct state invalid goto toobig6",
    chain: "toobig6",
    // Its next header is at byte 14, and the port at 48. Behind extension headers it may be a datagram as well.
    rules: ({ publicUdp }) => [
      "@th,112,8 != { 0, 17, 43, 44, 51, 60 } return",
      ...(publicUdp.length > 0 ? [`@th,112,8 17 @th,384,16 ${anyOf(publicUdp)} return`] : []),
      "counter drop",
    ],
  },
];

function anyOf(ranges: readonly PortRange[]): string {
  return `{ ${ranges.map(({ first, last }) => (first === last ? `${first}` : `${first}-${last}`)).join(", ")} }`;
}

/** Hooks `input`: a port published into a container is forwarded and never looks like a closed port here. */
function sensorRules(plan: RulesetPlan): Rules {
  const weak = (prefix: string) =>
    `limit rate ${rates.weak}/second burst ${rates.weak} packets ${log(prefix, BATCH_GROUP)}`;
  const trapTcp = plan.grace ? "quiet" : plan.holdTcp ? "probe" : "logged";
  const trapUdp = plan.grace ? "quiet" : plan.holdUdp ? "probe" : "logged";
  const seconds = plan.latelyOpenSeconds;
  return {
    sensor: [
      "iif lo return",
      ...midstream(plan),
      ...regulars(plan),
      // The socket table cannot be asked for these: logged, never a hold.
      `meta l4proto { sctp, dccp, udplite } ct state new limit rate ${rates.other}/second ${log(logPrefixes.other, BATCH_GROUP)}`,
      ...(plan.enforce ? pathErrors.map(({ match }) => match) : []),
      // ICMP, neighbour discovery, VRRP, OSPF, ESP, GRE: not ours to cut.
      "meta l4proto != { tcp, udp } return",
      // A router's own anycast addresses are sent to it alone, and its services answer there.
      "fib daddr type != { local, anycast } goto group",
      "ip saddr @ignored4 return",
      "ip6 saddr @ignored6 return",
      "ip saddr @delegated4 goto delegated",
      "ip6 saddr @delegated6 goto delegated",
      `ip6 saddr & ${SLASH64} @delegated6 ip6 saddr != @near6 goto delegated`,
      ...(plan.decoy === undefined ? [] : [decoyedRule(plan.decoy)]),
      "tcp flags & (fin|syn|rst|ack) == syn goto newtcp",
      "meta l4proto tcp ct state established,related goto oldtcp",
      "meta l4proto udp ct state established,related goto oldudp",
      "meta l4proto udp goto newudp",
      "tcp flags & (ack|rst) != 0 goto stray",
      // NULL, FIN, XMAS, SYN+FIN: nobody but a scanner sends them, to open ports either.
      `tcp dport @watched_tcp counter goto ${trapTcp}`,
      // And to ports that are not watched: the kernel refuses them where nobody serves.
      "goto out",
    ],
    // Broadcast and multicast are not sent to us alone, so they are no evidence; but services answer them as well.
    group: ["meta l4proto != udp return", "ip saddr @ignored4 return", "ip6 saddr @ignored6 return", "goto out"],
    ...(plan.enforce ? Object.fromEntries(pathErrors.map(({ chain, rules }) => [chain, rules(plan)])) : {}),
    // The administrator's own rule is this source's block, and counts its packets: let through, told when it is a probe.
    delegated: [
      "socket transparent { 0, 1 } return",
      `tcp dport @watched_tcp ct state != { established, related } limit rate ${rates.other}/second ${log(logPrefixes.delegated, BATCH_GROUP)}`,
      `udp dport @watched_udp ct state != { established, related } limit rate ${rates.other}/second ${log(logPrefixes.delegated, BATCH_GROUP)}`,
    ],
    // A SYN is judged by the socket table, not by conntrack: right with notrack, TIME_WAIT and retransmissions.
    newtcp: [
      "tcp dport @public_tcp tcp dport != @listened_tcp socket transparent { 0, 1 } goto remembered",
      ...(plan.enforce ? ["jump shut"] : []),
      "tcp dport @listened_tcp goto out",
      "socket transparent { 0, 1 } goto open",
      ...lateAnswers,
      "meta l4proto . th dport @lately goto quiet",
      "tcp dport @tolerated_tcp goto quiet",
      `tcp dport @watched_tcp counter goto ${trapTcp}`,
      "goto out",
    ],
    // A source that ends a real connection that it opened is a known customer of that port.
    oldtcp: [
      ...learnPeers(plan),
      "tcp dport @listened_tcp return",
      "tcp flags & (fin|rst) != 0 ct direction original ct status assured goto newcustomer",
    ],
    newcustomer: newCustomerRules,
    customer: customerRules,
    oldudp: learnPeers(plan),
    newudp: [
      // Before the hold is asked: it never cuts off what we asked for.
      ...lateAnswers,
      "udp dport @listened_udp goto out",
      "udp dport @public_udp socket transparent { 0, 1 } goto remembered",
      ...knownDatagramPairs.map(({ set, pair }) => `${pair} @${set} socket transparent { 0, 1 } goto remembered`),
      "socket transparent { 0, 1 } goto open",
      "meta l4proto . th dport @lately goto quiet",
      "udp dport @tolerated_udp goto quiet",
      `udp dport @watched_udp counter goto ${trapUdp}`,
      "goto out",
    ],
    // Served: remember the port, so that a restart of its service makes no scanners of its clients.
    open: ["jump remembered", "goto out"],
    // Not by what the decoy has left behind, after it was switched off or killed: its connections have its mark, and in
    // TIME_WAIT none that could be read.
    remembered: ["socket transparent 0", `socket transparent 1 socket mark != ${plan.decoyMark ?? NO_MARK}`].flatMap(
      (socket) => [
        `th dport < 1024 ${socket} update @lately { meta l4proto . th dport timeout ${seconds}s }`,
        `th dport >= 1024 ${socket} update @lately { meta l4proto . th dport timeout ${seconds * 24}s }`,
      ],
    ),
    // Closed, but no evidence by itself: the kernel answers as without us, unless the source is held.
    quiet: ["jump out", weak(logPrefixes.quiet)],
    // The answer to an ACK is the same RST for open and closed ports, so it may go out.
    stray: [...lateAnswers, "jump out", "socket transparent { 0, 1 } return", `counter ${weak(logPrefixes.stray)}`],
    out: outRules(plan),
    ...foundRules(plan),
    ...(plan.holdTcp || plan.holdUdp ? trapRules() : {}),
    ...(plan.decoy === undefined ? {} : decoyRules(plan.decoy, decoyWords(plan, weak))),
    remember: rememberRules(plan),
    datagram: datagramRules(plan),
    answering: answeringRules,
    asked: askedRules,
    askedbefore: askedBeforeRules,
    logged: [...guardRules, "jump out", ...probeLog("return")],
    guarded: [weak(logPrefixes.guarded)],
    ...(plan.delegates === true ? throughRules(log(logPrefixes.through, PROMPT_GROUP), plan.enforce) : {}),
  };
}

/** The decoy leaves the sources alone that the sensor would not hold: the kernel answers them from closed ports. */
function decoyWords(plan: RulesetPlan, weak: (prefix: string) => string) {
  const alone = ["ignored", "guard", "delegated"].flatMap((set) => [
    `ip saddr @${set}4 return`,
    `ip6 saddr @${set}6 return`,
  ]);
  return {
    exempt: [
      ...alone,
      `ip6 saddr & ${SLASH64} @delegated6 ip6 saddr != @near6 return`,
      ...knownPairs.map(({ set, pair }) => `${pair} @${set} return`),
      `${answered.four} return`,
      `${answered.six} return`,
    ],
    grace: plan.grace,
    probe: probeLog("return"),
    toReheld: heldRules("goto reheld"),
    reheld: foundLog(logPrefixes.probe, "return"),
    held: foundLog(logPrefixes.held, "return"),
    reheldMute: foundLog(logPrefixes.probe),
    heldMute: foundLog(logPrefixes.held),
    quiet: weak(logPrefixes.quiet),
  };
}

/** Absent where nothing is held, so that no rule of a host that only detects could drop a probe. */
function trapRules(): Rules {
  return {
    probe: [...guardRules, ...heldRules("goto again"), "jump hold", ...probeLog("drop"), "drop"],
    again: [...probeLog("drop", rates.again), "drop"],
    hold: holdRules(),
    ...neighbourRules(),
  };
}

function probeLog(verdict: "drop" | "return", promptRate: number = rates.prompt): readonly string[] {
  return [
    `limit rate ${promptRate}/second burst ${rates.promptBurst} packets ${log(logPrefixes.probe, PROMPT_GROUP)} ${verdict}`,
    `limit rate ${rates.batch}/second burst 100000 packets ${log(logPrefixes.probe, BATCH_GROUP)} ${verdict}`,
    "counter",
  ];
}

/** A source that is held stays so for as long as it goes on. */
function heldRules(verdict: "goto again" | "goto reheld" | "goto foundprobe"): readonly string[] {
  return [
    `ip saddr @held4 update @held4 { ip saddr } ${verdict}`,
    `ip6 saddr @held6 update @held6 { ip6 saddr } ${verdict}`,
    `ip6 saddr & ${SLASH64} @held6 ip6 saddr != @near6 update @held6 { ip6 saddr & ${SLASH64} } ${verdict}`,
  ];
}

/** Puts the source in the hold in the same packet, and its neighbours when many of them have come there. */
function holdRules(): readonly string[] {
  return [
    `limit rate over ${rates.newHolds}/second burst ${rates.newHolds} packets counter return`,
    "ip saddr != 0.0.0.0 update @held4 { ip saddr } goto near4held",
    "ip6 saddr @near6 update @held6 { ip6 saddr } goto onlink",
    `ip6 saddr != :: update @held6 { ip6 saddr & ${SLASH64} } goto far6held`,
  ];
}

/** What stays when the daemon stops: blocks, hard and soft; no sensor, no hold, no log. */
function restingRules(plan: RulesetPlan): Rules {
  if (!plan.enforce) return {};
  return {
    resting: [
      "iif lo return",
      "fib daddr type != local return",
      "ip saddr @ignored4 return",
      "ip6 saddr @ignored6 return",
      "ct state established,related return",
      ...knownPairs.map(({ set, pair }) => `${pair} @${set} return`),
      "meta l4proto != { tcp, udp } return",
      "tcp dport @public_tcp return",
      "udp dport @public_udp return",
      ...knownDatagramPairs.map(({ set, pair }) => `${pair} @${set} return`),
      ...softRules(),
    ],
  };
}

const hooks: Readonly<Record<string, string>> = {
  shield: "{ type filter hook prerouting priority raw; policy accept; }",
  sensor: "{ type filter hook input priority filter - 10; policy accept; }",
  resting: "{ type filter hook input priority filter - 10; policy accept; }",
  remember: "{ type filter hook output priority filter - 10; policy accept; }",
  ...decoyHooks,
  ...throughHooks,
};
const allChains = [
  "shield",
  "sensor",
  "toobig4",
  "toobig6",
  "resting",
  "remember",
  "datagram",
  "answering",
  "asked",
  "askedbefore",
  "group",
  "delegated",
  "newtcp",
  "oldtcp",
  "newcustomer",
  "customer",
  "oldudp",
  "newudp",
  "open",
  "remembered",
  "shut",
  "shut6",
  "found",
  "foundserved",
  "foundclosed",
  "foundprobe",
  "quiet",
  "stray",
  "out",
  "probe",
  "logged",
  "guarded",
  "again",
  "hold",
  ...neighbourChains,
  ...decoyChains,
  ...throughChains,
] as const;

/** Name -> definition. Those in `configured` are flushed and filled from the plan; the others keep what they hold. */
function setDefinitions(): Readonly<Record<string, string>> {
  const both = (name: string, definition: (family: string) => string): Record<string, string> => ({
    [`${name}4`]: definition("ipv4_addr"),
    [`${name}6`]: definition("ipv6_addr"),
  });
  const interval = (family: string) => `type ${family}; flags interval; auto-merge;`;
  const timed = (size: number) => (family: string) => `type ${family}; flags timeout; size ${size};`;
  const service = "type inet_service; flags interval; auto-merge;";
  return {
    ...both("ignored", interval),
    ...both("guard", interval),
    session6: interval("ipv6_addr"),
    near6: interval("ipv6_addr"),
    near4: interval("ipv4_addr"),
    watched_tcp: service,
    watched_udp: service,
    tolerated_tcp: service,
    tolerated_udp: service,
    public_tcp: service,
    public_udp: service,
    listened_tcp: service,
    listened_udp: service,
    ...both("blocked", timed(setSizes.blocked)),
    ...both("blockednet", (family) => `type ${family}; flags interval, timeout;`),
    ...both("soft", timed(setSizes.soft)),
    ...both("delegated", timed(setSizes.delegated)),
    ...both(
      "held",
      (family) => `type ${family}; flags dynamic, timeout; size ${setSizes.held}; timeout ${HOLD_SECONDS}s;`,
    ),
    ...both(
      "known",
      (family) =>
        `type ${family} . inet_service; flags dynamic, timeout; size ${setSizes.known}; timeout ${KNOWN_DAYS}d;`,
    ),
    ...both(
      "client",
      (family) => `type ${family}; flags dynamic, timeout; size ${setSizes.client}; timeout ${KNOWN_DAYS}d;`,
    ),
    ...both(
      "knownu",
      (family) =>
        `type ${family} . inet_service; flags dynamic, timeout; size ${setSizes.knownu}; timeout ${KNOWN_UDP_DAYS}d;`,
    ),
    ...neighbourSetDefinitions(HOLD_SECONDS),
    ...both(
      "flows",
      (family) =>
        `type ${family} . inet_proto . inet_service . inet_service; flags dynamic, timeout; size ${setSizes.flows}; timeout ${FLOW_MINUTES}m;`,
    ),
    ...both(
      "peer",
      (family) => `type ${family}; flags dynamic, timeout; size ${setSizes.peer}; timeout ${DEFAULT_GUARD_SECONDS}s;`,
    ),
    ...both(
      "answered",
      (family) => `type ${family}; flags dynamic, timeout; size ${decoySets.answered}; timeout ${ANSWERED_MINUTES}m;`,
    ),
    ...both(
      "through",
      (family) => `type ${family}; flags dynamic, timeout; size ${throughSets.through}; timeout ${THROUGH_SECONDS}s;`,
    ),
    ...both(
      "diverted",
      (family) =>
        `type ${family} . inet_service . inet_service; flags dynamic, timeout; size ${decoySets.diverted}; timeout ${DIVERTED_SECONDS}s;`,
    ),
    ...both(
      "lured",
      (family) =>
        `type ${family} . inet_service . ${family} . inet_service; flags dynamic, timeout; size ${decoySets.lured}; timeout ${LURED_SECONDS}s;`,
    ),
    lately: `type inet_proto . inet_service; flags dynamic, timeout; size ${setSizes.lately}; timeout 1h;`,
  };
}

function configuredElements(plan: RulesetPlan): Readonly<Record<string, readonly string[]>> {
  const addresses = (prefixes: readonly Prefix[], four: boolean) =>
    prefixes.filter((prefix) => isIpv4(prefix) === four).map(formatPrefix);
  const ports = (ranges: readonly PortRange[]) =>
    ranges.map(({ first, last }) => (first === last ? `${first}` : `${first}-${last}`));
  return {
    ignored4: addresses(plan.ignored, true),
    ignored6: addresses(plan.ignored, false),
    guard4: addresses(plan.guarded, true),
    guard6: addresses(plan.guarded, false),
    session6: addresses(plan.sessions ?? [], false),
    near6: ["fe80::/10", ...addresses(plan.near, false)],
    near4: addresses(plan.nearIpv4, true),
    watched_tcp: ports(plan.watchedTcp),
    watched_udp: ports(plan.watchedUdp),
    tolerated_tcp: ports(plan.toleratedTcp),
    tolerated_udp: ports(plan.toleratedUdp),
    public_tcp: ports(plan.publicTcp),
    public_udp: ports(plan.publicUdp),
    listened_tcp: ports(plan.listenedTcp ?? []),
    listened_udp: ports(plan.listenedUdp ?? []),
  };
}

/** The sets that blocks are in. */
export const blockSets: readonly string[] = Object.keys(setDefinitions()).filter((name) => isBlockSet(name));

export function isBlockSet(name: string): boolean {
  return /^(?:blocked|blockednet|soft)\d+$/.test(name);
}

/** The sets that the daemon alone fills, and whose elements stay until it says otherwise. */
export function configuredSets(plan: RulesetPlan): readonly string[] {
  return Object.keys(configuredElements(plan));
}

/** The whole table for a running ("on") or stopping ("resting") daemon, as one transaction. */
export function buildRuleset(plan: RulesetPlan, phase: "on" | "resting"): string {
  const chains: Rules = { shield: shieldRules(plan), ...(phase === "on" ? sensorRules(plan) : restingRules(plan)) };
  const lines = [`add table inet ${TABLE}`];
  for (const [name, definition] of Object.entries(setDefinitions())) {
    lines.push(`add set inet ${TABLE} ${name} { ${definition} }`);
  }
  // Chains of the other phase must exist to be removed: "add" is harmless where they do.
  for (const chain of allChains) lines.push(`add chain inet ${TABLE} ${chain} ${hooks[chain] ?? ""}`);
  lines.push(`flush table inet ${TABLE}`);
  for (const chain of allChains) if (chains[chain] === undefined) lines.push(`delete chain inet ${TABLE} ${chain}`);
  for (const [name, rate] of Object.entries(namedLimits)) lines.push(`add limit inet ${TABLE} ${name} { ${rate} }`);
  for (const [set, elements] of Object.entries(configuredElements(plan))) {
    lines.push(`flush set inet ${TABLE} ${set}`);
    if (elements.length > 0) lines.push(`add element inet ${TABLE} ${set} { ${elements.join(", ")} }`);
  }
  for (const [chain, rules] of Object.entries(chains)) {
    for (const rule of rules) lines.push(`add rule inet ${TABLE} ${chain} ${rule}`);
  }
  return `${lines.join("\n")}\n`;
}

/** New contents for the sets that follow the host while the daemon runs: guard, near, and the ports we listen on. */
export function buildHostSets(plan: RulesetPlan): string {
  return fillSets(plan, [
    "guard4",
    "guard6",
    "session6",
    "near4",
    "near6",
    "listened_tcp",
    "listened_udp",
    "ignored4",
    "ignored6",
  ]);
}

/** New contents for all of them: another program has emptied or changed one. */
export function buildConfiguredSets(plan: RulesetPlan): string {
  return fillSets(plan, configuredSets(plan));
}

function fillSets(plan: RulesetPlan, sets: readonly string[]): string {
  const elements = configuredElements(plan);
  return sets
    .map((set) => {
      const list = elements[set] ?? [];
      const fill = list.length > 0 ? `add element inet ${TABLE} ${set} { ${list.join(", ")} }\n` : "";
      return `flush set inet ${TABLE} ${set}\n${fill}`;
    })
    .join("");
}
