// The rules of the sensor: which packet is a probe, which is a customer's, and what becomes of the others.

import { decoyedRule, decoyRules } from "./decoy.ts";
import { decoyWords } from "./decoy-words.ts";
import { greylistRules, quietTcp } from "./greylist.ts";
import { heardRules, ignoredRules, toldChains } from "./heard.ts";
import { foundRules, outRules, trapRules } from "./hold.ts";
import { latelyAt, servedHere, servesRules } from "./lately.ts";
import {
  answeringRules,
  askedBeforeRules,
  askedRules,
  customerRules,
  datagramRules,
  learnPeers,
  newCustomerRules,
  rememberRules,
} from "./learn.ts";
import { BATCH_GROUP, log, logPrefixes, PROMPT_GROUP, probeLog, rates } from "./log-rules.ts";
import { guardRules, knownDatagramPairs, knownPairs, lateAnswers } from "./matches.ts";
import { SLASH64 } from "./neighbours.ts";
import { pathErrors } from "./path-errors.ts";
import type { Rules, RulesetPlan } from "./ruleset-plan.ts";
import { throughRules } from "./through.ts";

/** A packet mark that nobody has chosen. */
const NO_MARK = 0xffffffff;

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

const pathErrorRules = pathErrors.flatMap(({ matches, chain }) =>
  matches.map((match) => `${match} ct state invalid goto ${chain}`),
);

/** A SYN to a port without a socket that was not served lately, and a datagram to one. */
function closedRules(plan: RulesetPlan, trapTcp: string, trapUdp: string) {
  return {
    tcp: [
      `tcp dport @tolerated_tcp goto ${quietTcp(plan)}`,
      `tcp dport @watched_tcp counter goto ${trapTcp}`,
      ...(plan.greylist === undefined ? [] : ["jump greet"]),
      "goto out",
    ],
    udp: ["udp dport @tolerated_udp goto quiet", `udp dport @watched_udp counter goto ${trapUdp}`, "goto out"],
  };
}

/** Hooks `input`: a port published into a container is forwarded and never looks like a closed port here. */
export function sensorRules(plan: RulesetPlan): Rules {
  const weak = (prefix: string) =>
    `limit rate ${rates.weak}/second burst ${rates.weak} packets ${log(prefix, BATCH_GROUP)}`;
  const trapTcp = plan.grace ? "quiet" : plan.holdTcp ? "probe" : "logged";
  const trapUdp = plan.grace ? "quiet" : plan.holdUdp ? "probe" : "logged";
  const closed = closedRules(plan, trapTcp, trapUdp);
  return {
    sensor: [
      ...heardRules(plan),
      ...midstream(plan),
      ...regulars(plan),
      // The socket table cannot be asked for these: logged, never a hold.
      `meta l4proto { sctp, dccp, udplite } ct state new limit rate ${rates.other}/second ${log(logPrefixes.other, BATCH_GROUP)}`,
      ...(plan.enforce ? pathErrorRules : []),
      // ICMP, neighbour discovery, VRRP, OSPF, ESP, GRE: not ours to cut.
      "meta l4proto != { tcp, udp } return",
      // A router's own anycast addresses are sent to it alone, and its services answer there.
      "fib daddr type != { local, anycast } goto group",
      ...ignoredRules(plan),
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
    ...toldChains(plan),
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
      ...(plan.countsServed === true ? [`tcp dport @watched_tcp counter goto ${trapTcp}`] : []),
      ...(plan.greylist === undefined ? [] : ["socket transparent { 0, 1 } jump greet"]),
      "socket transparent { 0, 1 } goto open",
      ...lateAnswers,
      `${latelyAt.destination} goto latelytcp`,
      ...closed.tcp,
    ],
    latelytcp: [...servedHere("destination", `goto ${quietTcp(plan)}`), ...closed.tcp],
    // A source that ends a real connection that it opened is a known customer of that port.
    oldtcp: [
      ...learnPeers(plan),
      "tcp dport @listened_tcp return",
      ...(plan.greylist === undefined ? [] : ["tcp flags & rst != 0 ct direction original goto left"]),
      "tcp flags & (fin|rst) != 0 ct direction original ct status assured goto newcustomer",
    ],
    newcustomer: newCustomerRules("customer"),
    customer: customerRules("tcp dport"),
    oldudp: learnPeers(plan),
    newudp: [
      // Before the hold is asked: it never cuts off what we asked for.
      ...lateAnswers,
      "udp dport @listened_udp goto out",
      ...(plan.countsServed === true ? [`udp dport @watched_udp counter goto ${trapUdp}`] : []),
      "udp dport @public_udp socket transparent { 0, 1 } goto remembered",
      ...knownDatagramPairs.map(({ set, pair }) => `${pair} @${set} socket transparent { 0, 1 } goto remembered`),
      "socket transparent { 0, 1 } goto open",
      `${latelyAt.destination} goto latelyudp`,
      ...closed.udp,
    ],
    latelyudp: [...servedHere("destination", "goto quiet"), ...closed.udp],
    // Served: remember the port, so that a restart of its service makes no scanners of its clients.
    open: ["jump remembered", "goto out"],
    // Not by what the decoy has left behind, after it was switched off or killed: its connections have its mark, and in
    // TIME_WAIT none that could be read.
    remembered: [
      "socket transparent 0 goto serves",
      `socket transparent 1 socket mark != ${plan.decoyMark ?? NO_MARK} goto serves`,
    ],
    ...servesRules(plan.latelyOpenSeconds),
    // Closed, but no evidence by itself: the kernel answers as without us, unless the source is held.
    quiet: ["jump out", weak(logPrefixes.quiet)],
    // The answer to an ACK is the same RST for open and closed ports, so it may go out.
    stray: [...lateAnswers, "jump out", "socket transparent { 0, 1 } return", `counter ${weak(logPrefixes.stray)}`],
    ...(plan.greylist === undefined ? {} : greylistRules(plan.greylist)),
    out: outRules(plan),
    ...foundRules(plan),
    ...(plan.holdTcp || plan.holdUdp ? trapRules() : {}),
    ...(plan.decoy === undefined ? {} : decoyRules(plan.decoy, decoyWords(plan, weak))),
    remember: rememberRules(plan),
    ...datagramRules(plan),
    answering: answeringRules("udp sport"),
    asked: askedRules,
    askedbefore: askedBeforeRules,
    logged: [...guardRules, "jump out", ...probeLog("return")],
    guarded: [weak(logPrefixes.guarded)],
    ...(plan.delegates === true ? throughRules(log(logPrefixes.through, PROMPT_GROUP), plan.enforce) : {}),
  };
}
