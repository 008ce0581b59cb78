// Recorded probes under the policy in force and under a proposed one, side by side: which sources each of them finds
// scanning. Pure but for its arguments; the command reads the events and prints the result.
import type { Settings } from "../config/settings.ts";
import { Detector } from "../detect/detector.ts";
import type { Finding } from "../detect/finding.ts";
import type { HashSeed } from "../detect/keyed-hash.ts";
import { Kind } from "../detect/kinds.ts";
import { Disposition, Probe } from "../detect/probe.ts";
import { SourceTable } from "../detect/source-table.ts";
import type { Event, NumberedEvent } from "../record/event.ts";
import { formatPrefix } from "../wire/address.ts";
import { AddressRanges } from "../wire/address-ranges.ts";
import { FoundSources } from "./found-sources.ts";
import { type RecordedProbe, readProbe, type Tolerated, writeProbe } from "./recorded-probe.ts";

/** The worth of the record: its size, and its gaps. */
export interface RecordCounts {
  /** Probes that were replayed, and the times of the first and the last. */
  probes: number;
  firstMs: number;
  lastMs: number;
  /** Deleted before the first event that is left (MAX_EVENTS): of every kind, not probes alone. */
  deleted: number;
  /** Probes that came too fast to be recorded one by one, as far as the events after them tell. */
  missed: number;
  /** Probes whose disposition is a guess. */
  guessed: number;
  /** Probe events that cannot be replayed. */
  unusable: number;
}

export interface BacktestOptions {
  readonly present: Settings;
  readonly proposed: Settings;
  /** Events from before are left out. */
  readonly sinceMs?: number | undefined;
  readonly seed: HashSeed;
}

const nowhere = new AddressRanges([]);

export class Backtest {
  readonly record: RecordCounts = {
    probes: 0,
    firstMs: Number.NaN,
    lastMs: Number.NaN,
    deleted: 0,
    missed: 0,
    guessed: 0,
    unusable: 0,
  };
  readonly found = new FoundSources();
  readonly #options: BacktestOptions;
  readonly #present: Run;
  readonly #proposed: Run;
  readonly #tolerated: Tolerated;
  /** A handshake with the decoy: its SYN was recorded and counted as a probe of its own. */
  readonly #passesOverConnects: boolean;
  #isFirst = true;

  constructor(options: BacktestOptions) {
    this.#options = options;
    const { present, proposed, seed } = options;
    this.#tolerated = toleratedBy(present);
    this.#present = new Run(present, this.#tolerated, seed);
    this.#proposed = new Run(proposed, this.#tolerated, seed);
    this.#passesOverConnects = present.answer === "open";
  }

  /** Sources that sent the replayed probes; one that a full table has dropped and that came again counts twice. */
  get sources(): number {
    return this.#present.sources;
  }

  /** In the order of their numbers. */
  see({ number, event }: NumberedEvent): void {
    if (this.#isFirst) this.record.deleted = Math.max(0, number - 1);
    this.#isFirst = false;
    const { sinceMs } = this.#options;
    if (sinceMs !== undefined && !(Date.parse(event.time) >= sinceMs)) return;
    if (event.type === "block" && event.source !== undefined) this.found.noteBlock(event.source);
    if (event.type === "probe") this.#seeProbe(event);
  }

  #seeProbe(event: Event): void {
    const { record } = this;
    record.missed += event.missed ?? 0;
    const probe = readProbe(event, this.#tolerated);
    if (probe === undefined) {
      record.unusable++;
      return;
    }
    record.probes++;
    if (probe.isGuess) record.guessed++;
    if (!(record.firstMs <= probe.timeMs)) record.firstMs = probe.timeMs;
    if (!(record.lastMs >= probe.timeMs)) record.lastMs = probe.timeMs;
    if (isPassedOver(probe) || (this.#passesOverConnects && probe.kind === Kind.Connect)) return;
    const present = this.#present.see(probe);
    const proposed = this.#proposed.see(probe);
    if (present !== undefined) this.found.add(formatPrefix(present.source), { present });
    if (proposed !== undefined) this.found.add(formatPrefix(proposed.source), { proposed });
  }
}

/** As daemon/engine.ts: neither is evidence, nor remembered. */
function isPassedOver({ disposition }: RecordedProbe): boolean {
  return disposition === Disposition.Held || disposition === Disposition.Stray;
}

/** One policy over the whole record: nothing is forgotten at a restart, a reload or the end of a block. */
class Run {
  readonly #detector: Detector;
  readonly #probe = new Probe();
  readonly #recorded: Tolerated;
  readonly #tolerated: Tolerated;

  constructor(settings: Settings, recorded: Tolerated, seed: HashSeed) {
    const table = new SourceTable(settings.maxSources, seed);
    // Sources are recorded by their keys, so nothing is asked of the links.
    this.#detector = new Detector({ table, policy: settings, near: nowhere });
    this.#recorded = recorded;
    this.#tolerated = toleratedBy(settings);
  }

  get sources(): number {
    const { table } = this.#detector;
    return table.size + table.evictions;
  }

  see(probe: RecordedProbe): Finding | undefined {
    writeProbe(probe, this.#recorded, this.#tolerated, this.#probe);
    return this.#detector.see(this.#probe);
  }
}

function toleratedBy({ tcp, udp }: Settings): Tolerated {
  return { tcp: tcp.tolerated, udp: udp.tolerated };
}
