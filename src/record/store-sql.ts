// The store's SQL: reading tables in large chunks, and the statements of a flush. The caller holds the
// transaction, keeps the counters and catches the errors that SQLite throws.
import type Database from "libsql";
import { isFields, parseJson } from "../base/checks.ts";
import { TABLE_BACKEND } from "../judge/block.ts";
import type { Event } from "./event.ts";
import { conditionOf, type EventFilter } from "./event-filter.ts";
import { type EventCounts, kindOf, noEvents, type StoredType, storedTypes } from "./event-quota.ts";
import {
  blockParameters,
  decodeBlob,
  eventParameters,
  offencesParameters,
  parseEvent,
  type SqlValue,
  type StoredBlock,
  type StoredOffences,
} from "./store-rows.ts";

const READ_ROWS = 500;

/** Rows as JSON arrays, some thousands a call: a call and a blob per row take three times as long. */
export function* readRows(
  database: Database.Database,
  {
    table,
    columns,
    where = "true",
  }: { readonly table: string; readonly columns: string; readonly where?: string | undefined },
): Generator<unknown> {
  const statement = database.prepare(
    `SELECT cast(json_group_array(json_array(${columns})) AS blob) AS rows, max(number) AS last
     FROM (SELECT rowid AS number, * FROM ${table} WHERE rowid > ? AND ${where} ORDER BY rowid LIMIT ${READ_ROWS})`,
  );
  for (let after: number | null = Number.MIN_SAFE_INTEGER; after !== null; ) {
    const chunk: unknown = statement.get([after]);
    const { rows, last } = isFields(chunk) ? chunk : {};
    const text = decodeBlob(rows);
    if (text === undefined || (last !== null && typeof last !== "number")) throw new Error("no rows of ours");
    const parsed = parseJson(text);
    if (Array.isArray(parsed)) yield* parsed;
    if (last !== null && last <= after) throw new Error("row numbers do not rise");
    after = last;
  }
}

/** Blocks of networks: their text has a length, and another than that by which IPv6 sources are counted. */
export const networksOnly = "source LIKE '%/%' AND source NOT LIKE '%:%/64'";

export function countBlocks(database: Database.Database, nowMs: number): { ours: number; others: number } {
  const sql = `SELECT count(*) AS lasting, sum(backend = '${TABLE_BACKEND}') AS ours FROM blocks WHERE until_ms IS NULL OR until_ms > ?`;
  const row: unknown = database.prepare(sql).get([Math.trunc(nowMs)]);
  const { lasting, ours } = isFields(row) ? row : {};
  const all = typeof lasting === "number" ? lasting : 0;
  return typeof ours === "number" ? { ours, others: all - ours } : { ours: 0, others: all };
}

export function writeBlocks(database: Database.Database, blocks: readonly [string, StoredBlock | undefined][]): void {
  if (blocks.length === 0) return;
  const put = database.prepare("REPLACE INTO blocks VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
  const remove = database.prepare("DELETE FROM blocks WHERE source = ?");
  for (const [source, block] of blocks) {
    if (block === undefined) remove.run([source]);
    else put.run(blockParameters(source, block));
  }
}

export function writeOffences(database: Database.Database, offences: readonly [string, StoredOffences][]): void {
  if (offences.length === 0) return;
  const put = database.prepare("REPLACE INTO offences VALUES (?, ?, ?)");
  for (const [source, row] of offences) put.run(offencesParameters(source, row));
}

export function writeEvents(database: Database.Database, firstId: number, events: readonly Event[]): void {
  if (events.length === 0) return;
  const add = database.prepare("INSERT INTO events VALUES (?, ?, ?, ?, ?)");
  let id = firstId;
  for (const event of events) add.run(eventParameters(id++, event));
}

export function pruneOffences(database: Database.Database, kept: number): void {
  const sql = `DELETE FROM offences WHERE rowid IN
    (SELECT rowid FROM offences ORDER BY last_end_ms DESC, rowid DESC LIMIT -1 OFFSET ?)`;
  database.prepare(sql).run([kept]);
}

export function rollBack(database: Database.Database): void {
  try {
    database.exec("ROLLBACK");
  } catch {
    // SQLite has rolled back by itself (disk full, I/O error).
  }
}

/** A row of events; the event is undefined for a row that is none of ours. */
export interface EventRow {
  readonly number: number;
  readonly event: Event | undefined;
}

/** The `limit` rows with the highest numbers below `before` that may pass the filter, the highest first. */
export function readEventsBefore(
  database: Database.Database,
  before: number,
  limit: number,
  filter: EventFilter = {},
): EventRow[] {
  const { sql, parameters } = conditionOf(filter);
  const order = "ORDER BY id DESC LIMIT ?";
  return readEventRows(database, `id < ? AND ${sql} ${order}`, [before, ...parameters, limit]);
}

/** The next `limit` rows after a number that may pass the filter. */
export function readEventsAfter(
  database: Database.Database,
  after: number,
  limit: number,
  filter: EventFilter = {},
): EventRow[] {
  const { sql, parameters } = conditionOf(filter);
  return readEventRows(database, `id > ? AND ${sql} ORDER BY id LIMIT ?`, [after, ...parameters, limit]);
}

function readEventRows(database: Database.Database, where: string, parameters: readonly SqlValue[]): EventRow[] {
  const found: EventRow[] = [];
  const statement = database.prepare(`SELECT id, cast(json AS blob) AS json FROM events WHERE ${where}`);
  for (const row of statement.iterate([...parameters])) {
    const { id, json } = isFields(row) ? row : {};
    const text = decodeBlob(json);
    if (typeof id !== "number") throw new Error("an event without a number");
    found.push({ number: id, event: text === undefined ? undefined : parseEvent(text) });
  }
  return found;
}

/** Returns how many rows were deleted. */
export function deleteOldestEvents(database: Database.Database, types: readonly StoredType[], count: number): number {
  const names = types.map(() => "?").join(", ");
  const sql = `DELETE FROM events WHERE id IN (SELECT id FROM events WHERE type IN (${names}) ORDER BY id LIMIT ?)`;
  return database.prepare(sql).run([...types, count]).changes;
}

/** The highest event number, 0 without any, and how many events there are of each kind. */
export function readEventIds(database: Database.Database): { readonly newest: number; readonly counts: EventCounts } {
  const ids: unknown = database.prepare("SELECT max(id) AS newest FROM events").get();
  const { newest } = isFields(ids) ? ids : {};
  const counts = noEvents();
  const count = database.prepare("SELECT count(*) AS count FROM events WHERE type = ?");
  for (const type of storedTypes) {
    const row: unknown = count.get([type]);
    const { count: ofType } = isFields(row) ? row : {};
    if (typeof ofType === "number") counts[kindOf(type)] += ofType;
  }
  return { newest: typeof newest === "number" ? newest : 0, counts };
}
