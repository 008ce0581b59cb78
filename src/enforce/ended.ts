// Counts what a full block would end, before it is made: known pairs of the source, and live connections to ports that
// this host serves. As many live ones as behind a shared address make it a soft block, and so does a count that there was
// no time for: its source is asked about again with its next probe. Bounded: a part of the time, no more.

import { plural } from "../base/plural.ts";
import type { Judge } from "../judge/judge.ts";
import type { Ended, Verdict } from "../judge/verdict.ts";
import { type ConnectedFrom, MAX_REMOTES } from "../kernel/connected-from.ts";
import type { Learning } from "../table/learned-sets.ts";
import { formatPrefix, type Prefix } from "../wire/address.ts";
import { StandingConnections, type StandingParts } from "./standing-connections.ts";

export interface EndedCountParts extends StandingParts {
  readonly judge: Pick<Judge, "soften">;
  /** Absent where known pairs are not learned: none is counted. */
  readonly clients?: Learning["clients"] | undefined;
  /** At most MAX_REMOTES remotes; throws KernelError. */
  readonly connectedFrom: (remotes: readonly Prefix[], limit: number) => readonly ConnectedFrom[];
  /** A source is to be judged again with its next probe: it was not counted. */
  readonly askAgain: (source: Prefix) => void;
  /** SHARED_ADDRESS_CONNECTIONS; 0: live connections make no block soft. */
  readonly sharedConnections: () => number;
  /** How long something took is measured by it; never set. */
  readonly nowMs: () => number;
}

/** Where all are too many, of all sources together in one look: further connections are not counted. */
const MAX_CONNECTIONS = 4_096;
/** Served ports that known pairs are looked for at. */
const MAX_PORTS = 256;
/** A look takes 0.5 ms on most hosts, 0.1 s and more where 100,000 connections stand: no more of the time than this. */
const SHARE_OF_TIME = 0.05;
const BURST_MS = 100;

const SHARED_CLAUSE = "as many connections of its address stand as of a shared one (SHARED_ADDRESS_CONNECTIONS)";
const UNCOUNTED_CLAUSE =
  "the connections of its address could not be counted in time (SHARED_ADDRESS_CONNECTIONS); they will be with its next probe";

export class EndedCount {
  readonly counters = { sharedAddresses: 0, endedNotCounted: 0 };
  readonly #parts: EndedCountParts;
  readonly #standing: StandingConnections;
  #leftMs = BURST_MS;
  #lastMs: number;

  constructor(parts: EndedCountParts) {
    this.#parts = parts;
    this.#standing = new StandingConnections(parts);
    this.#lastMs = parts.nowMs();
  }

  /** Tells each verdict of a full block whom it would end; too many of them make it a soft one. */
  weigh(verdicts: readonly Verdict[]): readonly Verdict[] {
    const sources = verdicts.flatMap((verdict) => (verdict.action === "block" ? [verdict.finding.source] : []));
    if (sources.length === 0) return verdicts;
    const counts = this.#look(sources);
    return verdicts.map((verdict) => {
      if (verdict.action !== "block") return verdict;
      const ends = counts.get(formatPrefix(verdict.finding.source));
      if (ends === undefined) return verdict;
      return ends === "no time" ? this.#postpone(verdict) : this.#decide({ ...verdict, ends }, ends);
    });
  }

  /** For a block by hand, which is full whatever it ends. undefined: not counted. */
  count(source: Prefix): Ended | undefined {
    const ends = this.#look([source]).get(formatPrefix(source));
    return ends === "no time" ? undefined : ends;
  }

  /** A false block is worse than one that is soft for a while. */
  #postpone(verdict: Verdict & { readonly action: "block" }): Verdict {
    if (this.#parts.sharedConnections() === 0 || verdict.guard !== undefined) return verdict;
    const softer = this.#parts.judge.soften(verdict, UNCOUNTED_CLAUSE);
    if (softer.action !== "block") this.#parts.askAgain(verdict.finding.source);
    return softer;
  }

  #decide(verdict: Verdict & { readonly action: "block" }, { liveConnections }: Ended): Verdict {
    const limit = this.#parts.sharedConnections();
    // The guard's rules exempt its addresses from a soft block.
    if (limit === 0 || liveConnections < limit || verdict.guard !== undefined) return verdict;
    const softer = this.#parts.judge.soften(verdict, SHARED_CLAUSE);
    if (softer.action !== "block") this.counters.sharedAddresses++;
    return softer;
  }

  /** By source; missing are those that the kernel does not tell of. */
  #look(sources: readonly Prefix[]): ReadonlyMap<string, Ended | "no time"> {
    const unique = new Map(sources.map((source) => [formatPrefix(source), source]));
    const startMs = this.#parts.nowMs();
    this.#leftMs = Math.min(BURST_MS, this.#leftMs + Math.max(0, startMs - this.#lastMs) * SHARE_OF_TIME);
    this.#lastMs = startMs;
    try {
      const names = [...unique.keys()];
      const live = this.#countLive([...unique.values()], startMs);
      const ends = names.map((name, index) => this.#endedOf(unique.get(name), live[index]));
      this.counters.endedNotCounted += ends.filter((each) => each === "no time").length;
      return new Map(names.map((name, index) => [name, ends[index] ?? "no time"]));
    } catch {
      // Without a table, or the right to ask: nothing is known, and the block is made as it was meant.
      this.counters.endedNotCounted += unique.size;
      return new Map();
    } finally {
      this.#leftMs -= Math.max(0, this.#parts.nowMs() - startMs);
    }
  }

  #endedOf(source: Prefix | undefined, liveConnections: number | undefined): Ended | "no time" {
    if (source === undefined || liveConnections === undefined) return "no time";
    const { clients, servedPorts } = this.#parts;
    // Most scanners are none.
    const isClient = clients?.isClient(source) === true;
    const knownPairs = isClient ? clients.countPairs(source, servedPorts().slice(0, MAX_PORTS)) : 0;
    return { knownPairs, liveConnections };
  }

  /** In the order of the sources; those that are missing at the end there was no time for. */
  #countLive(sources: readonly Prefix[], nowMs: number): readonly number[] {
    const hasTime = this.#leftMs > 0;
    const counted = this.#standing.count(sources, nowMs, hasTime);
    if (counted !== undefined) return counted;
    if (!hasTime) return [];
    const asked = sources.slice(0, MAX_REMOTES);
    const live = asked.map(() => 0);
    const connected = this.#parts.connectedFrom(asked, MAX_CONNECTIONS);
    const isServed = new Set(connected.length > 0 ? this.#parts.servedPorts() : []);
    for (const { index, port } of connected) if (isServed.has(port)) live[index] = (live[index] ?? 0) + 1;
    return live;
  }
}

/** For a person; "" where nobody was ended, or nobody counted. */
export function describeEnded({ knownPairs = 0, liveConnections = 0 }: Partial<Ended>): string {
  if (knownPairs === 0 && liveConnections === 0) return "";
  const live = plural(liveConnections, "live connection");
  const pairs = plural(knownPairs, "port");
  return `When the block was made, the source had ${live} to this host, and ${pairs} that the source had used lately.`;
}
