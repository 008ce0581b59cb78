// Reads events from the store in parts, and asks the filter again what SQLite has found.
import type Database from "libsql";
import type { NumberedEvent } from "./event.ts";
import { type EventFilter, passes } from "./event-filter.ts";
import { type EventRow, readEventsAfter, readEventsBefore } from "./store-sql.ts";

/** Events in one part of after(): some 5 ms. */
const PART_ROWS = 500;

export interface EventReaderParts {
  /** Runs a read; without `mustThrow` one that fails has no rows. */
  readonly read: (read: (database: Database.Database) => EventRow[], mustThrow?: boolean) => EventRow[];
  /** A row was read that is none of ours. */
  readonly badRow: () => void;
}

export class EventReader {
  readonly #parts: EventReaderParts;

  constructor(parts: EventReaderParts) {
    this.#parts = parts;
  }

  /** The newest `limit`, oldest first. */
  newest(limit: number, filter: EventFilter): NumberedEvent["event"][] {
    const found: NumberedEvent["event"][] = [];
    for (let before = Number.MAX_SAFE_INTEGER; found.length < limit; ) {
      const rows = this.#parts.read((database) => readEventsBefore(database, before, limit - found.length, filter));
      before = rows.at(-1)?.number ?? 0;
      found.push(...this.#passing(rows, filter).map(({ event }) => event));
      if (before === 0) break;
    }
    return found.reverse();
  }

  /** Those with a higher number, the oldest first. Throws when the store cannot be read. */
  *after(number: number, limit: number, filter: EventFilter): Generator<NumberedEvent> {
    for (let last = number, left = limit; left > 0; ) {
      const rows = this.#parts.read(
        (database) => readEventsAfter(database, last, Math.min(left, PART_ROWS), filter),
        true,
      );
      const end = rows.at(-1);
      if (end === undefined) return;
      last = end.number;
      const passing = this.#passing(rows, filter);
      left -= passing.length;
      yield* passing;
    }
  }

  #passing(rows: readonly EventRow[], filter: EventFilter): NumberedEvent[] {
    return rows.flatMap(({ number, event }) => {
      if (event === undefined) this.#parts.badRow();
      return event !== undefined && passes(event, filter) ? [{ number, event }] : [];
    });
  }
}
