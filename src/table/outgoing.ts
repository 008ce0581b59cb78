// What this host, its containers and the hosts of PROTECT ask of others (OUTGOING). A resolver or a crawler begins thousands of flows a second, so the kernel
// sorts them, and tells the daemon a few (docs/decisions/0044):
//
//   outgoing   hook output, outpassing   hook forward: SYNs that begin something
//   outasks    reached before: nothing. Asked before: nothing. Else it is told, at most so many a second
//   outcame    hooks input and forward: what came of the contacts that were told
//
// A contact of which nothing is told, because of the rate or a full set, has no outcome that is told, so the daemon has whole ones only.
import { BATCH_GROUP, log, logPrefixes } from "./log-rules.ts";
import { counted } from "./rule-counters.ts";
import type { Rules, RulesetPlan } from "./ruleset-plan.ts";

export const outgoingRates = {
  /** Contacts told a second, and at once: the bound of `outasked4/6` over its time. */
  asks: 50,
  asksBurst: 500,
  /** Refusals told a second. Repeated ones come beside the first. */
  came: 500,
  /** Answers that connection tracking expects none of; a flood of them is told no faster. */
  strayAnswers: 200,
  /** New connections a second, and at once, of all who are limited together, by user and by address. */
  limited: 5,
  limitedBurst: 20,
} as const;

export const outgoingHooks: Readonly<Record<string, string>> = {
  outgoing: "{ type filter hook output priority filter - 9; policy accept; }",
  outpassing: "{ type filter hook forward priority filter - 9; policy accept; }",
  // In front of the sensor, which drops much.
  outincoming: "{ type filter hook input priority filter - 11; policy accept; }",
};

export const outgoingChains = [
  "outgoing",
  "outpassing",
  "outincoming",
  "outofinside",
  "outasks",
  "outcame",
  "outreply",
] as const;

/** Networks behind this host: containers, and those of PROTECT. */
const behind = ["inside", "protected"] as const;

const SYN = "tcp flags & (fin|syn|rst|ack) == syn";

interface Family {
  readonly ip: string;
  readonly suffix: string;
}

const families: readonly Family[] = [
  { ip: "ip", suffix: "4" },
  { ip: "ip6", suffix: "6" },
];
const each = (of: (family: Family) => string | readonly string[]): readonly string[] => families.flatMap(of);

export function outgoingRules({ outgoing, decoy, enforce }: RulesetPlan): Rules {
  if (outgoing === undefined) return {};
  const limits = outgoing.limits && enforce;
  return {
    outgoing: [
      "oif lo return",
      // What the decoy sends is an answer, tracked or not.
      ...(decoy === undefined ? [] : [`meta mark ${decoy.mark} return`]),
      `${SYN} goto outasks`,
    ],
    outpassing: [`${SYN} goto outofinside`, "goto outcame"],
    outincoming: ["iif lo return", "goto outcame"],
    outofinside: [
      // From one of them to another.
      ...each(({ ip, suffix }) => behind.map((set) => `${ip} daddr @${set}${suffix} return`)),
      ...each(({ ip, suffix }) => behind.map((set) => `${ip} saddr @${set}${suffix} goto outasks`)),
    ],
    outasks: [
      ...each(({ ip, suffix }) => {
        const pair = `${ip} daddr . tcp dport`;
        return `${pair} @outreached${suffix} update @outreached${suffix} { ${pair} } return`;
      }),
      ...each(({ ip, suffix }) => [
        `${ip} daddr @ignored${suffix} return`,
        `${ip} saddr @ignored${suffix} return`,
        `${ip} daddr @guard${suffix} return`,
      ]),
      ...(limits ? limitRules() : []),
      ...each(({ ip, suffix }) => {
        const contact = `${ip} saddr . ${ip} daddr . tcp dport`;
        return `${contact} @outasked${suffix} update @outasked${suffix} { ${contact} } return`;
      }),
      // One limit for both families: what is told is bounded by it.
      `limit rate over ${outgoingRates.asks}/second burst ${outgoingRates.asksBurst} packets ${counted("outgoingUntold")} return`,
      ...each(
        ({ ip, suffix }) =>
          `add @outasked${suffix} { ${ip} saddr . ${ip} daddr . tcp dport } ${log(logPrefixes.asks, BATCH_GROUP)}`,
      ),
    ],
    outcame: [
      "tcp flags & (syn|rst) == 0 return",
      "meta l4proto udp return",
      // A SYN that comes is no answer, and there may be a flood of them.
      `${SYN} return`,
      "meta l4proto tcp ct direction reply goto outreply",
      // An answer to what connection tracking has not seen leave, or to nobody: it counts only where the frame was seen.
      `meta l4proto tcp ct state invalid limit rate ${outgoingRates.strayAnswers}/second burst ${outgoingRates.asksBurst} packets ${log(logPrefixes.upshot, BATCH_GROUP)} return`,
      // Of a datagram that this host, or a container, began to send: the direction says so.
      `icmp type destination-unreachable icmp code port-unreachable ct state related ct direction reply ${cameLog()}`,
      `icmpv6 type destination-unreachable icmpv6 code port-unreachable ct state related ct direction reply ${cameLog()}`,
    ],
    outreply: [
      // Once a second: the network works, so silence says something.
      ...each(({ ip, suffix }) => {
        const pair = `${ip} saddr . tcp sport`;
        return `${pair} @outreached${suffix} limit rate 1/second ${log(logPrefixes.upshot, BATCH_GROUP)} return`;
      }),
      ...each(({ ip, suffix }) => `${ip} saddr . tcp sport @outreached${suffix} return`),
      ...each(
        ({ ip, suffix }) =>
          `tcp flags & (syn|ack) == (syn|ack) update @outreached${suffix} { ${ip} saddr . tcp sport }`,
      ),
      ...each(({ ip, suffix }) => `${ip} daddr . ${ip} saddr . tcp sport @outasked${suffix} ${cameLog()} return`),
    ],
  };
}

function cameLog(): string {
  return `limit rate ${outgoingRates.came}/second burst ${outgoingRates.came} packets ${log(logPrefixes.upshot, BATCH_GROUP)}`;
}

/** Dropped and not refused: the sender's kernel repeats the SYN after a second, so what is no scan is late and not cut. */
function limitRules(): readonly string[] {
  const over = `limit rate over ${outgoingRates.limited}/second burst ${outgoingRates.limitedBurst} packets ${counted("outgoingLimited")} drop`;
  return [...each(({ ip, suffix }) => `${ip} saddr @outlimited${suffix} ${over}`), `meta skuid @outlimiteduid ${over}`];
}
