// Greylisting of first contacts: the first SYN of a source to a served port that it has never used is met with silence. The
// source's kernel repeats the SYN (RFC 6298: after a second) and is served. By then a scanner has asked a closed port, and
// is held; one that sends each SYN once (masscan, ZMap) never learns that the port is served. The silence is evidence of
// nothing. Closed ports that are no traps (tolerated, lately served, not watched) refuse the repetition only, or the silence
// would tell the served ones from them.
//
//   first SYN            met4 takes the contact, early4 too        silence
//   within `earliestMs`  early4 has it                             silence: a scanner repeats sooner than a kernel
//   later                met4 has it: returned4 takes it           served, and not asked again for an hour
//
// A scanner whose kernel repeats its SYNs, or nmap itself, is served like a customer. So a source waits longer,
//
//   if its SYN has no options but one    it stays in early4 until BARE_EARLIEST_MS
//   at its third new port in a second    waiting4 has it: no repetition to a new port is served for CROWD_WAIT_MS
//   when its first new port is served    waiting4 has it: nor to another one for NEXT_WAIT_MS
//   when it answers that port by an RST  left4 has it: nor for a minute
//
// the second and third once an hour (waited4, paced4), and the last three not when it has come back to a port that it was
// served (regular4): so they shut out no customer who comes again and again. nmap does so while it asks further new ports
// (curious4), and that does not count.
//
// A contact is a source, the address that it asked and the port: of many hosts behind a router (PROTECT), each is asked for itself,
// or a sweep of one port would be taken for its own repetition.
//
// Public ports, known pairs, guard and allow list never come here (sensor.ts). The keys have no source port, so that a client
// that gives up after 250 ms and connects anew is served as well. Where a set is full, a SYN is let through.

import { BATCH_GROUP, log, logPrefixes, rates } from "./log-rules.ts";
import { SLASH64 } from "./neighbours.ts";
import { counted } from "./rule-counters.ts";
import type { GreylistPlan, Rules, RulesetPlan } from "./ruleset-plan.ts";

/** New ports of a source that are asked at once, and each second. One that opens its services one by one waits a second for each. */
const NEW_PORTS = { atOnce: 2, perSecond: 1 } as const;
/** Longer than the fastest scans of a few ports repeat themselves; Linux repeats a SYN after 7 s, what opens many services waits until then. */
const CROWD_WAIT_MS = 6_000;
/** Linux repeats a SYN after one second and after three: of two services that are opened at once the second is served then. */
const NEXT_WAIT_MS = 1_800;
/**
 * Operating systems put at least three options into a SYN, scanners that build their own none or one (nmap -sS repeats its
 * SYNs after 0.5 to 2 s). So do the small stacks of devices, most of which repeat after three seconds.
 */
const BARE_EARLIEST_MS = 2_500;
/**
 * After a port was first served: an RST within this time is the first thing that the source has to say (nmap, which wants to know and
 * no more), and a further SYN is no coming back yet. A health check may do the former, and comes back.
 */
const FRESH_MS = 900;
/** Of a TCP header with one option of four bytes, in words of four bytes. */
const BARE_WORDS = 6;

/** How a source is a key: an IPv6 source beyond our links by its /64, as everywhere. */
const kinds = [
  { name: "4", family: "4", source: "ip saddr" },
  { name: "6near", family: "6", source: "ip6 saddr" },
  { name: "6far", family: "6", source: `ip6 saddr & ${SLASH64}` },
] as const;

export const greylistChains = [
  "quietly",
  "greet",
  "firstcontact",
  "repeated",
  "waiting",
  "left",
  ...kinds.flatMap(({ name }) => [`greet${name}`, `again${name}`, `meet${name}`, `return${name}`, `served${name}`]),
] as const;

/**
 * Where a SYN goes whose port is closed and no trap: its refusal would tell it from a served one that is silent, so it is
 * silent at first as well.
 */
export function quietTcp({ greylist }: RulesetPlan): "quiet" | "quietly" {
  return greylist === undefined ? "quiet" : "quietly";
}

