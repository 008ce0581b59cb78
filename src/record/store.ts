// What the store of the daemon promises: blocks, offences and events that survive a restart.
import type { Prefix } from "../wire/address.ts";
import type { Event, NumberedEvent } from "./event.ts";
import type { EventFilter } from "./event-filter.ts";
import type { SeriesStore } from "./series/series.ts";
import type { StoredBlock, StoredOffences } from "./store-rows.ts";

export type { StoredBlock, StoredOffences } from "./store-rows.ts";

export interface StoreLimits {
  /**
   * Events kept; a tenth goes when there are more: the oldest of the kinds that have more than their part (event-quota.ts).
   */
  readonly maxEvents: number;
  /** Sources whose offences are remembered; those whose block ended first go. */
  readonly maxOffences?: number;
  /** Queued events while the store fails; further ones are dropped and counted. */
  readonly maxPendingEvents?: number;
  /** Queued changes of blocks (and of offences) while the store fails; the oldest are dropped and counted. */
  readonly maxPendingBlocks?: number;
}

export interface StoreListener {
  /** Called once when the store begins to fail; during openStore too. */
  onTrouble(message: string): void;
  /** Called once when a flush works again. */
  onRecovered(message: string): void;
  /** A damaged file was replaced while running: the new one is empty, put every block and offence again. */
  onReplaced?(): void;
}

export interface EventQuery extends EventFilter {
  readonly limit: number;
}

export type StoreCounters = {
  /** Transactions and reads that failed. */
  readonly storeErrors: number;
  readonly eventsDropped: number;
  /** Changes of blocks and offences that were dropped. */
  readonly blocksDropped: number;
  /** Minutes of counts that were dropped. */
  readonly minutesDropped: number;
  /** Rows that were read and are none of ours. */
  readonly badRows: number;
};

export interface Store extends SeriesStore {
  /** False: the store is in memory, because the file could not be had. */
  readonly persistent: boolean;
  readonly counters: StoreCounters;
  /** As stored: blocks whose time is over are among them. */
  loadBlocks(): StoredBlock[];
  /** The same one by one, in the order in which they were written, for there may be a million. */
  blocks(): Iterable<StoredBlock>;
  /** How many blocks have time left; those that are not the built-in table's apart. */
  countBlocks(nowMs: number): { readonly ours: number; readonly others: number };
  /** Blocks of prefixes that are neither a single address nor a /64. */
  networks(): Iterable<StoredBlock>;
  loadOffences(): StoredOffences[];
  offences(): Iterable<StoredOffences>;
  putBlock(block: StoredBlock): void;
  deleteBlock(source: Prefix): void;
  putOffence(offences: StoredOffences): void;
  /** Its number, by which a reader asks for what came after it; undefined: it was dropped. */
  addEvent(event: Event): number | undefined;
  /** The newest `limit`, oldest first, those not yet flushed included. */
  events(query: EventQuery): Event[];
  /**
   * Those with a higher number than `after`, the oldest first, at most `limit`; read in parts, as they are asked for. The
   * one reading that throws when the store fails: a reader of the whole record must know that it was cut short.
   */
  eventsAfter(after: number, limit: number, filter?: EventFilter): Iterable<NumberedEvent>;
  /** Writes what is queued, a bounded part at a time; while the store fails it tries once a second. */
  flush(): void;
  /** Whether the last flush has left something that another one would write. */
  readonly hasMore: boolean;
  close(): void;
}
