// Whom a full block would end, counted before it is made: known pairs of the source, and live connections to ports that this
// host serves. As many live ones as behind a shared address make it a soft block. Bounded: a part of the time, no more.

import type { Judge } from "../judge/judge.ts";
import type { Ended, Verdict } from "../judge/verdict.ts";
import { type ConnectedFrom, MAX_REMOTES } from "../kernel/connected-from.ts";
import type { Learning } from "../table/learned-sets.ts";
import { formatPrefix, type Prefix } from "../wire/address.ts";

export interface EndedCountParts {
  readonly judge: Pick<Judge, "soften">;
  /** Absent where known pairs are not learned: none is counted. */
  readonly clients?: Learning["clients"] | undefined;
  /** At most MAX_REMOTES remotes; throws KernelError. */
  readonly connectedFrom: (remotes: readonly Prefix[], limit: number) => readonly ConnectedFrom[];
  /** TCP ports that this host serves, without listeners of our own. Throws KernelError. */
  readonly servedPorts: () => readonly number[];
  /** SHARED_ADDRESS_CONNECTIONS; 0: live connections make no block soft. */
  readonly sharedConnections: () => number;
  /** How long something took is measured by it; never set. */
  readonly nowMs: () => number;
}

/** Of all sources together in one look: further connections are not counted. */
const MAX_CONNECTIONS = 4_096;
/** Served ports that known pairs are looked for at. */
const MAX_PORTS = 256;
/** A look takes 0.5 ms on most hosts, 0.1 s and more where 100,000 connections stand: no more of the time than this. */
const SHARE_OF_TIME = 0.05;
const BURST_MS = 100;

const SHARED_CLAUSE = "as many connections of its address stand as of a shared one (SHARED_ADDRESS_CONNECTIONS)";

export class EndedCount {
  readonly counters = { sharedAddresses: 0, endedNotCounted: 0 };
  readonly #parts: EndedCountParts;
  #leftMs = BURST_MS;
  #lastMs: number;

  constructor(parts: EndedCountParts) {
    this.#parts = parts;
    this.#lastMs = parts.nowMs();
  }

  /** Tells each verdict of a full block whom it would end; too many of them make it a soft one. */
  weigh(verdicts: readonly Verdict[]): readonly Verdict[] {
    const sources = verdicts.flatMap((verdict) => (verdict.action === "block" ? [verdict.finding.source] : []));
    if (sources.length === 0) return verdicts;
    const counts = this.#look(sources);
    return verdicts.map((verdict) => {
      const ends = verdict.action === "block" ? counts.get(formatPrefix(verdict.finding.source)) : undefined;
      return verdict.action === "block" && ends !== undefined ? this.#decide({ ...verdict, ends }, ends) : verdict;
    });
  }

  /** For a block by hand, which is full whatever it ends. undefined: not counted. */
  count(source: Prefix): Ended | undefined {
    return this.#look([source]).get(formatPrefix(source));
  }

  #decide(verdict: Verdict & { readonly action: "block" }, { liveConnections }: Ended): Verdict {
    const limit = this.#parts.sharedConnections();
    // The guard's rules exempt its addresses from a soft block.
    if (limit === 0 || liveConnections < limit || verdict.guard !== undefined) return verdict;
    const softer = this.#parts.judge.soften(verdict, SHARED_CLAUSE);
    if (softer.action !== "block") this.counters.sharedAddresses++;
    return softer;
  }

  /** By source; those that are not counted now are missing. */
  #look(sources: readonly Prefix[]): ReadonlyMap<string, Ended> {
    const unique = new Map(sources.map((source) => [formatPrefix(source), source]));
    const asked = [...unique].slice(0, MAX_REMOTES);
    const startMs = this.#parts.nowMs();
    this.#leftMs = Math.min(BURST_MS, this.#leftMs + Math.max(0, startMs - this.#lastMs) * SHARE_OF_TIME);
    this.#lastMs = startMs;
    const isTooMuch = this.#leftMs <= 0;
    this.counters.endedNotCounted += isTooMuch ? unique.size : unique.size - asked.length;
    if (isTooMuch) return new Map();
    try {
      return this.#ask(asked);
    } catch {
      // Without a table, or the right to ask: nothing is known, and the block is made as it was meant.
      this.counters.endedNotCounted += asked.length;
      return new Map();
    } finally {
      this.#leftMs -= Math.max(0, this.#parts.nowMs() - startMs);
    }
  }

  #ask(asked: readonly (readonly [string, Prefix])[]): ReadonlyMap<string, Ended> {
    const { connectedFrom, servedPorts, clients } = this.#parts;
    const sources = asked.map(([, source]) => source);
    const connected = connectedFrom(sources, MAX_CONNECTIONS);
    const isClient = sources.map((source) => clients?.isClient(source) === true);
    // Most scanners have neither.
    const served = connected.length > 0 || isClient.includes(true) ? servedPorts() : [];
    const isServed = new Set(served);
    const live = sources.map(() => 0);
    for (const { index, port } of connected) if (isServed.has(port)) live[index] = (live[index] ?? 0) + 1;
    return new Map(
      asked.map(([text, source], index): [string, Ended] => [
        text,
        {
          knownPairs: isClient[index] === true ? (clients?.countPairs(source, served.slice(0, MAX_PORTS)) ?? 0) : 0,
          liveConnections: live[index] ?? 0,
        },
      ]),
    );
  }
}

/** For a person; "" where nobody was ended, or nobody counted. */
export function describeEnded({ knownPairs = 0, liveConnections = 0 }: Partial<Ended>): string {
  if (knownPairs === 0 && liveConnections === 0) return "";
  const live = liveConnections === 1 ? "1 live connection" : `${liveConnections} live connections`;
  const pairs =
    knownPairs === 1 ? "1 port that the source had used lately" : `${knownPairs} ports that the source had used lately`;
  return `When the block was made, the source had ${live} to this host, and ${pairs}.`;
}
