// The store in one SQLite file. Writes are queued and go to SQLite in one transaction per flush(), on the one connection
// and the main thread. A store that fails is counted and said once; nothing throws.
import { messageOf } from "../base/errors.ts";
import { formatPrefix, type Prefix } from "../wire/address.ts";
import type { Event, NumberedEvent } from "./event.ts";
import { type EventFilter, passes } from "./event-filter.ts";
import { type EventCounts, kindOf, noEvents, storedTypeOf, surplus, typesOf } from "./event-quota.ts";
import { EventReader } from "./event-reader.ts";
import { FlushSize, LEAST_ROWS } from "./flush-size.ts";
import type { Count } from "./series/dimensions.ts";
import {
  type MinuteOfCounts,
  readTop,
  type SeriesQuery,
  type SeriesRow,
  SeriesWriter,
  seriesRows,
} from "./series/stored-series.ts";
import type { EventQuery, Store, StoreLimits, StoreListener } from "./store.ts";
import { isDamage, type OpenedFile, openDatabase, releaseDatabase, replaceDatabase } from "./store-file.ts";
import {
  blockColumns,
  blockParser,
  offencesColumns,
  parseOffences,
  type StoredBlock,
  type StoredOffences,
  type StoredTable,
} from "./store-rows.ts";
import {
  countBlocks,
  deleteOldestEvents,
  networksOnly,
  pruneOffences,
  readEventIds,
  readRows,
  rollBack,
  writeBlocks,
  writeEvents,
  writeOffences,
} from "./store-sql.ts";
import { WaitingRows } from "./waiting-rows.ts";

const RETRY_AFTER_MS = 1000;
const MAX_QUERY_EVENTS = 100_000;
/** While the store fails. */
const MAX_PENDING_MINUTES = 60;
/** Share that stays when a table is pruned, so that pruning is rare. */
const KEPT_SHARE = 0.9;

export function openStore(path: string, nowMs: () => number, limits: StoreLimits, listener: StoreListener): Store {
  return new SqliteStore({ path, nowMs, limits, listener });
}

interface StoreOptions {
  readonly path: string;
  readonly nowMs: () => number;
  readonly limits: StoreLimits;
  readonly listener: StoreListener;
}

