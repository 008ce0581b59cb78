// The sets of the table "inet portreeve", a row each: what they hold, how much and for how long, and from whom. The rules
// that fill and ask them are in sensor.ts and the files beside it; the table in docs/reference/kernel-table.md is made from
// these rows by scripts/docs.mjs.
import { gatewaySets } from "./gateway-sets.ts";
import { widths } from "./neighbours.ts";
import {
  address,
  addressAndPort,
  contact,
  counted,
  families,
  one,
  port,
  protocolAndPort,
  protocols,
  type SetRow,
} from "./set-row.ts";

export const HOLD_SECONDS = 5;
export const KNOWN_DAYS = 7;
/** A pair of a datagram service is forgotten sooner: a forger can make one. */
const KNOWN_UDP_DAYS = 1;
/** Without GUARD_TIME. */
export const DEFAULT_GUARD_SECONDS = 3_600;
/** Connection tracking forgets an unanswered datagram after 30 s, a connection that was reset after 10 s. */
const FLOW_MINUTES = 10;
/** A datagram's answer is waited for so long. */
export const ASKED_SECONDS = 30;
/** Our answer comes at once; a SYN+ACK that is repeated later is one more chance. */
const THROUGH_SECONDS = 5;
/** Within which a handshake must be finished to prove anything. */
const LURED_SECONDS = 10;
/** And to be finished at all, when SYN cookies are in use. */
const DIVERTED_SECONDS = 10;
/** How long it is believed that this host's other firewalls let a source's packets through. */
const ANSWERED_MINUTES = 10;
/**
 * How long the count of a network is kept after its last new source: by then it may have its whole burst again. So a forger
 * fills the sets with 4,400 networks a second, and with 5,000 nobody new is held anyway (rates.newHolds in log-rules.ts).
 */
const MANY_SECONDS = 60;

/**
 * A first contact is remembered so long: Linux repeats a SYN after 1, 3, 7, 15 and 31 s, and a monitor that waits shorter than
 * that for an answer asks again each minute.
 */
const MET_SECONDS = 90;
const RETURNED_HOURS = 1;
/** A source waits for longer than a first contact once in so long. */
const PATIENT_HOURS = 1;
/** Longer than any of its waits. */
const WAITING_SECONDS = 6;
/** Longer than FRESH_MS in greylist.ts. */
const FRESH_SECONDS = 1;
/** A scan of some ports is over by then. */
const LEFT_SECONDS = 60;
/** By then the whole burst of a source is there again. */
const ASKING_SECONDS = 3;
/** nmap -T2 asks new ports at shorter intervals than this, and a load balancer asks what it knows soon after. */
const CURIOUS_SECONDS = 3;

const MINUTE = 60;
const DAY = 86_400;

const ports = {
  parts: protocols,
  key: port,
  kind: "fixed",
  filledBy: "the daemon",
  atBound: "65,536",
} as const;

