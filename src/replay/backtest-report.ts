// The report of `portreeve backtest` on a source and on the whole record: the JSON, from which the text is made too.
import { isoTime } from "../base/clock.ts";
import type { Settings } from "../config/settings.ts";
import type { Finding } from "../detect/finding.ts";
import { type KindName, kinds } from "../detect/kinds.ts";
import { protocolName } from "../detect/probe.ts";
import { describeFinding } from "../record/finding-text.ts";
import { formatPrefix } from "../wire/address.ts";
import type { Backtest } from "./backtest.ts";
import { describeSettings } from "./backtest-settings.ts";
import type { FoundSource } from "./found-sources.ts";

/** How a policy found a source: by its probe number `probes`. */
export interface FoundReport {
  readonly time: string;
  readonly protocol: string;
  readonly port: number;
  readonly kind: KindName;
  readonly probes: number;
  readonly contacts: number;
  readonly reason: string;
}

export interface SourceReport {
  readonly source: string;
  /** "new": by the proposed policy only; "gone": by the present one only. */
  readonly change: "new" | "same" | "gone";
  readonly present?: FoundReport;
  readonly proposed?: FoundReport;
  /** TCP ports to which it has finished a real connection in the last week. */
  readonly clientOf?: readonly number[];
  /** Would be left alone: "ignored", or the reason of the guard. */
  readonly spared?: string;
  /** Was blocked while the record was made: later probes of it are not in the record. */
  readonly wasBlocked?: true;
}

/** The counts of one policy. Clients are counted among the sources that are not spared. */
export interface PolicyReport {
  readonly settings: Readonly<Record<string, string>>;
  readonly found: number;
  readonly clients: number;
  readonly ignored: number;
  readonly guarded: number;
}

export interface BacktestSummary {
  readonly present: PolicyReport;
  readonly proposed: PolicyReport;
  readonly new: number;
  readonly gone: number;
  /** Gone, and blocked while the record was made. */
  readonly goneUnsure: number;
  readonly record: RecordReport;
  /** Found, and not listed: more than 262,144 are not. */
  readonly further: number;
  /** "softly": PROOF="on", so only a proven source is shut out in full. */
  readonly blocks: "softly" | "fully";
}

export interface RecordReport {
  readonly probes: number;
  readonly sources: number;
  readonly first?: string;
  readonly last?: string;
  readonly seconds: number;
  readonly deletedEvents: number;
  readonly missedProbes: number;
  /** Packets that never came to be judged, since the daemon's start; absent: no daemon runs. */
  readonly lostPackets?: number;
  /** Events of every kind that could not be stored, likewise. */
  readonly lostEvents?: number;
  readonly guessedProbes: number;
  readonly unusableEvents: number;
  /** False: the known clients, or the addresses that the host depends on, could not be read. */
  readonly clientsKnown: boolean;
  readonly guardKnown: boolean;
}

/** Since the daemon's start. */
export interface LiveCounts {
  readonly missedProbes: number;
  readonly lostPackets: number;
  readonly lostEvents: number;
}

export interface Circumstances {
  readonly clientsKnown: boolean;
  readonly guardKnown: boolean;
  /** Rows of the store that are none of ours. */
  readonly badRows: number;
  /** The daemon's own counters, where one runs. */
  readonly live?: LiveCounts | undefined;
}

export function describeSources(backtest: Backtest): SourceReport[] {
  return backtest.found.list().map((found) => ({
    source: formatPrefix(found.source),
    change: changeOf(found),
    ...(found.present !== undefined && { present: describeFound(found.present) }),
    ...(found.proposed !== undefined && { proposed: describeFound(found.proposed) }),
    ...(found.clientOf.size > 0 && { clientOf: [...found.clientOf].sort((a, b) => a - b) }),
    ...(found.spared !== undefined && { spared: found.spared }),
    ...(backtest.found.wasBlocked(found) && { wasBlocked: true as const }),
  }));
}

function changeOf({ present, proposed }: FoundSource): SourceReport["change"] {
  if (present === undefined) return "new";
  return proposed === undefined ? "gone" : "same";
}

function describeFound(finding: Finding): FoundReport {
  const { timeMs, protocol, port, kind, probes, contacts } = finding;
  return {
    time: isoTime(timeMs),
    protocol: protocolName(protocol),
    port,
    kind: kinds[kind].name,
    probes,
    contacts,
    reason: describeFinding(finding),
  };
}

export function summarize(
  backtest: Backtest,
  settings: { readonly present: Settings; readonly proposed: Settings },
  { badRows, live, clientsKnown, guardKnown }: Circumstances,
): BacktestSummary {
  const { record } = backtest;
  const sources = describeSources(backtest);
  const gone = sources.filter(({ change }) => change === "gone");
  const isEmpty = Number.isNaN(record.firstMs);
  return {
    present: describePolicy(
      settings.present,
      sources.filter(({ present }) => present !== undefined),
    ),
    proposed: describePolicy(
      settings.proposed,
      sources.filter(({ proposed }) => proposed !== undefined),
    ),
    new: sources.filter(({ change }) => change === "new").length,
    gone: gone.length,
    goneUnsure: gone.filter(({ wasBlocked }) => wasBlocked === true).length,
    record: {
      probes: record.probes,
      sources: backtest.sources,
      ...(!isEmpty && { first: isoTime(record.firstMs), last: isoTime(record.lastMs) }),
      seconds: isEmpty ? 0 : (record.lastMs - record.firstMs) / 1000,
      deletedEvents: record.deleted,
      // Gaps since the last recorded probe, and those of a record without such notes, only the daemon knows.
      missedProbes: Math.max(record.missed, live?.missedProbes ?? 0),
      ...(live !== undefined && { lostPackets: live.lostPackets, lostEvents: live.lostEvents }),
      guessedProbes: record.guessed,
      unusableEvents: record.unusable + badRows,
      clientsKnown,
      guardKnown,
    },
    further: backtest.found.further,
    blocks: settings.proposed.proof === "on" ? "softly" : "fully",
  };
}

function describePolicy(settings: Settings, found: readonly SourceReport[]): PolicyReport {
  const ignored = found.filter(({ spared }) => spared === IGNORED).length;
  const spared = found.filter((one) => one.spared !== undefined).length;
  return {
    settings: describeSettings(settings),
    found: found.length,
    clients: found.filter((one) => one.spared === undefined && one.clientOf !== undefined).length,
    ignored,
    guarded: spared - ignored,
  };
}

/** Why the allow list spares. */
export const IGNORED = "ignored";
