// The rules of the hold: a probe's source is held in the same packet, and gets no answer while the daemon judges.

import { latelyAt, servedHere } from "./lately.ts";
import { BATCH_GROUP, foundLog, log, logPrefixes, probeLog, rates } from "./log-rules.ts";
import { guardRules, heldMatches, softMatches, softRules, unguarded6 } from "./matches.ts";
import { neighbourRules, SLASH64 } from "./neighbours.ts";
import { counted } from "./rule-counters.ts";
import type { Rules, RulesetPlan } from "./ruleset-plan.ts";

/**
 * No source can be held by it, and Linux answers it: to a default gateway, or to a host that claims to be that neighbour.
 */
const NO_SENDER = `ip6 saddr :: ${unguarded6} ${counted("senderlessDropped")} drop`;
const untold = `${counted("heldUntold")} drop`;

/** Held sources learn nothing while the daemon decides; softly blocked ones get no new connection. */
export function outRules(plan: RulesetPlan): readonly string[] {
  if (!plan.enforce) return [];
  const logged = `limit rate ${rates.weak}/second burst ${rates.weak} packets ${log(logPrefixes.held, BATCH_GROUP)} drop`;
  return [...heldMatches.flatMap((match) => [`${match} ${logged}`, `${match} ${untold}`]), ...softRules(), NO_SENDER];
}

/**
 * A SYN of a source that is held or softly blocked goes one way whatever the port is: the silence test answers half of
 * them, and a port that was served could be told by its never being answered. Both ends log by the same two limits, or a
 * flood that uses up one of them would tell them apart.
 */
export function foundRules(plan: RulesetPlan): Rules {
  if (!plan.enforce) return {};
  const isTrap = plan.holdTcp && !plan.grace;
  const closed = [
    "tcp dport @tolerated_tcp goto foundserved",
    ...(isTrap ? ["tcp dport @watched_tcp counter goto foundclosed"] : []),
    "goto foundserved",
  ];
  const shuts = [...heldMatches, ...softMatches].map((match) => `${match} goto found`);
  return {
    shut: ["meta nfproto ipv6 goto shut6", ...shuts.filter((rule) => !rule.startsWith("ip6 "))],
    shut6: shuts.filter((rule) => rule.startsWith("ip6 ")),
    found: ["socket transparent { 0, 1 } goto foundserved", `${latelyAt.destination} goto latelyfound`, ...closed],
    latelyfound: [...servedHere("destination", "goto foundserved"), ...closed],
    foundserved: [...foundLog(logPrefixes.held), untold],
    ...(isTrap
      ? {
          foundclosed: [...heldRules("goto foundprobe"), "jump hold", "goto foundprobe"],
          foundprobe: [...foundLog(logPrefixes.probe), "drop"],
        }
      : {}),
  };
}

/** Absent where nothing is held, so that no rule of a host that only detects could drop a probe. */
export function trapRules(): Rules {
  return {
    probe: [...guardRules, ...heldRules("goto again"), "jump hold", ...probeLog("drop"), "drop"],
    again: [...probeLog("drop", rates.again), "drop"],
    hold: holdRules(),
    ...neighbourRules(),
  };
}

/** A source that is held stays so for as long as it goes on. */
export function heldRules(verdict: "goto again" | "goto reheld" | "goto foundprobe"): readonly string[] {
  return [
    `ip saddr @held4 update @held4 { ip saddr } ${verdict}`,
    `ip6 saddr @held6 update @held6 { ip6 saddr } ${verdict}`,
    `ip6 saddr & ${SLASH64} @held6 ip6 saddr != @near6 update @held6 { ip6 saddr & ${SLASH64} } ${verdict}`,
  ];
}

/** Puts the source in the hold in the same packet, and its neighbours when many of them have come there. */
function holdRules(): readonly string[] {
  return [
    `limit rate over ${rates.newHolds}/second burst ${rates.newHolds} packets ${counted("holdsRefused")} return`,
    "ip saddr != 0.0.0.0 update @held4 { ip saddr } goto near4held",
    "ip6 saddr @near6 update @held6 { ip6 saddr } goto onlink",
    `ip6 saddr != :: update @held6 { ip6 saddr & ${SLASH64} } goto far6held`,
  ];
}
