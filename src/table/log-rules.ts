// What the rules tell the daemon, how often at most, and by which way: at once, or in batches.

import { counted } from "./rule-counters.ts";

/** Log groups (u16): "pr" and "ps" in ASCII, unlikely to be anybody else's. */
export const PROMPT_GROUP = 0x7072;

export const BATCH_GROUP = 0x7073;

/** What of a packet is logged: IPv6, a few extension headers, TCP with all its options. */
export const COPY_BYTES = 128;

/** A rule's log prefix; its first letter is the tag that capture/ hands on (see Disposition in detect/probe.ts). */
export const logPrefixes = {
  probe: "probe",
  held: "held",
  quiet: "quiet",
  stray: "stray",
  other: "other",
  delegated: "delegated",
  guarded: "guarded",
  /** It came by the loopback: the kernel vouches for it. */
  local: "local",
  ignored: "ignored",
  /** The packet is an answer of ours, and its destination the source that it is about. */
  through: "through",
  /** A SYN to a served port, met with silence (greylist.ts). */
  firstContact: "first",
  /** Its repetition, which is served. */
  repeated: "repeated",
  /** Its repetition, met with silence as well: the source has to wait. */
  waiting: "waiting",
  /** Its source is fully blocked. */
  blocked: "blocked",
  /** The packet is the refusal of a protected host (gateway.ts), and its destination the source that it is about. */
  closed: "closed",
  /** The same, of a port where a refusal is no evidence by itself. */
  excused: "excused",
  /** A SYN that this host or a container sends (outgoing.ts). */
  asks: "asks",
  /** The same as a frame of a program's own making (outgoing-frames.ts). */
  made: "made",
  /** What came of it. */
  upshot: "upshot",
} as const;

/** Bounds of the rules, in packets a second. */
export const rates = {
  /** New holds: what a forger can make the kernel remember. */
  newHolds: 5_000,
  /** Probes delivered at once, one by one; what exceeds it is delivered in batches, within 10 ms. */
  prompt: 500,
  /** The same for sources that are held already: the answers of the silence test must not wait behind a flood of new ones. */
  again: 500,
  /** The limit of both groups: whole scans are prompt, a flood that goes on is cheaper in batches. */
  promptBurst: 2_000,
  /** Probes in batches: above any rate that one core could judge. */
  batch: 1_000_000,
  /** SYNs of held and softly blocked sources, in batches, to whatever port. */
  found: 100_000,
  /** Weak evidence and other packets of held sources. */
  weak: 2_000,
  other: 200,
  /** SYNs and datagrams of fully blocked sources, all together: of each scan the ports, of a flood next to nothing. */
  blocked: 200,
  blockedBurst: 2_000,
} as const;

export function log(prefix: string, group: number): string {
  return `log prefix "${prefix}" group ${group} snaplen ${COPY_BYTES}`;
}

/** Limits that several rules share. */
export const namedLimits: Readonly<Record<string, string>> = {
  found_prompt: `rate ${rates.again}/second burst ${rates.promptBurst} packets`,
  found_batch: `rate ${rates.found}/second burst ${rates.found} packets`,
  blocked: `rate ${rates.blocked}/second burst ${rates.blockedBurst} packets`,
};

export function foundLog(prefix: string, verdict: "drop" | "return" = "drop"): readonly string[] {
  return [
    `limit name "found_prompt" ${log(prefix, PROMPT_GROUP)} ${verdict}`,
    `limit name "found_batch" ${log(prefix, BATCH_GROUP)} ${verdict}`,
  ];
}

export function probeLog(
  verdict: "drop" | "return",
  promptRate: number = rates.prompt,
  prefix: string = logPrefixes.probe,
): readonly string[] {
  return [
    `limit rate ${promptRate}/second burst ${rates.promptBurst} packets ${log(prefix, PROMPT_GROUP)} ${verdict}`,
    `limit rate ${rates.batch}/second burst 100000 packets ${log(prefix, BATCH_GROUP)} ${verdict}`,
    counted("probesUntold"),
  ];
}
