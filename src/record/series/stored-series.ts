// The counts in the store's file: a row for each span, dimension, beginning and value. What a minute has counted is added to its
// minute, its hour and its day, so that a question about a year reads days.
import type Database from "libsql";
import { isFields } from "../../base/checks.ts";
import { decodeBlob } from "../store-rows.ts";
import {
  type Count,
  type Dimension,
  dimensions,
  OTHER,
  type SpanName,
  spanNames,
  spans,
  startOf,
} from "./dimensions.ts";

/** `dimension` and `span` are places in dimensions.ts. */
export const seriesSchema = `CREATE TABLE IF NOT EXISTS counts (span integer, dimension integer, start_s integer, value text,
  count integer, PRIMARY KEY (span, dimension, start_s, value)) STRICT, WITHOUT ROWID`;
export const seriesProbe = "SELECT span, dimension, start_s, value, count FROM counts LIMIT 0";

/** Rows in one part: some 5 ms. */
const PART_ROWS = 1_000;

/** The counts of a minute, on their way to the file. */
export interface MinuteOfCounts {
  /** Seconds since the epoch, by the wall clock. */
  readonly startSeconds: number;
  readonly counts: readonly Count[];
}

export interface SeriesQuery {
  readonly by: Dimension;
  readonly span: SpanName;
  /** Milliseconds since the epoch. Spans that begin in this time are read. */
  readonly sinceMs: number;
  readonly untilMs: number;
  /** Only this value. */
  readonly value?: string;
}

export interface SeriesRow {
  readonly startSeconds: number;
  readonly value: string;
  readonly count: number;
}

/** Writes minutes; the caller holds the transaction. The first of each hour drops what is too old. */
export class SeriesWriter {
  #hour = -1;

  write(database: Database.Database, minutes: readonly MinuteOfCounts[]): void {
    for (const minute of minutes) {
      writeMinute(database, minute);
      const hour = startOf("hour", minute.startSeconds);
      if (hour !== this.#hour) pruneSeries(database, minute.startSeconds);
      this.#hour = hour;
    }
  }
}

function writeMinute(database: Database.Database, { startSeconds, counts }: MinuteOfCounts): void {
  const add = addTo(database);
  for (const [index, name] of spanNames.entries()) {
    const start = startOf(name, startSeconds);
    for (const { by, value, count } of counts) add.run([index, dimensions.indexOf(by), start, value, count]);
  }
}

/** Drops what is too old, and folds the hours and days that run or are just over. */
function pruneSeries(database: Database.Database, nowSeconds: number): void {
  for (const [span, name] of spanNames.entries()) {
    const { seconds, keptSeconds, values } = spans[name];
    const drop = database.prepare("DELETE FROM counts WHERE span = ? AND dimension = ? AND start_s < ?");
    for (const dimension of dimensions.keys()) {
      drop.run([span, dimension, nowSeconds - keptSeconds]);
      if (name === "minute") continue;
      const now = startOf(name, nowSeconds);
      for (const start of [now - seconds, now]) foldLowest(database, [span, dimension, start], values);
    }
  }
}

/** Adds up the values beyond the span's number of them, in a day that runs too: a year of attacks makes no more rows than a day of them. */
function foldLowest(database: Database.Database, at: readonly [number, number, number], values: number): void {
  const lowest = `value IN (SELECT value FROM counts WHERE span = ? AND dimension = ? AND start_s = ? AND value != '${OTHER}'
    ORDER BY count DESC, value LIMIT -1 OFFSET ${values})`;
  const there = `span = ? AND dimension = ? AND start_s = ? AND ${lowest}`;
  const row: unknown = database.prepare(`SELECT sum(count) AS sum FROM counts WHERE ${there}`).get([...at, ...at]);
  const { sum } = isFields(row) ? row : {};
  if (typeof sum !== "number") return;
  database.prepare(`DELETE FROM counts WHERE ${there}`).run([...at, ...at]);
  addTo(database).run([...at, OTHER, sum]);
}

function addTo(database: Database.Database) {
  return database.prepare(
    `INSERT INTO counts VALUES (?, ?, ?, ?, ?)
     ON CONFLICT DO UPDATE SET count = min(count + excluded.count, ${Number.MAX_SAFE_INTEGER})`,
  );
}

/** The oldest first, read in parts. `run` has the database and catches its errors. */
export function* seriesRows(
  query: SeriesQuery,
  run: (read: (database: Database.Database) => SeriesRow[]) => SeriesRow[],
): Generator<SeriesRow> {
  for (let last: Pick<SeriesRow, "startSeconds" | "value"> = { startSeconds: -1, value: "" }; ; ) {
    const rows = run((database) => readSeries(database, query, last, PART_ROWS));
    yield* rows;
    const end = rows.at(-1);
    if (end === undefined) return;
    last = end;
  }
}

/** The next `limit` rows after one, the oldest first. */
function readSeries(
  database: Database.Database,
  query: SeriesQuery,
  after: Pick<SeriesRow, "startSeconds" | "value">,
  limit: number,
): SeriesRow[] {
  const { sql, parameters } = conditionOf(query);
  const statement = database.prepare(
    `SELECT start_s, cast(value AS blob) AS value, count FROM counts
     WHERE ${sql} AND (start_s, value) > (?, ?) ORDER BY start_s, counts.value LIMIT ?`,
  );
  return statement.all([...parameters, after.startSeconds, after.value, limit]).flatMap(rowOf);
}

/** The values and their sums over the time, the highest first; OTHER is one of them. */
export function readTop(database: Database.Database, query: SeriesQuery, limit: number): Count[] {
  const { sql, parameters } = conditionOf(query);
  const statement = database.prepare(
    `SELECT 0 AS start_s, cast(value AS blob) AS value, sum(count) AS count FROM counts WHERE ${sql}
     GROUP BY counts.value ORDER BY 3 DESC, counts.value LIMIT ?`,
  );
  return statement
    .all([...parameters, limit])
    .flatMap(rowOf)
    .map(({ value, count }) => ({ by: query.by, value, count }));
}

function rowOf(row: unknown): SeriesRow[] {
  const { start_s, value, count } = isFields(row) ? row : {};
  const text = decodeBlob(value);
  if (typeof start_s !== "number" || typeof count !== "number" || text === undefined) return [];
  return [{ startSeconds: start_s, value: text, count }];
}

function conditionOf({ by, span, sinceMs, untilMs, value }: SeriesQuery) {
  const parameters: (string | number)[] = [
    ...[spanNames.indexOf(span), dimensions.indexOf(by)],
    ...[startOf(span, Math.floor(sinceMs / 1000)), Math.ceil(untilMs / 1000)],
  ];
  const sql = "span = ? AND dimension = ? AND start_s >= ? AND start_s < ?";
  return value === undefined
    ? { sql, parameters }
    : { sql: `${sql} AND value = ?`, parameters: [...parameters, value] };
}
