// Hosts behind this one (PROTECT, docs/decisions/0043). Whether anybody listens there is not this kernel's to know, but the host
// says it: it refuses a contact that has never got further, by a reset or by an ICMP error. The refusal is dropped and holds the
// source in the same packet. SYNs of a held source still go to the host, so that each further refusal counts; none of its answers,
// good or bad, goes back.
//
//   tobehind     in `forward`, a new packet to a protected address, whose destination this host has not translated
//   frombehind   in `passing`, what a protected host first says to a contact
//
//   saidforbehind  in `output`, what this host says in the name of one behind it: that no host has the address, or a firewall's refusal
//
//   behind4/6    ports that have answered: their refusals are no evidence
//   visit4/6     customers, by (source, host, protocol, port); visitu4/6 by datagrams
//
// Protected hosts are not judged for what they send to each other, and what they send elsewhere is no answer.

import { answeredOn } from "./heard.ts";
import { HIGH_PORT_FACTOR } from "./lately.ts";
import { newCustomerRules } from "./learn.ts";
import { BATCH_GROUP, foundLog, log, logPrefixes, probeLog, rates } from "./log-rules.ts";
import { CAME_OTHERWISE, heldMatches, leftAlone, softMatches, softRules } from "./matches.ts";
import { neighbourRules, SLASH64 } from "./neighbours.ts";
import { counted } from "./rule-counters.ts";
import type { Rules, RulesetPlan } from "./ruleset-plan.ts";
import { DEFAULT_GUARD_SECONDS } from "./sets.ts";

export const gatewayHooks: Readonly<Record<string, string>> = {
  saidforbehind: "{ type filter hook output priority filter - 10; policy accept; }",
};

export const gatewayChains = [
  "saidforbehind",
  ...["tobehind", "synbehind", "udpbehind", "heldbehind", "toldbehind", "shutbehind", "visitedbehind", "visitorbehind"],
  ...[
    "frombehind",
    "saidbehind",
    "opensbehind",
    "answersbehind",
    "refusesbehind",
    "excusesbehind",
    "closedbehind",
    "noticedbehind",
  ],
  ...["againbehind", "shutback", "resetback", "holdbehind", "near4back", "far6back", "restingbehind"],
] as const;

const toProtected: readonly string[] = ["ip daddr @protected4", "ip6 daddr @protected6"];
const ofProtected: readonly string[] = ["ip saddr @protected4 return", "ip6 saddr @protected6 return"];
const ofContainers: readonly string[] = ["ip saddr @inside4 return", "ip6 saddr @inside6 return"];

/** The same match about an answer, whose destination is the source. */
const back = (match: string) => match.replaceAll("saddr", "daddr");

/** By whom a source is remembered: by its /64 beyond our links. */
const sources = [
  { family: "4", ip: "ip", source: "ip saddr", match: "" },
  { family: "6", ip: "ip6", source: "ip6 saddr", match: "ip6 saddr @near6 " },
  { family: "6", ip: "ip6", source: `ip6 saddr & ${SLASH64}`, match: "ip6 saddr != @near6 " },
] as const;

const families = [
  { family: "4", ip: "ip" },
  { family: "6", ip: "ip6" },
] as const;

/**
 * Linux, BSD and Windows ask from here on: a datagram to such a port is an answer that has come late, as often as not, and what sent
 * it the resolver of a protected host.
 */
const CLIENTS_PORTS = 32_768;

/** nft knows what a port of connection tracking is only behind a match of the protocol. */
const REFUSAL = "meta l4proto { tcp, icmp, icmpv6 } ";
/** The asked host and port, in the words in which each packet has them: an ICMP error has them only in connection tracking. */
const asked = (ip: string) => `${ip} daddr . meta l4proto . th dport`;
const answering = (ip: string) => `${ip} saddr . meta l4proto . th sport`;
const refusing = (ip: string) => `ct reply ${ip} saddr . ct protocol . ct reply proto-src`;

/** "visit": of connections. "visitu": of datagrams, which anybody can send in a thousand names. */
type Visits = "visit" | "visitu";
const visits: readonly Visits[] = ["visit", "visitu"];

