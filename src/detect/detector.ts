// From packet to finding: ties classify, source table and scorers together. The caller walks each packet through
// `classify`, asks judge/ whether the source is spared, and gives the others to `see`. Only a finding allocates.
import type { Prefix } from "../wire/address.ts";
import type { AddressRanges } from "../wire/address-ranges.ts";
import type { Packet } from "../wire/packet.ts";
import { classify } from "./classify.ts";
import type { Finding } from "./finding.ts";
import type { Disposition, Probe } from "./probe.ts";
import { countsAsScored, countsAsSlow, type ScorePolicy, weigh } from "./scorers.ts";
import type { SourceHistory, SourceTable } from "./source-table.ts";

/** The evidence about a source by the table and the policy in force, for people. */
export interface SourceEvidence extends SourceHistory {
  /** Distinct contacts, each of them 1 and half that a scoreWindowMs later. */
  readonly score: number;
  /** The part of the score that direct contacts have made. */
  readonly directScore: number;
  /** Distinct direct contacts that the slow memory holds, or more, and since when; 0: none. */
  readonly slowContacts: number;
  readonly slowSinceMs: number;
  readonly policy: ScorePolicy;
}

/** The state of a source after a probe. One record is reused for all: it is valid until the next probe is noted. */
export class Noted {
  /** The row of the source in the table; other calls may move it, so it is for findingOf() and passOver() at once. */
  row = -1;
  /** The probe makes its source a scanner: once until the source is reset, or must wait. */
  isFound = false;
  /** The source had been found scanning before this probe. */
  isRepeat = false;
  /** Probes that the source has sent, this one among them. */
  probes = 0;
}

/** Found: it has been found scanning, and not been reset since. */
export const Track = { None: 0, Watched: 1, Found: 2 } as const;
export type Track = (typeof Track)[keyof typeof Track];

export class Detector {
  readonly table: SourceTable;
  readonly #noted = new Noted();
  #policy: ScorePolicy;
  #near: AddressRanges;

  constructor(parts: { readonly table: SourceTable; readonly policy: ScorePolicy; readonly near: AddressRanges }) {
    this.table = parts.table;
    this.#policy = parts.policy;
    this.#near = parts.near;
  }

  /** IPv6 prefixes on links of ours. */
  get near(): AddressRanges {
    return this.#near;
  }