export const sets = {
  ignored: {
    ...{ parts: families, key: address, kind: "fixed" },
    ...{ members: "the allow list", filledBy: "the daemon", atBound: "IGNORE_FILE's 100,000 lines" },
  },
  guard: {
    ...{ parts: families, key: address, kind: "fixed" },
    members:
      "the guarded addresses that the daemon knows ([guard.md](guard.md)): they are never held and never softly blocked",
    filledBy: "the daemon, live",
    atBound: "4,096 beside gateways, resolvers and own addresses: the rest is left out",
  },
  session: {
    ...{ parts: families.slice(1), key: address, kind: "fixed" },
    members:
      "IPv6 sources of SSH sessions: the full block of their /64 does not cut them; they are held and softly blocked like any source",
    ...{ filledBy: "the daemon, live", atBound: "1,024" },
  },
  peer: {
    ...{ parts: families, key: address, kind: "dynamic", size: 65_536, seconds: DEFAULT_GUARD_SECONDS },
    members:
      "the other ends of flows that this host itself began (`flows4/6`) and that were answered, for GUARD_TIME: without a proof they get no full block and no command. Holds and soft blocks do reach them, and cut none of their answers",
    filledBy: "packets; connections that stand at start, the daemon",
    atBound: "further peers are blocked without a proof like any source until others expire",
  },
  near: {
    ...{ parts: families, key: address, kind: "fixed" },
    members:
      "networks of our own links: IPv6 sources there count by address, and neighbours by their link-layer address",
    ...{ filledBy: "the daemon, live", atBound: "small" },
  },
  own: {
    ...{ parts: families, key: address, kind: "fixed" },
    ...{ members: "this host's addresses", filledBy: "the daemon, live", atBound: "small" },
  },
  inside: {
    ...{ parts: families, key: address, kind: "fixed" },
    members: "networks of this host's containers and virtual machines ([guard.md](guard.md))",
    ...{ filledBy: "the daemon, live", atBound: "256: more networks are not known as such" },
  },
  bridged: {
    ...{ parts: one, key: () => "ether_addr", kind: "fixed" },
    members:
      "link-layer addresses of virtual machines and containers that a bridge of this host joins to the LAN, an hour from when the bridge last knew them",
    ...{ filledBy: "the daemon, live", atBound: "4,096: what is bridged to further ones is not shut" },
  },
  watched: { ...ports, members: "the watched ports: closed ones are traps" },
  tolerated: { ...ports, members: "closed ports that people try by habit (TOLERATED_PORTS)" },
  public: { ...ports, members: "served ports that neither a hold nor a soft block cuts (PUBLIC_PORTS)" },
  listened: { ...ports, members: "ports on which the daemon itself listens", filledBy: "the daemon, live" },
  held: {
    ...{ parts: families, key: address, kind: "dynamic", size: 262_144, seconds: HOLD_SECONDS },
    ...{ members: `sources on hold, ${HOLD_SECONDS} s`, filledBy: "packets" },
    atBound: "further probes are logged and dropped, their source is not held; 5,000 new holds a second",
  },
  many: {
    ...{ parts: counted, key: address, kind: "dynamic", size: 262_144, seconds: MANY_SECONDS },
    members:
      "how many new sources of an IPv4 /24, of an IPv6 /56 or /48 beyond our links, or behind one link-layer address on them, were put in the hold: 6 at once, and 20 a minute; of an IPv6 /40 60, of a /32 240, of an IPv4 /16 480, where the sources of a /24, /48 or /40 that is held itself do not count; of a link-layer address only 4 at once, and 20 a minute; a minute from the last",
    filledBy: "packets",
    atBound:
      "(4,400 forged networks a second fill one) further networks are not counted, their sources are held one by one",
  },
  heldwide: {
    name: "held",
    ...{ parts: counted, key: address, kind: "dynamic", size: 65_536, seconds: HOLD_SECONDS },
    members: `networks with more new sources: all of their sources are on hold, ${HOLD_SECONDS} s from the latest new one. Known pairs, public ports, guard and allow list pass; \`portreeve unblock\` lets go the networks around its source`,
    ...{ filledBy: "packets", atBound: "further networks are not held as a whole" },
  },
  softwide: {
    name: "soft",
    ...{ parts: widths.filter(({ isBlocked }) => isBlocked), key: address, kind: "timed", size: 65_536 },
    holdsBlocks: true,
    members: "networks that are softly blocked as a whole",
    ...{ filledBy: "the daemon", atBound: "a further block is refused, reported and counted" },
  },
  known: {
    ...{ parts: families, key: addressAndPort, kind: "dynamic", size: 262_144, seconds: KNOWN_DAYS * DAY },
    isLearned: true,
    members: `(source, port) that finished a real connection, ${KNOWN_DAYS} days; an IPv6 source beyond our links by its /64`,
    filledBy: "packets",
    atBound:
      "further customers are not remembered. A source whose first connection ends while the source is held or softly blocked is no customer",
  },
  met: {
    ...{ parts: families, key: contact, kind: "dynamic", size: 262_144, seconds: MET_SECONDS },
    members: `(source, address asked, port) whose first SYN to a served port was met with silence, ${MET_SECONDS} s (an IPv6 source beyond our links by its /64, as in the two sets below); only with \`GREYLIST="on"\``,
    ...{ filledBy: "packets", atBound: "first SYNs are served, as without greylisting" },
  },
  early: {
    ...{ parts: families, key: contact, kind: "dynamic", size: 262_144, seconds: MET_SECONDS },
    members: "the same, for GREYLIST_EARLIEST: a SYN that is repeated sooner is met with silence as well",
    ...{ filledBy: "packets", atBound: "first SYNs are served, as without greylisting" },
  },
  returned: {
    ...{ parts: families, key: contact, kind: "dynamic", size: 262_144, seconds: RETURNED_HOURS * 3_600 },
    members: `(source, address asked, port) that has repeated its SYN and was served, ${RETURNED_HOURS} h from its latest SYN: by then most are known pairs`,
    ...{ filledBy: "packets", atBound: `further sources are greylisted again after ${MET_SECONDS} s` },
  },
  asking: {
    ...{ parts: families, key: address, kind: "dynamic", size: 65_536, seconds: ASKING_SECONDS },
    members: `how many new ports a source (as in the three sets above) has asked at once, ${ASKING_SECONDS} s from the last`,
    ...{ filledBy: "packets", atBound: "further sources are greylisted however many ports they ask at once" },
  },
  curious: {
    ...{ parts: families, key: address, kind: "dynamic", size: 65_536, seconds: CURIOUS_SECONDS },
    members: `sources that have asked a new port within ${CURIOUS_SECONDS} s`,
    ...{ filledBy: "packets", atBound: "further sources wait less" },
  },
  waiting: {
    ...{ parts: families, key: address, kind: "dynamic", size: 65_536, seconds: WAITING_SECONDS },
    members: `sources that have asked a third new port within a second (${WAITING_SECONDS} s), or whose first new port was just served (1.8 s): until then no repetition to another new port is served`,
    ...{ filledBy: "packets", atBound: "further sources do not wait" },
  },
  waited: {
    ...{ parts: families, key: address, kind: "dynamic", size: 262_144, seconds: PATIENT_HOURS * 3_600 },
    members: `sources that were in \`waiting4/6\` for the ports that they asked at once, ${PATIENT_HOURS} h: they do not come there again`,
    ...{ filledBy: "packets", atBound: "further sources do not wait" },
  },
  paced: {
    ...{ parts: families, key: address, kind: "dynamic", size: 262_144, seconds: PATIENT_HOURS * 3_600 },
    members: `sources that were there for either reason, ${PATIENT_HOURS} h: they do not come there because a first port is served`,
    ...{ filledBy: "packets", atBound: "further sources do not wait" },
  },
  fresh: {
    ...{ parts: families, key: contact, kind: "dynamic", size: 65_536, seconds: FRESH_SECONDS },
    members: `(source, address asked, port) that has repeated its SYN and was served just now, ${FRESH_SECONDS} s at most`,
    ...{ filledBy: "packets", atBound: "an RST of further sources is evidence of nothing" },
  },
  left: {
    ...{ parts: families, key: address, kind: "dynamic", size: 65_536, seconds: LEFT_SECONDS },
    members: `sources that have ended a connection of \`fresh4/6\` by an RST, ${LEFT_SECONDS} s: no repetition to another new port is served`,
    ...{ filledBy: "packets", atBound: "further sources do not wait" },
  },
  regular: {
    ...{ parts: families, key: address, kind: "dynamic", size: 262_144, seconds: PATIENT_HOURS * 3_600 },
    members: `sources that have come back to a port that they were served, and asked no new one just before (\`curious4/6\`), ${PATIENT_HOURS} h: they do not wait`,
    ...{ filledBy: "packets", atBound: "further sources may wait" },
  },
  lately: {
    ...{ parts: one, key: protocolAndPort, kind: "dynamic", size: 8_192, seconds: 3_600 },
    members:
      "ports that were served at some address of this host, LATELY_OPEN: what is in none of the three sets below is not looked for there",
    filledBy: "packets, and the daemon from the socket tables",
    atBound: "further ports are traps as soon as they are closed",
  },
  published: {
    ...{ parts: one, key: port, kind: "dynamic", size: 8_192, seconds: 3_600 },
    members:
      "TCP ports of this host that are forwarded to a container or a virtual machine, LATELY_OPEN from the latest SYN",
    filledBy: "packets that are forwarded",
    atBound:
      "SYNs of held and softly blocked sources to further ones are dropped untold; repeated first contacts with them are not counted",
  },
  everywhere: {
    ...{ parts: one, key: protocolAndPort, kind: "dynamic", size: 8_192, seconds: 3_600 },
    isLearned: true,
    members:
      "those that count as served at every address: a listener was bound to none (0.0.0.0, ::), or to one that this host does not have, or is newer than the daemon's last look at the listeners; IPVS; ports that are published for containers",
    filledBy: "packets, and the daemon from the socket tables",
    atBound: "further ports are traps as soon as they are closed",
  },
  latelyat: {
    name: "lately",
    ...{ parts: families, key: (of: string) => `${of} . ${protocolAndPort()}`, kind: "dynamic" },
    ...{ size: 16_384, seconds: 3_600, isLearned: true },
    members:
      "(own address, protocol, port) of those whose listeners are bound to addresses; with 0.0.0.0 or :: in its place: of some address of this family",
    filledBy: "the daemon from the socket tables; packets to ports that it has put there",
    atBound: "further ports count as served at every address",
  },
  settled: {
    ...{ parts: families, key: address, kind: "fixed" },
    members:
      "own addresses that have been there for LATELY_OPEN, or since the daemon's start: only there does a port that is served at another address count as closed",
    filledBy: "the daemon, live",
    atBound: "4,096: at further ones every port of `lately` counts as served",
  },
  client: {
    ...{ parts: families, key: address, kind: "dynamic", size: 262_144, seconds: KNOWN_DAYS * DAY },
    isLearned: true,
    members: `the sources of \`known4/6\`, without the port (IPv6 beyond our links: their /64), ${KNOWN_DAYS} days`,
    ...{ filledBy: "packets", atBound: "further ones count as strangers" },
  },
  knownu: {
    ...{ parts: families, key: addressAndPort, kind: "dynamic", size: 262_144, seconds: KNOWN_UDP_DAYS * DAY },
    isLearned: true,
    members:
      "(source, port) of datagram services that have answered, a day; keyed as `known4/6`. A forger who makes such a pair gains only that the port answers the forged name",
    ...{ filledBy: "packets that we send", atBound: "further customers are held like strangers" },
  },
  flows: {
    ...{ parts: families, key: (of: string) => `${of} . inet_proto . inet_service . inet_service` },
    ...{ kind: "dynamic", size: 262_144, seconds: FLOW_MINUTES * MINUTE },
    members: `(remote address, protocol, remote port, own port) of what this host itself began: its own SYN without ACK, its own datagram from a port that it does not serve, a datagram of its containers and of hosts behind it; ${FLOW_MINUTES} minutes from the beginning and from each answer (${ASKED_SECONDS} s for a datagram from ip_local_port_range). An answer that comes when connection tracking has forgotten the question is no probe. Untracked connections in which this host has sent are here as well, and go on under a hold`,
    ...{ filledBy: "packets that we send", atBound: "later answers count as before" },
  },
  blocked: {
    ...{ parts: families, key: address, kind: "timed", size: 1_048_576, holdsBlocks: true },
    ...{ members: "full blocks", filledBy: "the daemon" },
    atBound: "a further block is refused, reported and counted",
  },
  blockednet: {
    ...{ parts: families, key: address, kind: "timed ranges", holdsBlocks: true },
    members:
      "the union of the networks that are blocked by hand or by BLOCK_WIDER: disjoint intervals, each until the latest end of the networks that cover it",
    filledBy: "the daemon",
    atBound: "of 131,072 networks in all: one more is refused, reported and counted",
  },
  soft: {
    ...{ parts: families, key: address, kind: "timed", size: 262_144, holdsBlocks: true },
    ...{ members: "soft blocks", filledBy: "the daemon" },
    atBound: "a further block is refused, reported and counted",
  },
  delegated: {
    ...{ parts: families, key: address, kind: "timed", size: 262_144 },
    ...{ members: "sources whose block is an administrator's own rule", filledBy: "the daemon" },
    atBound: "the packets of further ones are judged as if no block stood",
  },
  answered: {
    ...{ parts: families, key: address, kind: "dynamic", size: 262_144, seconds: ANSWERED_MINUTES * MINUTE },
    members: `networks (/24; IPv6 /48) of held or softly blocked sources whose SYNs to the decoy get through this host's other firewalls, ${ANSWERED_MINUTES} minutes; only with \`ANSWER="open"\``,
    ...{ filledBy: "packets", atBound: "real and closed ports are silent to further ones" },
  },
  diverted: {
    ...{ parts: families, key: (of: string) => `${of} . inet_service . inet_service`, kind: "dynamic", size: 262_144 },
    seconds: DIVERTED_SECONDS,
    members: `(source, its port, our port) of SYNs that were handed to the decoy, ${DIVERTED_SECONDS} s: only these may be followed by an ACK without a socket (SYN cookies); only with \`ANSWER="open"\``,
    filledBy: "packets",
    atBound: "the handshakes with cookies of further ones are not finished; nor are more than 100 a second",
  },
  lured: {
    ...{ parts: families, key: (of: string) => `${of} . inet_service . ${of} . inet_service`, kind: "dynamic" },
    ...{ size: 262_144, seconds: LURED_SECONDS },
    members: `(source, its port, our address, our port) of SYNs that the decoy has answered on closed ports, ${LURED_SECONDS} s; only with \`ANSWER="open"\``,
    ...{ filledBy: "packets", atBound: "the handshakes of further ones prove nothing" },
  },
  through: {
    ...{ parts: families, key: address, kind: "dynamic", size: 65_536, seconds: THROUGH_SECONDS },
    members: `delegated sources (IPv6 beyond our links: their /64) whose packets came through all firewalls, ${THROUGH_SECONDS} s; only with KILL_ROUTE`,
    ...{ filledBy: "packets", atBound: "a command that blocks nothing is noticed later" },
  },
  ...gatewaySets,
} as const satisfies Readonly<Record<string, SetRow>>;