const visitsOf = (of: Visits, host: (ip: string) => string, isAnswer: boolean, prefix = "") =>
  sources.map(({ family, ip, source, match }) => {
    const [key, whose] = [`${source} . `, match].map((text) => (isAnswer ? back(text) : text));
    return { match: `${prefix}${whose}`, key: `${key}${host(ip)}`, set: `${of}${family}` };
  });

const knownRules = (visits: ReturnType<typeof visitsOf>) =>
  visits.map(({ match, key, set }) => `${match}${key} @${set} return`);

const answersRules = (chain: string) =>
  families.map(({ family, ip }) => `ct direction reply ct reply ${ip} saddr @protected${family} jump ${chain}`);

/** Of what an answer goes to: its link-layer address is not known yet. */
const backMatches = [...heldMatches, ...softMatches].filter((match) => !match.includes("ether ")).map(back);

/** An ACK or RST without a connection gets the same RST from open and closed ports. */
const notStray = ["meta l4proto != tcp return", "tcp flags & (ack|rst) != 0 return"] as const;

function protects({ protected: networks = [] }: RulesetPlan): boolean {
  return networks.length > 0;
}

/** For `forward`: datagrams that this host may masquerade, as it may those of containers. Over IPv6 nobody masquerades. */
export function askedBehind(plan: RulesetPlan): readonly string[] {
  return protects(plan) && plan.seesWayBack === true ? ["meta l4proto udp ip saddr @protected4 jump outward"] : [];
}

/** For `forward`, behind what belongs to containers. */
export function toBehind(plan: RulesetPlan): readonly string[] {
  if (!protects(plan)) return [];
  // An answer to a question that has not come through here.
  const oneSided = families.map(
    ({ family, ip }) =>
      `tcp flags & (fin|syn|rst|ack) == (syn|ack) ${ip} saddr @protected${family} ${counted("behindOneSided")} return`,
  );
  return [...oneSided, ...toProtected.map((match) => `${match} goto tobehind`)];
}

/**
 * The head of `passing`. With PROTECT the first packets of a connection's answers are looked at as well, and a flow of datagrams
 * that stands pays one rule more.
 */
export function fromBehind(plan: RulesetPlan): readonly string[] {
  if (!protects(plan)) return ["tcp flags & (fin|rst) == 0 return"];
  return [
    "tcp flags & (fin|syn|rst) == 0 return",
    "meta l4proto udp ct status assured return",
    ...[...answersRules("frombehind"), ...peerRules(plan)],
  ];
}

/** As with peers of this host: what protected hosts ask, and are answered by, gets no full block without a proof. */
function peerRules({ guardSeconds = DEFAULT_GUARD_SECONDS }: RulesetPlan): readonly string[] {
  return ["tcp flags & (fin|syn|rst|ack) == (syn|ack) ", "meta l4proto udp "].flatMap((answer) =>
    families.map(({ family, ip }) => {
      const learn = `update @peer${family} { ${ip} saddr timeout ${guardSeconds}s }`;
      return `${answer}ct direction reply ${ip} daddr @protected${family} ${learn}`;
    }),
  );
}

/** The head of `parting`: the end of a connection that got further. */
export function partingBehind(plan: RulesetPlan): readonly string[] {
  return protects(plan) ? toProtected.map((match) => `${match} jump visitedbehind`) : [];
}

export function gatewayRules(plan: RulesetPlan): Rules {
  if (!protects(plan)) return {};
  return {
    // A host that is down is told from an address that nobody has by the ports that it served (`behind`).
    saidforbehind: ["tcp flags & rst == 0 return", "meta l4proto udp return", ...answersRules("saidbehind")],
    ...{ ...askingRules(plan), ...sayingRules(plan), ...closedRules(plan), ...visitRules() },
  };
}