  /** Fills `out`, all of it. Remembers nothing: a spared source never enters the table. */
  classify(packet: Packet, disposition: Disposition, timeMs: number, out: Probe): void {
    classify(packet, disposition, this.#near, out);
    out.timeMs = timeMs;
  }

  /** Remembers the probe; a finding when it makes its source a scanner, once until the source is reset or must wait. */
  see(probe: Probe): Finding | undefined {
    const noted = this.note(probe);
    return noted.isFound ? this.findingOf(noted, probe) : undefined;
  }

  /** Like see(), for a caller that may do without the finding: allocates nothing. */
  note(probe: Probe, hash?: number): Readonly<Noted> {
    const { table } = this;
    const noted = this.#noted;
    const row = table.touch(probe, hash);
    noted.row = row;
    noted.isRepeat = table.isFlagged(row);
    noted.isFound = weigh(table, row, probe, this.#policy);
    noted.probes = table.probes(row);
    return noted;
  }

  /** The finding that note() has just announced. */
  findingOf({ row }: Readonly<Noted>, probe: Probe): Finding {
    return {
      source: this.table.source(row),
      kind: probe.kind,
      protocol: probe.protocol,
      port: probe.port,
      tcpFlags: probe.tcpFlags,
      hasIpOptions: probe.hasIpOptions !== 0,
      timeMs: probe.timeMs,
      ...this.#countsOf(row, probe.timeMs),
    };
  }

  /** Nothing is done about the finding that note() has just announced: the next direct probe of the source is a finding again. */
  passOver({ row }: Readonly<Noted>): void {
    this.table.setWaiting(row);
  }

  /** The same for any source that has been found. */
  letWait({ w0, w1, w2, w3, bits }: Prefix): void {
    const row = this.table.find(w0, w1, w2, w3, bits);
    if (row >= 0 && this.table.isFlagged(row)) this.table.setWaiting(row);
  }

  /** Something is done about a source that waits: its further probes are no findings. */
  endWait({ w0, w1, w2, w3, bits }: Prefix): void {
    const row = this.table.find(w0, w1, w2, w3, bits);
    if (row >= 0 && this.table.isWaiting(row)) this.table.flag(row);
  }

  /** A finding about a tracked source by something else than its latest probe; undefined if it is not tracked. */
  findingAbout(source: Prefix, probe: Pick<Finding, "kind" | "protocol" | "port" | "timeMs">): Finding | undefined {
    const { table } = this;
    const row = table.find(source.w0, source.w1, source.w2, source.w3, source.bits);
    if (row < 0) return undefined;
    return { source, ...probe, tcpFlags: 0, hasIpOptions: false, ...this.#countsOf(row, probe.timeMs) };
  }

  /** Forgets a source, so that it can be found again: after its block has ended. False if it was not tracked. */
  reset(source: Prefix): boolean {
    return this.table.forget(source.w0, source.w1, source.w2, source.w3, source.bits);
  }

  /** Lets every source be found again: for a reload that changes how findings are answered. */
  resetAll(): void {
    this.table.unflagAll();
  }

  /** Whether the source has been found scanning and not been reset since. */
  isFound(source: Prefix): boolean {
    const row = this.table.find(source.w0, source.w1, source.w2, source.w3, source.bits);
    return row >= 0 && this.table.isFlagged(row);
  }

  /** The same for a probe's source. */
  isFoundBy({ source0, source1, source2, source3, sourceBits }: Probe): boolean {
    const row = this.table.find(source0, source1, source2, source3, sourceBits);
    return row >= 0 && this.table.isFlagged(row);
  }

  /** What is remembered of a probe's source, before the probe is noted. */
  trackOf(probe: Probe, hash: number): Track {
    const row = this.table.findBy(probe, hash);
    if (row < 0) return Track.None;
    return this.table.isFlagged(row) ? Track.Found : Track.Watched;
  }

  /**
   * Whether a probe's source has been found. A found source becomes the newest of the table: it must be found for as long when
   * it asks open ports as when it asks closed ones. Nothing else is remembered of the packet, not even the time.
   */
  keepIfFound(probe: Probe, hash: number): boolean {
    const row = this.table.findBy(probe, hash);
    if (row < 0 || !this.table.isFlagged(row)) return false;
    this.table.keep(row);
    return true;
  }

  /** When the source last sent a probe, in ms since the epoch to the second; undefined if it is not tracked. */
  lastSeenMs(source: Prefix): number | undefined {
    const row = this.table.find(source.w0, source.w1, source.w2, source.w3, source.bits);
    return row < 0 ? undefined : this.table.lastSeenMs(row);
  }

  /** Undefined if the source is not tracked. */
  evidenceOn(source: Prefix, timeMs: number): SourceEvidence | undefined {
    const { table } = this;
    const policy = this.#policy;
    const row = table.find(source.w0, source.w1, source.w2, source.w3, source.bits);
    if (row < 0) return undefined;
    return {
      ...table.describe(row),
      score: table.memory.score(row, timeMs, policy.scoreWindowMs),
      directScore: table.memory.directScore(row, timeMs, policy.scoreWindowMs),
      slowContacts: table.memory.slowCount(row, timeMs, policy.slowScoreWindowMs),
      slowSinceMs: table.memory.slowSinceMs(row, policy.slowScoreWindowMs),
      policy,
    };
  }

  /** Holds from the next probe on; sources found already stay found. */
  setPolicy(policy: ScorePolicy): void {
    this.#policy = policy;
  }

  /** A source whose key changes with it starts afresh; its old row ages out. */
  setNear(near: AddressRanges): void {
    this.#near = near;
  }

  #countsOf(row: number, timeMs: number) {
    const { table } = this;
    const policy = this.#policy;
    const isSlow =
      policy.policy === "score" &&
      !countsAsScored(table, row, policy, timeMs) &&
      countsAsSlow(table, row, policy, timeMs);
    return {
      probes: table.probes(row),
      contacts: isSlow ? table.memory.slowCount(row, timeMs, policy.slowScoreWindowMs) : table.memory.distinct(row),
      firstMs: table.firstSeenMs(row),
      policy: policy.policy,
      ...(isSlow && { slowSinceMs: table.memory.slowSinceMs(row, policy.slowScoreWindowMs) }),
    };
  }
}