/** The chain "greet" is for a SYN to a port that is no trap: the SYN is dropped, or comes back. */
export function greylistRules(plan: GreylistPlan): Rules {
  const tell = (prefix: string, verdict: "drop" | "return") => [
    `limit rate ${rates.weak}/second burst ${rates.weak} packets ${log(prefix, BATCH_GROUP)} ${verdict}`,
    `${counted("greylistUntold")} ${verdict}`,
  ];
  return {
    quietly: ["jump quiet", "jump greet"],
    greet: [
      "ip saddr @guard4 return",
      "ip6 saddr @guard6 return",
      "meta nfproto ipv4 goto greet4",
      "ip6 saddr @near6 goto greet6near",
      "goto greet6far",
    ],
    ...Object.assign({}, ...kinds.map((kind) => rulesOf(kind, plan))),
    firstcontact: tell(logPrefixes.firstContact, "drop"),
    repeated: tell(logPrefixes.repeated, "return"),
    waiting: tell(logPrefixes.waiting, "drop"),
    left: leftRules("tcp dport", "newcustomer"),
  };
}

/** The key of a contact. `original`: where the address may have been translated already, the words for that of the question. */
export function contactOf(source: string, port: string, original = ""): string {
  return `${source} . ${original}${source.startsWith("ip6 ") ? "ip6" : "ip"} daddr . ${port}`;
}

/** For a segment with RST. A connection that was but a look makes no known customer, who would not be seen here again. */
export function leftRules(port: string, customer: string, match = "", original = ""): readonly string[] {
  const leave = (family: string, source: string) =>
    `${contactOf(source, port, original)} @fresh${family} update @left${family} { ${source} } return`;
  return [
    `${match}${leave("4", "ip saddr")}`,
    `${match}ip6 saddr @near6 ${leave("6", "ip6 saddr")}`,
    `${match}ip6 saddr != @near6 ${leave("6", `ip6 saddr & ${SLASH64}`)}`,
    "ip saddr @left4 return",
    "ip6 saddr @near6 ip6 saddr @left6 return",
    `ip6 saddr & ${SLASH64} @left6 ip6 saddr != @near6 return`,
    `ct status assured goto ${customer}`,
  ];
}

/** Remembers a first SYN, the rarer sort first. Where one of the sets is full, neither rule goes on to its end. */
export function meetRules(family: string, pair: string, { earliestMs }: GreylistPlan): readonly string[] {
  const meet = (ms: number) => `add @met${family} { ${pair} } add @early${family} { ${pair} timeout ${ms}ms }`;
  return [`tcp doff <= ${BARE_WORDS} ${meet(Math.max(earliestMs, BARE_EARLIEST_MS))}`, meet(earliestMs)];
}

function rulesOf({ name, family, source }: (typeof kinds)[number], plan: GreylistPlan): Rules {
  const pair = contactOf(source, "tcp dport");
  const { atOnce, perSecond } = NEW_PORTS;
  const wait = (ms: number) =>
    `add @paced${family} { ${source} } update @waiting${family} { ${source} timeout ${ms}ms }`;
  return {
    [`greet${name}`]: [
      `${pair} @returned${family} goto again${name}`,
      `${pair} @early${family} ${counted("tooEarlyDropped")} drop`,
      `${pair} @met${family} goto return${name}`,
      ...meetRules(family, pair, plan).map((rule) => `${rule} goto meet${name}`),
      // One of the sets is full.
      counted("greylistFull"),
    ],
    // A source that goes on using a port never waits again.
    [`again${name}`]: [
      `${pair} @fresh${family} return`,
      `update @returned${family} { ${pair} }`,
      `${source} @curious${family} return`,
      `update @regular${family} { ${source} }`,
    ],
    [`meet${name}`]: [
      // A set by itself: to look up an element of `asking` would be to ask its limit.
      `update @curious${family} { ${source} }`,
      `${source} != @regular${family} update @asking${family} { ${source} limit rate over ${perSecond}/second burst ${atOnce} packets } ${source} != @waited${family} add @waited${family} { ${source} } ${wait(CROWD_WAIT_MS)}`,
      "goto firstcontact",
    ],
    [`return${name}`]: [
      `${source} @regular${family} goto served${name}`,
      `${source} @waiting${family} goto waiting`,
      `${source} @left${family} goto waiting`,
      `${source} != @paced${family} ${wait(NEXT_WAIT_MS)}`,
      `goto served${name}`,
    ],
    [`served${name}`]: [
      `add @fresh${family} { ${pair} timeout ${FRESH_MS}ms }`,
      // Where the set is full, the source is asked again when `met` has forgotten it.
      `update @returned${family} { ${pair} }`,
      "goto repeated",
    ],
  };
}