/** What strangers send to protected hosts. */
function askingRules(plan: RulesetPlan): Rules {
  const known = (of: Visits) => knownRules(visitsOf(of, asked, false));
  const head = [...ofProtected, ...ofContainers, ...leftAlone];
  // NULL, FIN, XMAS, SYN+FIN: nobody but a scanner sends them, to open ports either.
  const odd = plan.grace ? [] : [`tcp dport @watched_tcp counter goto ${plan.holdTcp ? "probe" : "logged"}`];
  const syn = `tcp flags & (fin|syn|rst|ack) == syn ${counted("behindAsked")}`;
  if (!plan.enforce) return { tobehind: [...head, `${syn} return`, ...notStray, ...odd] };
  const soft = softMatches.map((match) => `${match} goto toldbehind`);
  const held = heldMatches.map((match) => `${match} goto heldbehind`);
  return {
    tobehind: [
      ...head,
      `${syn} goto synbehind`,
      "meta l4proto udp goto udpbehind",
      "tcp flags & (ack|rst) != 0 goto shutbehind",
      ...odd,
      "goto shutbehind",
    ],
    synbehind: [
      "tcp dport @public_tcp return",
      ...known("visit"),
      ...soft,
      ...held,
      ...(plan.greylist === undefined ? [] : ["jump greet"]),
    ],
    udpbehind: ["udp dport @public_udp return", ...known("visitu"), ...soft, ...held],
    // A port that serves need not be asked: its answer would go nowhere.
    heldbehind: families.map(({ family, ip }) => `${asked(ip)} @behind${family} goto toldbehind`),
    // For the silence test, as of a served port of this host.
    toldbehind: [...foundLog(logPrefixes.held), `${counted("heldUntold")} drop`],
    shutbehind: [
      ...heldMatches.map((match) => `${match} ${counted("forwardHeldDropped")} drop`),
      ...softMatches.map((match) => `${match} ${counted("forwardSoftDropped")} drop`),
    ],
  };
}

/** The first answer of a protected host. */
function sayingRules(plan: RulesetPlan): Rules {
  const { enforce, latelyOpenSeconds: seconds } = plan;
  const known = (of: Visits) => knownRules(visitsOf(of, answering, true));
  const serves = families.flatMap(({ family, ip }) => {
    const note = (lasts: number) => `update @behind${family} { ${answering(ip)} timeout ${lasts}s }`;
    return [`th sport < 1024 ${note(seconds)}`, `th sport >= 1024 ${note(seconds * HIGH_PORT_FACTOR)}`];
  });
  const shutBack = (verdict: string) =>
    enforce ? backMatches.map((match) => `${match} ${counted("behindAnswersDropped")} ${verdict}`) : [];
  return {
    // An answer that somebody outside has written in a host's name tells nothing of the host.
    frombehind: [...(plan.seesWayBack === true ? [`${CAME_OTHERWISE} return`] : []), "goto saidbehind"],
    saidbehind: [
      // It got further; or it is the data connection of a protocol such as FTP, which the host has announced.
      "ct status & (assured | expected) != 0 return",
      "meta l4proto != { tcp, udp, icmp, icmpv6 } return",
      `tcp flags & (syn|rst|ack) != ack ${counted("behindAnswered")}`,
      ...answeredOn(plan),
      ...[...leftAlone, ...ofProtected, ...ofContainers].map(back),
      "tcp flags & (fin|syn|rst|ack) == (syn|ack) goto opensbehind",
      "tcp flags & (fin|syn|rst|ack) == (rst|ack) goto refusesbehind",
      "meta l4proto udp goto answersbehind",
      // Not what only says that a packet is too big.
      "icmp type destination-unreachable icmp code != frag-needed ct protocol { tcp, udp } goto refusesbehind",
      "icmpv6 type destination-unreachable ct protocol { tcp, udp } goto refusesbehind",
    ],
    opensbehind: [...serves, "tcp sport @public_tcp return", ...known("visit"), ...shutBack("goto resetback")],
    // Or the host would repeat its answer for a minute, when the hold may be over.
    ...(enforce ? { resetback: ["reject with tcp reset"] } : {}),
    answersbehind: [
      ...serves,
      "udp sport @public_udp return",
      ...known("visitu"),
      ...shutBack("drop"),
      ...visitsOf("visitu", answering, true).map(({ match, key, set }) => `${match}update @${set} { ${key} }`),
    ],
    refusesbehind: [
      "ip daddr @guard4 return",
      "ip6 daddr @guard6 return",
      ...["tcp", "udp"].map(
        (protocol) => `${REFUSAL}ct protocol ${protocol} ct reply proto-src @public_${protocol} return`,
      ),
      ...visits.flatMap((of) => knownRules(visitsOf(of, refusing, true, REFUSAL))),
      // As with a service of our own: its restart makes no scanners of its clients.
      ...families.map(({ family, ip }) => `${REFUSAL}${refusing(ip)} @behind${family} goto excusesbehind`),
      ...(plan.grace
        ? []
        : (["tcp", "udp"] as const).flatMap((protocol) => {
            const port = `${REFUSAL}ct protocol ${protocol} ct reply proto-src`;
            const holds = protocol === "tcp" ? plan.holdTcp : plan.holdUdp;
            return [
              ...(protocol === "udp" ? [`${port} >= ${CLIENTS_PORTS} goto excusesbehind`] : []),
              `${port} @tolerated_${protocol} goto excusesbehind`,
              `${port} @watched_${protocol} counter goto ${holds ? "closedbehind" : "noticedbehind"}`,
            ];
          })),
      ...(enforce ? ["goto shutback"] : []),
    ],
    excusesbehind: [
      ...(enforce ? ["jump shutback"] : []),
      `limit rate ${rates.weak}/second burst ${rates.weak} packets ${log(logPrefixes.excused, BATCH_GROUP)}`,
    ],
    ...(enforce ? { shutback: shutBack("drop") } : {}),
  };
}

