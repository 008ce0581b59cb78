// When a source's probes count as scanning (design section 5): PortSentry's `trigger`, and `score`, which has a fast
// memory (a decaying score) and a slow one (a sketch of days). docs/reference/detection.md says where the thresholds come from.
import { SKETCH_BITS } from "./contact-memory.ts";
import { Kind } from "./kinds.ts";
import { Disposition, Evidence, type Probe } from "./probe.ts";
import { CONTACT_SLOTS, MAX_DIRECT_PROBES, type SourceTable, WEAK_CONTACT } from "./source-table.ts";

export interface ScorePolicy {
  readonly policy: "trigger" | "score";
  /** Direct probes that make a scanner; 0 and 1 both mean the first. */
  readonly scanTrigger: number;
  /** Distinct (protocol, port) contacts that make a scanner; 2..6. Each counts 1, and half that scoreWindowMs later. */
  readonly scorePorts: number;
  readonly scoreWindowMs: number;
  /** Distinct direct contacts of a slow window and the one before it that make a scanner; 2..32. */
  readonly slowScorePorts: number;
  /** In whole seconds, not shorter than scoreWindowMs; 0: the slow memory finds no source. */
  readonly slowScoreWindowMs: number;
}

/** A slip long ago does not make later contacts direct: a direct contact must be younger than scoreWindowMs. */
export const MIN_DIRECT_SCORE = 0.5;

/**
 * Takes the probe into its source's row; true when it makes the source a scanner for the first time (the row is then
 * flagged), and once more when it waits, as nothing was done about it then. Probes of a source that is flagged already are no
 * new evidence.
 */
export function weigh(table: SourceTable, row: number, probe: Probe, policy: ScorePolicy): boolean {
  if (table.isFlagged(row)) {
    const counts = table.isWaiting(row) && isDirectContact(probe);
    if (counts) table.flag(row);
    return counts;
  }
  const isDirect = isDirectContact(probe);
  if (!isDirect && !isWeakContact(probe)) return false;
  const contact = (probe.protocol << 16) | placeOf(probe) | (isDirect ? 0 : WEAK_CONTACT);
  table.memory.note(row, contact, probe.timeMs, policy);
  const counts =
    policy.policy === "trigger"
      ? countsAsTriggered(table, row, policy)
      : countsAsScored(table, row, policy, probe.timeMs) || countsAsSlow(table, row, policy, probe.timeMs);
  if (counts) table.flag(row);
  return counts;
}

/**
 * The port; for a host behind this one a number of the host and the port together, so that one port of many hosts is as many
 * contacts. Two of them have the same number once in 65,536 times.
 */
function placeOf({ isBehind, port, target0, target1, target2, target3 }: Probe): number {
  if (isBehind === 0) return port;
  const mixed = Math.imul(target0 ^ target1 ^ target2 ^ target3, 0x9e3779b1);
  return (port ^ mixed ^ (mixed >>> 16)) & 0xffff;
}

/** PortSentry's count: the same port counts again, and nothing is forgotten while the source is tracked. */
export function countsAsTriggered(table: SourceTable, row: number, policy: ScorePolicy): boolean {
  const needed = Math.min(MAX_DIRECT_PROBES, Math.max(1, policy.scanTrigger));
  return table.memory.directProbes(row) >= needed;
}

/**
 * More than scorePorts - 1, which takes scorePorts distinct contacts and some room for their age; one of them direct and
 * lately so: weak evidence alone is never a scan.
 */
export function countsAsScored(table: SourceTable, row: number, policy: ScorePolicy, timeMs: number): boolean {
  const { memory } = table;
  const bound = scoreBound(policy.scorePorts);
  if (memory.highestScore(row) <= bound) return false;
  return (
    memory.score(row, timeMs, policy.scoreWindowMs) > bound &&
    memory.directScore(row, timeMs, policy.scoreWindowMs) >= MIN_DIRECT_SCORE
  );
}

/** The bound that the score must pass. The sum of two contacts is above 1 for as long as it can be told: there half of the second is asked. */
export function scoreBound(scorePorts: number): number {
  return Math.max(1.5, Math.min(CONTACT_SLOTS, scorePorts) - 1);
}

/** The sketch never counts too many, so that fewer than slowScorePorts contacts are never found. */
export function countsAsSlow(table: SourceTable, row: number, policy: ScorePolicy, timeMs: number): boolean {
  if (policy.slowScoreWindowMs === 0) return false;
  const needed = Math.min(SKETCH_BITS, Math.max(2, policy.slowScorePorts));
  if (table.memory.highestSlowCount(row) < needed) return false;
  return table.memory.slowCount(row, timeMs, policy.slowScoreWindowMs) >= needed;
}

/**
 * Only what the kernel called a probe. Guarded sources are never punished on unproven evidence, and a Delegated one has
 * its block already; so no finding is made of either, even while judge/ still has an older guard than the kernel.
 */
function isDirectContact(probe: Probe): boolean {
  return probe.evidence === Evidence.Direct && probe.disposition === Disposition.Probe;
}

/** A tolerated or lately open port, tried in a way in which people and programs try ports. */
function isWeakContact(probe: Probe): boolean {
  return probe.disposition === Disposition.Quiet && (probe.kind === Kind.Syn || probe.kind === Kind.Udp);
}