class SqliteStore implements Store {
  readonly counters = { storeErrors: 0, eventsDropped: 0, blocksDropped: 0, minutesDropped: 0, badRows: 0 };
  readonly #options: StoreOptions;
  readonly #limits: Required<StoreLimits>;
  #file: OpenedFile;
  readonly #waiting = new WaitingRows();
  #newestEventId = 0;
  /** How many events of each kind the file has. */
  #eventCounts: EventCounts = noEvents();
  /** Upserts since the table was last pruned; begins at the bound, so that the first flush prunes. */
  #offencesWritten: number;
  #troubled = false;
  #failedMs = 0;
  #flushing = false;
  readonly #flushSize = new FlushSize();
  readonly #seriesWriter = new SeriesWriter();
  readonly #events = new EventReader({
    read: (read, mustThrow) => this.#read([], read, mustThrow),
    badRow: () => {
      this.counters.badRows++;
    },
  });
  #closed = false;

  constructor(options: StoreOptions) {
    this.#options = options;
    this.#limits = { maxOffences: 262_144, maxPendingEvents: 5000, maxPendingBlocks: 65_536, ...options.limits };
    this.#offencesWritten = this.#limits.maxOffences;
    this.#file = openDatabase(options.path, options.nowMs());
    if (this.#file.trouble !== undefined) this.#report(this.#file.trouble);
    this.#readEventIds();
  }

  get persistent(): boolean {
    return this.#file.persistent;
  }

  loadBlocks(): StoredBlock[] {
    this.#flushAll();
    return this.#load({ table: "blocks", columns: blockColumns, parse: blockParser() }, (block) =>
      this.putBlock(block),
    );
  }

  *blocks(): Generator<StoredBlock> {
    this.#flushAll();
    yield* this.#rows({ table: "blocks", columns: blockColumns, parse: blockParser() });
  }

  countBlocks(nowMs: number): { ours: number; others: number } {
    this.#flushAll();
    try {
      return countBlocks(this.#file.database, nowMs);
    } catch (error) {
      this.#fail(error, "read");
      return { ours: 0, others: 0 };
    }
  }

  *networks(): Generator<StoredBlock> {
    this.#flushAll();
    yield* this.#rows({ table: "blocks", columns: blockColumns, parse: blockParser(), where: networksOnly });
  }

  loadOffences(): StoredOffences[] {
    this.#flushAll();
    return this.#load({ table: "offences", columns: offencesColumns, parse: parseOffences }, (row) =>
      this.putOffence(row),
    );
  }

  *offences(): Generator<StoredOffences> {
    this.#flushAll();
    yield* this.#rows({ table: "offences", columns: offencesColumns, parse: parseOffences });
  }

  putBlock(block: StoredBlock): void {
    this.#queue(this.#waiting.blocks, formatPrefix(block.source), block);
  }

  deleteBlock(source: Prefix): void {
    this.#queue(this.#waiting.blocks, formatPrefix(source), undefined);
  }

  putOffence(offences: StoredOffences): void {
    this.#queue(this.#waiting.offences, formatPrefix(offences.source), offences);
  }

  addEvent(event: Event): number | undefined {
    // A burst is written at once; only a store that fails makes events be dropped.
    const { events } = this.#waiting;
    if (events.length >= this.#limits.maxPendingEvents) this.flush();
    if (events.length >= this.#limits.maxPendingEvents || this.#closed) {
      this.counters.eventsDropped++;
      return undefined;
    }
    return this.#newestEventId + events.push(event);
  }

  addMinute(minute: MinuteOfCounts): void {
    this.#waiting.minutes.push(minute);
    if (this.#waiting.minutes.length <= MAX_PENDING_MINUTES) return;
    this.#waiting.minutes.shift();
    this.counters.minutesDropped++;
  }

  *series(query: SeriesQuery): Generator<SeriesRow> {
    this.flush();
    yield* seriesRows(query, (read) => this.#read([], read));
  }

  top(query: SeriesQuery, limit: number): Count[] {
    this.flush();
    return this.#read([], (database) => readTop(database, query, limit));
  }

  events({ limit, ...filter }: EventQuery): Event[] {
    this.flush();
    const wanted = Math.min(Math.floor(limit), MAX_QUERY_EVENTS);
    if (!(wanted > 0)) return [];
    const pending = this.#waiting.events.filter((event) => passes(event, filter));
    const missing = wanted - pending.length;
    if (missing <= 0) return pending.slice(-wanted);
    return [...this.#events.newest(missing, filter), ...pending];
  }

  eventsAfter(after: number, limit: number, filter: EventFilter = {}): Generator<NumberedEvent> {
    this.flush();
    return this.#events.after(after, limit, filter);
  }

  flush(): void {
    if (this.#flushing || this.#closed || this.#waiting.count === 0) return;
    const rows = this.#troubled ? LEAST_ROWS : this.#flushSize.rows;
    const startMs = performance.now();
    if (this.#troubled && Math.abs(this.#options.nowMs() - this.#failedMs) < RETRY_AFTER_MS) return;
    this.#flushing = true;
    try {
      const written = this.#write(rows);
      this.#flushSize.took(performance.now() - startMs, written === rows);
      if (this.#troubled) {
        this.#troubled = false;
        this.#options.listener.onRecovered(`store ${this.#options.path}: writing works again`);
      }
    } catch (error) {
      this.#fail(error, "write");
    } finally {
      this.#flushing = false;
    }
  }

  get hasMore(): boolean {
    return !this.#troubled && !this.#closed && this.#waiting.count > 0;
  }

  close(): void {
    if (this.#closed) return;
    this.#failedMs = Number.NEGATIVE_INFINITY;
    this.#flushAll();
    this.#closed = true;
    releaseDatabase(this.#file.database);
  }

  /** Flushes until nothing is queued or nothing more goes. */
  #flushAll(): void {
    for (let before = Number.POSITIVE_INFINITY; this.#waiting.count < before && this.#waiting.count > 0; ) {
      before = this.#waiting.count;
      this.flush();
    }
  }

  #queue<T>(map: Map<string, T>, key: string, value: T): void {
    if (map.size >= this.#limits.maxPendingBlocks && !map.has(key)) {
      this.flush();
      const oldest = map.keys().next();
      if (map.size >= this.#limits.maxPendingBlocks && oldest.done === false) {
        map.delete(oldest.value);
        this.counters.blocksDropped++;
      }
    }
    map.set(key, value);
  }

  /** One transaction; the written rows leave the queues only after the commit. Returns how many rows. */
  #write(maxRows: number): number {
    const { database } = this.#file;
    const { blocks, offences, events, minutes } = this.#waiting.first(maxRows);
    const newestId = this.#newestEventId + events.length;
    const eventCounts = { ...this.#eventCounts };
    let offencesWritten = this.#offencesWritten + offences.length;
    if (database.inTransaction) rollBack(database);
    database.exec("BEGIN IMMEDIATE");
    try {
      writeBlocks(database, blocks);
      writeOffences(database, offences);
      if (offences.length > 0 && offencesWritten > this.#limits.maxOffences * (1 - KEPT_SHARE)) {
        pruneOffences(database, Math.floor(this.#limits.maxOffences * KEPT_SHARE));
        offencesWritten = 0;
      }
      writeEvents(database, this.#newestEventId + 1, events);
      for (const event of events) eventCounts[kindOf(storedTypeOf(event))]++;
      for (const [kind, count] of surplus(eventCounts, this.#limits.maxEvents, KEPT_SHARE)) {
        eventCounts[kind] -= deleteOldestEvents(database, typesOf(kind), count);
      }
      this.#seriesWriter.write(database, minutes);
      database.exec("COMMIT");
    } catch (error) {
      rollBack(database);
      throw error;
    }
    this.#newestEventId = newestId;
    this.#eventCounts = eventCounts;
    this.#offencesWritten = offencesWritten;
    this.#waiting.written({ blocks, offences, events, minutes });
    return blocks.length + offences.length + events.length;
  }

  /** Reports a failure once until a flush works again. A damaged file is replaced at once, whichever call met the damage. */
  #fail(error: unknown, what: "read" | "write"): void {
    this.counters.storeErrors++;
    const { path, nowMs, listener } = this.#options;
    const isNew = !this.#troubled;
    this.#troubled = true;
    this.#failedMs = nowMs();
    let message = `cannot ${what} store ${path}: ${messageOf(error)}; blocks are kept in memory and tried again each second`;
    const isReplaced = isDamage(error) && this.#file.persistent;
    if (isReplaced) {
      releaseDatabase(this.#file.database);
      this.#file = replaceDatabase(path, this.#failedMs, error);
      message = this.#file.trouble ?? message;
      this.#readEventIds();
      this.#offencesWritten = this.#limits.maxOffences;
    }
    if (isNew) this.#report(message);
    if (isReplaced) listener.onReplaced?.();
  }

  #report(message: string): void {
    this.#options.listener.onTrouble(message);
  }

  #readEventIds(): void {
    try {
      const { newest, counts } = readEventIds(this.#file.database);
      this.#newestEventId = newest;
      this.#eventCounts = counts;
    } catch (error) {
      this.#fail(error, "read");
    }
  }

  /** Rows that were read before the file proved damaged are used, and put into the file that took its place. */
  #load<T>(table: StoredTable<T>, put: (row: T) => void): T[] {
    const { database } = this.#file;
    const loaded = [...this.#rows(table)];
    if (this.#file.database !== database) for (const row of loaded) put(row);
    return loaded;
  }

  /** Ends where the file proves damaged. The caller puts the rows that were read into the new file (onReplaced). */
  *#rows<T>({ table, columns, parse, where }: StoredTable<T>): Generator<T> {
    try {
      for (const row of readRows(this.#file.database, { table, columns, where })) {
        const parsed = parse(row);
        if (parsed === undefined) this.counters.badRows++;
        else yield parsed;
      }
    } catch (error) {
      this.#fail(error, "read");
    }
  }

  /** `mustThrow`: what cannot be read is an error of the caller's as well, and not merely absent. */
  #read<T>(otherwise: T, read: (database: OpenedFile["database"]) => T, mustThrow = false): T {
    try {
      return read(this.#file.database);
    } catch (error) {
      this.#fail(error, "read");
      if (mustThrow) throw error;
      return otherwise;
    }
  }
}