/** The refusal of a port that is a trap. */
function closedRules(plan: RulesetPlan): Rules {
  const told = (verdict: "drop" | "return", rate?: number) => probeLog(verdict, rate, logPrefixes.closed);
  const noticed = { noticedbehind: [...(plan.enforce ? ["jump shutback"] : []), ...told("return")] };
  if (!plan.holdTcp && !plan.holdUdp) return noticed;
  const rehold = sources.map(({ family, source, match }) => {
    const element = back(source);
    return `${back(match)}${element} @held${family} update @held${family} { ${element} } goto againbehind`;
  });
  return {
    ...noticed,
    closedbehind: [...rehold, "jump holdbehind", ...told("drop"), "drop"],
    againbehind: [...told("drop", rates.again), "drop"],
    holdbehind: [
      `limit rate over ${rates.newHolds}/second burst ${rates.newHolds} packets ${counted("holdsRefused")} return`,
      "update @held4 { ip daddr } goto near4back",
      "ip6 daddr @near6 update @held6 { ip6 daddr } return",
      `update @held6 { ip6 daddr & ${SLASH64} } goto far6back`,
    ],
    ...neighboursBack(),
  };
}

/** Neighbours are counted by their networks. On our own links they are not: the answer has no link-layer address yet. */
function neighboursBack(): Rules {
  const { near4held = [], far6held = [] } = neighbourRules();
  const [, ...networks4] = near4held;
  return { near4back: ["ip daddr @near4 return", ...networks4.map(back)], far6back: far6held.map(back) };
}

/** A source that ends a real connection that it opened is a customer of that port of that host, and a client whom nothing blocks more than softly. */
function visitRules(): Rules {
  const visits = visitsOf("visit", asked, false);
  return {
    visitedbehind: [
      ...ofProtected,
      ...visits.map(({ match, key, set }) => `${match}${key} @${set} goto visitorbehind`),
      ...newCustomerRules("visitorbehind"),
    ],
    visitorbehind: [
      ...visits.map(({ match, key, set }) => `${match}update @${set} { ${key} }`),
      "update @client4 { ip saddr }",
      "ip6 saddr @near6 update @client6 { ip6 saddr } return",
      `update @client6 { ip6 saddr & ${SLASH64} }`,
    ],
  };
}

/** For `forward` of a stopped daemon. */
export function toRestingBehind(plan: RulesetPlan): readonly string[] {
  return protects(plan) ? toProtected.map((match) => `${match} goto restingbehind`) : [];
}

/** What stays when the daemon stops: soft blocks. */
export function restingGatewayRules(plan: RulesetPlan): Rules {
  if (!protects(plan)) return {};
  return {
    restingbehind: [
      ...ofProtected,
      ...ofContainers,
      ...leftAlone,
      "tcp dport @public_tcp return",
      "udp dport @public_udp return",
      ...visits.flatMap((of) => knownRules(visitsOf(of, asked, false))),
      ...softRules(),
    ],
  };
}
