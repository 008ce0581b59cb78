// The rows that wait to be written to the store: blocks and offences by their source, events and minutes of counts in their order.
import type { Event } from "./event.ts";
import type { MinuteOfCounts } from "./series/stored-series.ts";
import type { StoredBlock, StoredOffences } from "./store-rows.ts";

/** The part of a transaction that is for events, so that blocks cannot keep the record waiting until its queue is full. */
const EVENTS_SHARE = 0.25;

interface Batch {
  readonly blocks: readonly [string, StoredBlock | undefined][];
  readonly offences: readonly [string, StoredOffences][];
  readonly events: readonly Event[];
  readonly minutes: readonly MinuteOfCounts[];
}

/** A minute of an attack is some hundred rows, each of which goes to three spans. */
const MINUTES_AT_ONCE = 2;

export class WaitingRows {
  /** undefined stands for a deletion. */
  readonly blocks = new Map<string, StoredBlock | undefined>();
  readonly offences = new Map<string, StoredOffences>();
  readonly events: Event[] = [];
  readonly minutes: MinuteOfCounts[] = [];

  get count(): number {
    return this.blocks.size + this.offences.size + this.events.length + this.minutes.length;
  }

  /** What one transaction of so many rows takes; all of it goes on waiting until written() is told. */
  first(maxRows: number): Batch {
    const keptForEvents = Math.min(this.events.length, Math.floor(maxRows * EVENTS_SHARE));
    const blocks = firstOf(this.blocks, maxRows - keptForEvents);
    const offences = firstOf(this.offences, maxRows - keptForEvents - blocks.length);
    const events = this.events.slice(0, maxRows - blocks.length - offences.length);
    return { blocks, offences, events, minutes: this.minutes.slice(0, MINUTES_AT_ONCE) };
  }

  written({ blocks, offences, events, minutes }: Batch): void {
    for (const [key] of blocks) this.blocks.delete(key);
    for (const [key] of offences) this.offences.delete(key);
    this.events.splice(0, events.length);
    this.minutes.splice(0, minutes.length);
  }
}

function firstOf<T>(map: ReadonlyMap<string, T>, count: number): [string, T][] {
  const taken: [string, T][] = [];
  for (const entry of map) {
    if (taken.length >= count) break;
    taken.push(entry);
  }
  return taken;
}
