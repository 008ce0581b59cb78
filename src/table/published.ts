// A SYN to a port that this host publishes for a container is judged in front of the translation of its destination, where it
// has the port that its source has asked for: by the rules of the sensor for a served port, with their log lines, so that the
// silence test and greylisting treat it as one of our own services. `published` has the ports; forward.ts fills it.
//
// The chain is a part of the shield (prerouting, raw): a host that publishes nothing pays one look-up for each SYN.

import { ofContainers } from "./forward.ts";
import { interfaceRules } from "./heard.ts";
import { knownPairs, leftAlone } from "./matches.ts";
import type { Rules, RulesetPlan } from "./ruleset-plan.ts";

export const publishedChains = ["published"] as const;

/**
 * For the shield, behind full blocks of IPv4 and in front of those of IPv6, which are asked after it as well. None where the
 * decoy stands in for these ports (decoy.ts).
 */
export function toPublished({ decoy }: RulesetPlan): readonly string[] {
  return decoy === undefined ? ["tcp flags & (fin|syn|rst|ack) == syn tcp dport @published jump published"] : [];
}

export function publishedRules(plan: RulesetPlan): Rules {
  if (!plan.enforce || plan.decoy !== undefined) return {};
  return {
    published: [
      ...interfaceRules(plan),
      "fib daddr type != local return",
      ...ofContainers,
      ...leftAlone,
      "tcp dport @public_tcp return",
      ...knownPairs.map(({ set, pair }) => `${pair} @${set} return`),
      "jump shut",
      ...(plan.greylist === undefined ? [] : ["jump greet"]),
    ],
  };
}
