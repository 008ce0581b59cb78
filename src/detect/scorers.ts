// When a source's probes count as scanning (design section 5): PortSentry's `trigger`, and a first, plain `score`.
// Known gap, left to a later issue: the window of `score` is fixed and has no slow memory, so a source that never makes
// scorePorts contacts in one window (one probe every few minutes, or a burst split by the window's edge) stays unfound.
import { Disposition, Evidence, Kind, type Probe } from "./probe.ts";
import { CONTACT_SLOTS, MAX_DIRECT_PROBES, type SourceTable, WEAK_CONTACT } from "./source-table.ts";

export interface ScorePolicy {
  readonly policy: "trigger" | "score";
  /** Direct probes that make a scanner; 0 and 1 both mean the first. */
  readonly scanTrigger: number;
  /** Distinct (protocol, port) contacts that make a scanner; 2..6. */
  readonly scorePorts: number;
  readonly scoreWindowMs: number;
}

/**
 * Takes the probe into its source's row; true when it makes the source a scanner for the first time (the row is then
 * flagged). Probes of a source that is flagged already are no new evidence.
 */
export function weigh(table: SourceTable, row: number, probe: Probe, policy: ScorePolicy): boolean {
  if (table.isFlagged(row)) return false;
  const isDirect = isDirectContact(probe);
  if (!isDirect && !isWeakContact(probe)) return false;
  if (isDirect) table.countDirectProbe(row);
  const contact = (probe.protocol << 16) | probe.port | (isDirect ? 0 : WEAK_CONTACT);
  table.noteContact(row, contact, probe.timeMs, policy.scoreWindowMs);
  const counts =
    policy.policy === "trigger" ? countsAsTriggered(table, row, policy) : countsAsScored(table, row, policy);
  if (counts) table.flag(row);
  return counts;
}

/** PortSentry's count: the same port counts again, and nothing is forgotten while the source is tracked. */
export function countsAsTriggered(table: SourceTable, row: number, policy: ScorePolicy): boolean {
  const needed = Math.min(MAX_DIRECT_PROBES, Math.max(1, policy.scanTrigger));
  return table.directProbes(row) >= needed;
}

/** Enough distinct ports in one window, at least one of them direct: weak evidence alone is never a scan. */
export function countsAsScored(table: SourceTable, row: number, policy: ScorePolicy): boolean {
  const needed = Math.min(CONTACT_SLOTS, Math.max(2, policy.scorePorts));
  return table.contactCount(row) >= needed && table.hasDirectContact(row);
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
