// The kernel's part as nft commands: the table "inet portreeve", built from a plan of parsed values (design section 3).
// One text is one transaction: sets and their elements stay, every rule is replaced.

import { configuredElements, configuredSets } from "./configured-sets.ts";
import { decoyChains, decoyHooks } from "./decoy.ts";
import { forwardChains, forwardHooks, forwardRules } from "./forward.ts";
import { gatewayChains, gatewayHooks, gatewayRules } from "./gateway.ts";
import { greylistChains } from "./greylist.ts";
import { kernelSets } from "./kernel-sets.ts";
import { servesChains } from "./lately.ts";
import { namedLimits } from "./log-rules.ts";
import { neighbourChains } from "./neighbours.ts";
import { outgoingChains, outgoingHooks, outgoingRules } from "./outgoing.ts";
import { publishedChains, publishedRules, toPublished } from "./published.ts";
import { ruleCounters } from "./rule-counters.ts";
import { type Rules, type RulesetPlan, TABLE } from "./ruleset-plan.ts";
import { sensorRules } from "./sensor.ts";
import { restingRules, restingShieldRules, shieldRules } from "./shield.ts";
import { throughChains, throughHooks } from "./through.ts";

const hooks: Readonly<Record<string, string>> = {
  shield: "{ type filter hook prerouting priority raw; policy accept; }",
  sensor: "{ type filter hook input priority filter - 10; policy accept; }",
  resting: "{ type filter hook input priority filter - 10; policy accept; }",
  remember: "{ type filter hook output priority filter - 10; policy accept; }",
  ...forwardHooks,
  ...gatewayHooks,
  ...decoyHooks,
  ...throughHooks,
  ...outgoingHooks,
};

const allChains = [
  "shield",
  "sensor",
  "toobig4",
  "toobig6",
  "resting",
  "remember",
  "datagram",
  "latelysent",
  "answering",
  "asked",
  "askedbefore",
  "loopback",
  "ignored",
  "group",
  "delegated",
  "newtcp",
  "latelytcp",
  "oldtcp",
  "newcustomer",
  "customer",
  "oldudp",
  "newudp",
  "latelyudp",
  "open",
  "remembered",
  ...servesChains,
  "shut",
  "shut6",
  "found",
  "latelyfound",
  "foundserved",
  "foundclosed",
  "foundprobe",
  "quiet",
  "stray",
  "out",
  "probe",
  "blocked",
  "logged",
  "guarded",
  "again",
  "hold",
  ...neighbourChains,
  ...greylistChains,
  ...forwardChains,
  ...publishedChains,
  ...gatewayChains,
  ...decoyChains,
  ...throughChains,
  ...outgoingChains,
] as const;

/** The whole table for a running ("on") or stopping ("resting") daemon, as one transaction. */
export function buildRuleset(plan: RulesetPlan, phase: "on" | "resting"): string {
  const chains: Rules =
    phase === "on"
      ? {
          ...shieldRules(plan, toPublished(plan)),
          ...sensorRules(plan),
          ...forwardRules(plan),
          ...publishedRules(plan),
          ...gatewayRules(plan),
          ...outgoingRules(plan),
        }
      : { ...restingShieldRules(plan), ...restingRules(plan) };
  const lines = [`add table inet ${TABLE}`];
  for (const { name, definition } of kernelSets) lines.push(`add set inet ${TABLE} ${name} { ${definition} }`);
  // Chains of the other phase must exist to be removed: "add" is harmless where they do.
  for (const chain of allChains) lines.push(`add chain inet ${TABLE} ${chain} ${hooks[chain] ?? ""}`);
  lines.push(`flush table inet ${TABLE}`);
  for (const chain of allChains) if (chains[chain] === undefined) lines.push(`delete chain inet ${TABLE} ${chain}`);
  for (const name of ruleCounters) lines.push(`add counter inet ${TABLE} ${name}`);
  for (const [name, rate] of Object.entries(namedLimits)) lines.push(`add limit inet ${TABLE} ${name} { ${rate} }`);
  lines.push(...fillSets(plan, configuredSets(plan)));
  for (const [chain, rules] of Object.entries(chains)) {
    for (const rule of rules) lines.push(`add rule inet ${TABLE} ${chain} ${rule}`);
  }
  return `${lines.join("\n")}\n`;
}

/** New contents for the sets that follow the host while the daemon runs: guard, near, and the ports we listen on. */
export function buildHostSets(plan: RulesetPlan): string {
  const lines = fillSets(plan, [
    "guard4",
    "guard6",
    "session6",
    "near4",
    "near6",
    "own4",
    "own6",
    "inside4",
    "inside6",
    "bridged",
    "settled4",
    "settled6",
    "listened_tcp",
    "listened_udp",
    "ignored4",
    "ignored6",
  ]);
  return `${lines.join("\n")}\n`;
}

/** New contents for all of them: another program has emptied or changed one. */
export function buildConfiguredSets(plan: RulesetPlan): string {
  return `${fillSets(plan, configuredSets(plan)).join("\n")}\n`;
}

/**
 * "add set", which exists, with elements, and not "add element": before that libnftables reads the elements of every set of
 * intervals, and 100,000 blocked networks take 2 s and 80 MB.
 */
function fillSets(plan: RulesetPlan, sets: readonly string[]): string[] {
  const elements = configuredElements(plan);
  return sets.flatMap((set) => {
    const list = elements[set] ?? [];
    const flush = `flush set inet ${TABLE} ${set}`;
    const definition = kernelSets.find(({ name }) => name === set)?.definition ?? "";
    return list.length === 0
      ? [flush]
      : [flush, `add set inet ${TABLE} ${set} { ${definition} elements = { ${list.join(", ")} }; }`];
  });
}
