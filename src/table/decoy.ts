// The kernel's part of ANSWER="open": closed ports answer like open ones. A SYN is handed by tproxy to a listener of ours and
// kept out of connection tracking; its SYN+ACK is the kernel's own, so that of any open port.
//
//   bait    closed, watched ports: a source that finishes a handshake here went where nothing is served. The set `lured`
//           remembers the SYN, for the daemon to ask when the handshake is finished
//   screen  stands in for real ports while their visitor is held or softly blocked, and for tolerated closed
//           ports: a handshake here is no evidence, for an innocent whose address is forged makes it as well
//
// Both have one listener: with a queue each, an attacker who fills the queue of the bait with half-open handshakes sees
// SYN cookies from closed ports and none from real ones.

import { latelyAt, servedHere } from "./lately.ts";
import { SLASH64, wideMatches } from "./neighbours.ts";
import { counted } from "./rule-counters.ts";

export interface DecoyPorts {
  /** On 127.0.0.1, where nobody outside reaches it but through tproxy. */
  readonly four: number;
  /** On ::1; undefined where the kernel has no IPv6. */
  readonly six: number | undefined;
}

export interface DecoyPlan {
  /** DECOY_MARK: on packets of the decoy, and on no others. */
  readonly mark: number;
  readonly door: DecoyPorts;
  /**
   * Another program translates addresses of arriving packets (containers with published ports, REDIRECT). Only behind
   * its rules can one see which ports are closed, and there connection tracking cannot be kept out any more. Ports that are
   * published (forward.ts) are screened in front of them.
   */
  readonly behindNat: boolean;
}

/** Rules that the sensor has anyway (decoy-words.ts). */
export interface DecoyWords {
  /** Packets of interfaces on which no probe is looked for, and of the loopback, return. */
  readonly elsewhere: readonly string[];
  /** Sources, ports and pairs that are left alone: allow list, guard, delegated, known customers, our own flows. */
  readonly exempt: readonly string[];
  /** True during BOOT_GRACE: no closed port is a trap. */
  readonly grace: boolean;
  readonly probe: readonly string[];
  /** Refreshes the hold of a source that has one and goes to `reheld`, whose rules are the second. */
  readonly toReheld: readonly string[];
  readonly reheld: readonly string[];
  /** Logs a SYN of a held or softly blocked source to a real or tolerated port, within the same limits as `reheld`. */
  readonly held: readonly string[];
  /** The two, for SYNs that are dropped. */
  readonly reheldMute: readonly string[];
  readonly heldMute: readonly string[];
  readonly quiet: string;
}

/** Handshakes begun a second where connection tracking remembers each for a minute. */
const TRACKED_RATE = 500;

const SYN = "tcp flags & (fin|syn|rst|ack) == syn";
const ACK = "tcp flags & (fin|syn|rst|ack) == ack";
/**
 * The sources whose packets the other firewalls let through are remembered by network: one that is held as a whole asks
 * from many addresses.
 */
const ANSWERED4 = "ip saddr & 255.255.255.0";
const ANSWERED6 = "ip6 saddr & ffff:ffff:ffff::";
/**
 * One guess in 2^29 is a right cookie (eight values of 32 bits), and proves whom it names: at this rate one in two months. A
 * handshake of which the kernel knows needs none of it.
 */
const GUESSES = "limit rate 100/second burst 200 packets";
/** A SYN that the decoy has answered at a closed port: without our address one to another address of ours would be the same. */
const LURED4 = "ip saddr . tcp sport . ip daddr . tcp dport";
const LURED6 = "ip6 saddr . tcp sport . ip6 daddr . tcp dport";
/** A SYN that was handed to the decoy, and the last packet of its handshake. */
const DIVERTED4 = "ip saddr . tcp sport . tcp dport";
const DIVERTED6 = "ip6 saddr . tcp sport . tcp dport";

/**
 * Base chains; the second is there behind translation only, and then the first is for published ports alone. `answered` looks
 * at what all firewalls have let through.
 */
export const decoyHooks: Readonly<Record<string, string>> = {
  decoy: "{ type filter hook prerouting priority raw + 1; policy accept; }",
  decoynat: "{ type filter hook prerouting priority dstnat + 10; policy accept; }",
  decoyout: "{ type filter hook output priority raw; policy accept; }",
  answered: "{ type filter hook input priority 2147483646; policy accept; }",
};

export const decoyChains = [
  "decoy",
  "decoynat",
  "decoyout",
  "answered",
  "decoyed",
  "decoysyn",
  "screen",
  "latelydecoy",
  "divert",
  "bait",
  "rebait",
  "reheld",
  "served",
  "standin",
  "lure",
  "mute",
  "muteheld",
  "todecoy",
] as const;

/** For the sensor, before it asks anything of a TCP packet. */
export function decoyedRule({ mark }: DecoyPlan): string {
  return `meta l4proto tcp meta mark ${mark} goto decoyed`;
}

