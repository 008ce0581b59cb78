// Adds events up for `portreeve report`: a count for each source and port, and the latest of what was found and done. Pure.
import type { Event } from "../record/event.ts";

/** Sources and ports that are counted; what comes beyond them is counted together. */
const MAX_COUNTED = 100_000;
/** Rows of each table. */
const ROWS = 10;

export interface SourceCount {
  readonly source: string;
  readonly probes: number;
  readonly findings: number;
  readonly blocks: number;
  readonly tool?: string;
  readonly known?: string;
}

export interface PortCount {
  /** "tcp/23", or the protocol alone. */
  readonly port: string;
  readonly probes: number;
}

export interface Report {
  /** ISO 8601, as all times here. */
  readonly since: string;
  readonly until: string;
  /** The oldest event of the whole record; absent when there is none. */
  readonly recordBegins?: string;
  readonly probes: number;
  /** Among them: those that came too fast to be recorded one by one. */
  readonly unrecordedProbes: number;
  readonly sources: number;
  readonly findings: number;
  readonly foundSources: number;
  readonly fullBlocks: number;
  readonly softBlocks: number;
  readonly unblocks: number;
  readonly warnings: number;
  /** The busiest first. */
  readonly topSources: readonly SourceCount[];
  readonly topPorts: readonly PortCount[];
  /** The newest last. */
  readonly lastBlocks: readonly Event[];
  readonly lastWarnings: readonly Event[];
}

interface Counts {
  probes: number;
  findings: number;
  blocks: number;
  tool?: string;
  known?: string;
}

export class Summary {
  readonly #span: { readonly sinceMs: number; readonly untilMs: number };
  readonly #bySource = new Map<string, Counts>();
  readonly #byPort = new Map<string, number>();
  readonly #lastBlocks: Event[] = [];
  readonly #lastWarnings: Event[] = [];
  readonly #counts = { probes: 0, unrecordedProbes: 0, findings: 0, fullBlocks: 0, softBlocks: 0, unblocks: 0 };
  #warnings = 0;
  #recordBegins: string | undefined;

  constructor(span: { readonly sinceMs: number; readonly untilMs: number }) {
    this.#span = span;
  }

  /** The time of the oldest event that there is, in this time or before. */
  recordBegins(time: string): void {
    this.#recordBegins = time;
  }

  see(event: Event): void {
    const counts = this.#counts;
    switch (event.type) {
      case "probe":
        this.#seeProbe(event);
        break;
      case "finding":
        counts.findings++;
        this.#count(event, "findings", 1);
        break;
      case "block":
        if (event.action === "soft") counts.softBlocks++;
        else counts.fullBlocks++;
        keepLast(this.#lastBlocks, event);
        this.#count(event, "blocks", 1);
        break;
      case "unblock":
        counts.unblocks++;
        break;
      case "drift":
      case "warning":
      case "outgoing":
        this.#warnings++;
        keepLast(this.#lastWarnings, event);
    }
  }

  #seeProbe(event: Event): void {
    const { missed = 0, protocol = "-", port } = event;
    const probes = 1 + missed;
    this.#counts.probes += probes;
    this.#counts.unrecordedProbes += missed;
    this.#count(event, "probes", 1);
    const name = port === undefined ? protocol : `${protocol}/${port}`;
    const before = this.#byPort.get(name);
    if (before !== undefined || this.#byPort.size < MAX_COUNTED) this.#byPort.set(name, (before ?? 0) + 1);
  }

  #count({ source, tool, known }: Event, what: "probes" | "findings" | "blocks", many: number): void {
    if (source === undefined) return;
    let counts = this.#bySource.get(source);
    if (counts === undefined) {
      if (this.#bySource.size >= MAX_COUNTED) return;
      counts = { probes: 0, findings: 0, blocks: 0 };
      this.#bySource.set(source, counts);
    }
    counts[what] += many;
    if (tool !== undefined) counts.tool = tool;
    if (known !== undefined) counts.known = known;
  }

  report(): Report {
    const { sinceMs, untilMs } = this.#span;
    const sources = [...this.#bySource].map(([source, counts]): SourceCount => ({ source, ...counts }));
    const ports = [...this.#byPort].map(([port, probes]): PortCount => ({ port, probes }));
    return {
      since: new Date(sinceMs).toISOString(),
      until: new Date(untilMs).toISOString(),
      ...(this.#recordBegins !== undefined && { recordBegins: this.#recordBegins }),
      ...this.#counts,
      sources: sources.length,
      foundSources: sources.filter(({ findings }) => findings > 0).length,
      warnings: this.#warnings,
      topSources: sources.sort((a, b) => b.probes - a.probes || b.blocks - a.blocks).slice(0, ROWS),
      topPorts: ports.sort((a, b) => b.probes - a.probes).slice(0, ROWS),
      lastBlocks: this.#lastBlocks,
      lastWarnings: this.#lastWarnings,
    };
  }
}

function keepLast(events: Event[], event: Event): void {
  events.push(event);
  if (events.length > ROWS) events.shift();
}
