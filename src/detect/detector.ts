// From packet to finding: ties classify, source table and scorers together. The caller walks each packet through
// `classify`, asks judge/ whether the source is spared, and gives what is left to `see`. Only a finding allocates.
import type { Prefix } from "../wire/address.ts";
import type { AddressRanges } from "../wire/address-ranges.ts";
import type { Packet } from "../wire/packet.ts";
import { classify } from "./classify.ts";
import type { Finding } from "./finding.ts";
import type { Disposition, Probe } from "./probe.ts";
import { type ScorePolicy, weigh } from "./scorers.ts";
import type { SourceTable } from "./source-table.ts";

export class Detector {
  readonly table: SourceTable;
  #policy: ScorePolicy;
  #near: AddressRanges;
  /** Whether the probe last given to `see` came from a source that had been found scanning before it. */
  isRepeat = false;

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

  /** Remembers the probe; a finding when it makes its source a scanner, once until the source is reset. */
  see(probe: Probe): Finding | undefined {
    const row = this.table.touch(probe);
    this.isRepeat = this.table.isFlagged(row);
    return weigh(this.table, row, probe, this.#policy) ? this.#findingOf(row, probe) : undefined;
  }

  /** A finding about a tracked source by something else than its latest probe; undefined if it is not tracked. */
  findingAbout(source: Prefix, probe: Pick<Finding, "kind" | "protocol" | "port" | "timeMs">): Finding | undefined {
    const { table } = this;
    const row = table.find(source.w0, source.w1, source.w2, source.w3, source.bits);
    if (row < 0) return undefined;
    return {
      source,
      ...probe,
      tcpFlags: 0,
      hasIpOptions: false,
      probes: table.probes(row),
      contacts: table.contactCount(row),
      firstMs: table.firstSeenMs(row),
      policy: this.#policy.policy,
    };
  }

  /** Forgets a source, so that it can be found again: after its block has ended. False if it was not tracked. */
  reset(source: Prefix): boolean {
    return this.table.forget(source.w0, source.w1, source.w2, source.w3, source.bits);
  }

  /** Lets every source be found again: for a reload that changes what is done about findings. */
  resetAll(): void {
    this.table.unflagAll();
  }

  /** Whether the source has been found scanning and not been reset since. */
  isFound(source: Prefix): boolean {
    const row = this.table.find(source.w0, source.w1, source.w2, source.w3, source.bits);
    return row >= 0 && this.table.isFlagged(row);
  }

  /** When the source last sent a probe, in ms since the epoch to the second; undefined if it is not tracked. */
  lastSeenMs(source: Prefix): number | undefined {
    const row = this.table.find(source.w0, source.w1, source.w2, source.w3, source.bits);
    return row < 0 ? undefined : this.table.lastSeenMs(row);
  }

  /** Holds from the next probe on; sources found already stay found. */
  setPolicy(policy: ScorePolicy): void {
    this.#policy = policy;
  }

  /** A source whose key changes with it starts afresh; its old row ages out. */
  setNear(near: AddressRanges): void {
    this.#near = near;
  }

  #findingOf(row: number, probe: Probe): Finding {
    return {
      source: this.table.source(row),
      kind: probe.kind,
      protocol: probe.protocol,
      port: probe.port,
      tcpFlags: probe.tcpFlags,
      hasIpOptions: probe.hasIpOptions !== 0,
      probes: this.table.probes(row),
      contacts: this.table.contactCount(row),
      firstMs: this.table.firstSeenMs(row),
      timeMs: probe.timeMs,
      policy: this.#policy.policy,
    };
  }
}