export function decoyRules(plan: DecoyPlan, words: DecoyWords): Readonly<Record<string, readonly string[]>> {
  const { mark, behindNat } = plan;
  const isOurs = `meta mark ${mark}`;
  const arriving = (toSyn: string, ofPorts = "") => [
    ...words.elsewhere,
    "meta l4proto != tcp return",
    ...(ofPorts === "" ? [] : [`tcp dport != @${ofPorts} return`]),
    "fib daddr type != local return",
    `${SYN} goto ${toSyn}`,
    // With SYN cookies the kernel knows nothing of a handshake that has begun; its last packet has to find the listener,
    // behind a real port as well. Any other ACK is a scan's, and goes to closed and real ports alike.
    `${ACK} ${DIVERTED4} @diverted4 ${GUESSES} goto divert`,
    `${ACK} ${DIVERTED6} @diverted6 ${GUESSES} goto divert`,
    // The socket table says to which the connection belongs: a real service, another transparent proxy, the decoy.
    "socket transparent 0 return",
    `socket mark != ${mark} return`,
    `socket transparent 1 meta mark set ${mark} notrack return`,
  ];
  const closed = [
    ...(words.grace ? [] : ["tcp dport @tolerated_tcp goto lure", "tcp dport @watched_tcp goto bait"]),
    "goto served",
  ];
  return {
    ...(behindNat
      ? {
          // A port that is published for a container: behind the translation its packets are no longer for this host.
          decoy: arriving("screen", "published"),
          screen: [...words.exempt, "goto served"],
          decoynat: [`${isOurs} return`, ...arriving("decoysyn")],
          decoyout: [`${isOurs} tcp sport @published notrack`],
        }
      : { decoy: arriving("decoysyn"), decoyout: [`${isOurs} notrack`] }),
    decoysyn: [
      ...words.exempt,
      "socket transparent 0 goto served",
      // Breaks off, and so goes on, for the half-open and closing connections of the decoy.
      `socket mark != ${mark} goto served`,
      // A client that comes back to a service being restarted, and a monitor of its health, must see it closed.
      `${latelyAt.destination} goto latelydecoy`,
      ...closed,
    ],
    latelydecoy: [...servedHere("destination", "goto served"), ...closed],
    bait: [
      "jump todecoy",
      `meta mark != ${mark} return`,
      // Where the set is full the handshake proves nothing; the answer is the same.
      `counter update @lured4 { ${LURED4} }`,
      `update @lured6 { ${LURED6} }`,
      ...words.toReheld,
      ...outMatches().map((match) => `${match} goto rebait`),
      "jump hold",
      ...words.probe,
    ],
    rebait: ["jump hold", "goto reheld"],
    reheld: [...unanswered("goto mute"), ...words.reheld],
    lure: [...outMatches().map((match) => `${match} goto standin`), "jump todecoy", `${isOurs} counter ${words.quiet}`],
    served: [
      // Meant for all strangers.
      "tcp dport @public_tcp return",
      ...outMatches().map((match) => `${match} goto standin`),
    ],
    // Logged as the bait is: a packet that wakes the daemon is answered some microseconds later than one that does not.
    standin: [...unanswered("goto muteheld"), "jump todecoy", `meta mark != ${mark} return`, "counter", ...words.held],
    // Where another firewall drops or refuses what goes to closed ports, the decoy's answers to it would give the open
    // ones away, and so would the firewall's to us. Then a held or softly blocked source gets none from either.
    mute: [...words.reheldMute, "drop"],
    muteheld: [...words.heldMute, `${counted("heldUntold")} drop`],
    todecoy: [
      ...limitRules(behindNat),
      "jump divert",
      // Where the set is full, handshakes with cookies are not finished, with closed ports and with real ones.
      `${isOurs} update @diverted4 { ${DIVERTED4} }`,
      `${isOurs} update @diverted6 { ${DIVERTED6} }`,
    ],
    divert: divertRules(plan.door, mark),
    // The socket of a service has taken the packet after all. A source that may not reach this service is treated as
    // without the decoy.
    decoyed: ["socket transparent 0 goto out"],
    answered: outMatches().map((match) => {
      const [set, key] = match.startsWith("ip6 ") ? ["answered6", ANSWERED6] : ["answered4", ANSWERED4];
      return `${isOurs} ${SYN} ${match} update @${set} { ${key} }`;
    }),
  };
}

/** Matches held and softly blocked sources; the guard has passed before. */
function outMatches(): string[] {
  return (["held", "soft"] as const).flatMap((set) => [
    `ip saddr @${set}4`,
    `ip6 saddr @${set}6`,
    `ip6 saddr & ${SLASH64} @${set}6 ip6 saddr != @near6`,
    ...wideMatches(set),
  ]);
}

/** Matches sources whose SYNs no other firewall is known to have let through. */
function unanswered(verdict: string): string[] {
  return [`${ANSWERED4} != @answered4 ${verdict}`, `${ANSWERED6} != @answered6 ${verdict}`];
}

/** What is above the limit is not diverted: the sensor holds its source and logs it, as without a decoy. */
function limitRules(behindNat: boolean): string[] {
  return behindNat
    ? [
        `${SYN} ct state new limit rate over ${TRACKED_RATE}/second burst ${TRACKED_RATE} packets ${counted("decoyOverLimit")} return`,
      ]
    : [];
}

/**
 * The mark comes last: without a listener (the daemon was killed) the rule ends at tproxy, and the sensor judges. Behind
 * translation "notrack" comes too late and does nothing: the handshake is tracked.
 */
function divertRules({ four, six }: DecoyPorts, mark: number): string[] {
  const then = `meta mark set ${mark} notrack`;
  return [
    `meta nfproto ipv4 meta l4proto tcp tproxy ip to 127.0.0.1:${four} ${then}`,
    ...(six === undefined ? [] : [`meta nfproto ipv6 meta l4proto tcp tproxy ip6 to [::1]:${six} ${then}`]),
  ];
}
