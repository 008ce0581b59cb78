// The words that the decoy's rules (decoy.ts) share with the sensor's: the sources that both leave alone, and the log
// lines of both.

import { interfaceRules } from "./heard.ts";
import { heldRules } from "./hold.ts";
import { foundLog, logPrefixes, probeLog } from "./log-rules.ts";
import { answered, knownPairs, leftAlone } from "./matches.ts";
import type { RulesetPlan } from "./ruleset-plan.ts";

/** The decoy leaves the sources alone that the sensor would not hold: the kernel answers them from closed ports. */
export function decoyWords(plan: RulesetPlan, weak: (prefix: string) => string) {
  return {
    elsewhere: interfaceRules(plan),
    exempt: [
      ...leftAlone,
      "ip saddr @guard4 return",
      "ip6 saddr @guard6 return",
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
