// Greylisting of first contacts: the first SYN of a source to a served port that it has never used is met with silence. The
// source's kernel repeats the SYN (RFC 6298: after a second) and is served. By then a scanner has asked a closed port, and
// is held; one that sends each SYN once (masscan, ZMap) never learns that the port is served. The silence is evidence of
// nothing. Closed ports that are no traps (tolerated, lately served, not watched) refuse the repetition only, or the silence
// would tell the served ones from them.
//
//   first SYN            met4 takes (source, port), early4 too     silence
//   within `earliestMs`  early4 has it                             silence: a scanner repeats sooner than a kernel
//   later                met4 has it: returned4 takes it           served, and not asked again for an hour
//
// Public ports, known pairs, guard and allow list never come here (sensor.ts). The keys have no source port, so that a client
// that gives up after 250 ms and connects anew is served as well. Where a set is full, a SYN is let through.

import { BATCH_GROUP, log, logPrefixes, rates } from "./log-rules.ts";
import { SLASH64 } from "./neighbours.ts";
import type { GreylistPlan, Rules } from "./ruleset-plan.ts";

/** How a source and its port are a key: an IPv6 source beyond our links by its /64, as everywhere. */
const kinds = [
  { name: "4", family: "4", key: "ip saddr . tcp dport" },
  { name: "6near", family: "6", key: "ip6 saddr . tcp dport" },
  { name: "6far", family: "6", key: `ip6 saddr & ${SLASH64} . tcp dport` },
] as const;

export const greylistChains = [
  "greet",
  "firstcontact",
  "repeated",
  ...kinds.flatMap(({ name }) => [`greet${name}`, `return${name}`]),
] as const;

/** The chain "greet" is for a SYN to a port that is no trap: the SYN is dropped, or comes back. */
export function greylistRules({ earliestMs }: GreylistPlan): Rules {
  const tell = (prefix: string, verdict: "drop" | "return") => [
    `limit rate ${rates.weak}/second burst ${rates.weak} packets ${log(prefix, BATCH_GROUP)} ${verdict}`,
    `counter ${verdict}`,
  ];
  const chains = kinds.map(
    ({ name, family, key }): Rules => ({
      [`greet${name}`]: [
        `${key} @returned${family} return`,
        `${key} @early${family} counter drop`,
        `${key} @met${family} goto return${name}`,
        `add @met${family} { ${key} } add @early${family} { ${key} timeout ${earliestMs}ms } goto firstcontact`,
        // One of the sets is full.
        "counter",
      ],
      // Where the set is full, the source is asked again half a minute later.
      [`return${name}`]: [`update @returned${family} { ${key} }`, "goto repeated"],
    }),
  );
  return {
    greet: [
      "ip saddr @guard4 return",
      "ip6 saddr @guard6 return",
      "meta nfproto ipv4 goto greet4",
      "ip6 saddr @near6 goto greet6near",
      "goto greet6far",
    ],
    ...Object.assign({}, ...chains),
    firstcontact: tell(logPrefixes.firstContact, "drop"),
    repeated: tell(logPrefixes.repeated, "return"),
  };
}
