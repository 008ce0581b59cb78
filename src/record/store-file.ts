// Opens the store's SQLite file and says what is wrong with it: a damaged file is moved aside, a file that cannot
// be had is replaced by memory, so that detection and blocking go on. store.ts decides what is stored.
import { closeSync, constants, fchmodSync, mkdirSync, readdirSync, renameSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { basename, dirname, join } from "node:path";
import type Libsql from "libsql";
import { isFields } from "../base/checks.ts";
import { messageOf } from "../base/errors.ts";
import { openOurs } from "../base/trust.ts";
import { seriesProbe, seriesSchema } from "./series/stored-series.ts";
import { decodeBlob } from "./store-rows.ts";

// By require: importing CommonJS from a module loads a lexer that costs 10 MB resident (docs/decisions/0010).
const Database: typeof Libsql = createRequire(import.meta.url)("libsql");

export interface OpenedFile {
  readonly database: Libsql.Database;
  /** False: in memory, gone when the daemon ends. */
  readonly persistent: boolean;
  /** Tells the administrator what had to be done to open the store. */
  readonly trouble: string | undefined;
}

const SCHEMA_VERSION = 1;
/** Rowids are handed out upwards from the highest: a file that is near 2^53 was made by somebody else. */
const MAX_EVENT_ID = 2 ** 52;
const JOURNAL_BYTES = 4 * 1024 * 1024;
const KEPT_DAMAGED_FILES = 5;

const schema = `
  BEGIN IMMEDIATE;
  CREATE TABLE IF NOT EXISTS meta (schema_version integer NOT NULL);
  INSERT INTO meta SELECT ${SCHEMA_VERSION} WHERE NOT EXISTS (SELECT 1 FROM meta);
  CREATE TABLE IF NOT EXISTS blocks (source text PRIMARY KEY, since_ms integer, until_ms integer, grade text,
    soft integer, reason text, offences integer, backend text, protocol integer, port integer, made_by text) STRICT;
  CREATE TABLE IF NOT EXISTS offences (source text PRIMARY KEY, offences integer, last_end_ms integer) STRICT;
  CREATE TABLE IF NOT EXISTS events (id integer PRIMARY KEY, time_ms integer, type text, source text,
    json text) STRICT;
  CREATE INDEX IF NOT EXISTS events_by_source ON events (source);
  CREATE INDEX IF NOT EXISTS events_by_type ON events (type);
  ${seriesSchema};
  COMMIT`;

const columnProbes: readonly string[] = [
  "SELECT rowid, source, since_ms, until_ms, grade, soft, reason, offences, backend, protocol, port, made_by FROM blocks LIMIT 0",
  "SELECT rowid, source, offences, last_end_ms FROM offences LIMIT 0",
  "SELECT id, time_ms, type, source, json FROM events LIMIT 0",
  seriesProbe,
];

/** SQLite's primary result codes (sqlite.org/rescode.html) that mean: these bytes are no store of ours. */
const damageCodes: readonly number[] = [11 /* CORRUPT */, 26 /* NOTADB */];
/** ERROR: while the file is set up, it means that tables of our names have other columns. */
const FOREIGN_TABLES = 1;
const FULL = 13;

class ForeignFileError extends Error {}

export function isDamage(error: unknown): boolean {
  if (error instanceof ForeignFileError) return true;
  return damageCodes.includes(resultCode(error));
}

function resultCode(error: unknown): number {
  if (!(error instanceof Error) || !("rawCode" in error) || typeof error.rawCode !== "number") return 0;
  return error.rawCode & 0xff;
}

export function openDatabase(path: string, nowMs: number): OpenedFile {
  try {
    return { database: openFile(path), persistent: true, trouble: undefined };
  } catch (error) {
    const isDamaged = isDamage(error) || resultCode(error) === FOREIGN_TABLES;
    return isDamaged ? replaceDatabase(path, nowMs, error) : openMemory(path, error);
  }
}

/** Moves a damaged file aside and begins a new one. Connections to the old one must have been released. */
export function replaceDatabase(path: string, nowMs: number, why: unknown): OpenedFile {
  try {
    const aside = moveAside(path, nowMs);
    const trouble = `store ${path} is damaged (${messageOf(why)}); it was moved to ${aside} and a new one begun`;
    return { database: openFile(path), persistent: true, trouble };
  } catch (error) {
    return openMemory(path, error);
  }
}

function openMemory(path: string, why: unknown): OpenedFile {
  const database = new Database(":memory:");
  database.exec(schema);
  const trouble =
    `cannot open store ${path}: ${messageOf(why)}; blocks and events are kept in memory until the next start: ` +
    "make the directory writable, or see that no other program has the file open, and restart";
  return { database, persistent: false, trouble };
}

function openFile(path: string): Libsql.Database {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  // Made here so that SQLite's own files (-wal) inherit the mode, and so that what is not ours is refused.
  const fd = openOurs(path, constants.O_RDWR | constants.O_CREAT, 0o600);
  try {
    fchmodSync(fd, 0o600);
  } finally {
    closeSync(fd);
  }
  const database = new Database(path, { timeout: 1000 });
  try {
    setUp(database);
  } catch (error) {
    releaseDatabase(database);
    throw error;
  }
  return database;
}

function setUp(database: Libsql.Database): void {
  // Exclusive: a second connection (another daemon, an administrator's sqlite3) is refused, which keeps clear of
  // the WAL-reset bug of SQLite before 3.51.3, and no shared memory is mapped, so a full disk raises no SIGBUS.
  database.exec("PRAGMA locking_mode=EXCLUSIVE; PRAGMA trusted_schema=OFF; PRAGMA cell_size_check=ON");
  try {
    database.prepare("PRAGMA journal_mode=WAL").all();
  } catch (error) {
    // To begin a WAL takes room. On a full disk the file is read, and written, with the journal it has.
    if (resultCode(error) !== FULL) throw error;
  }
  database.exec(`PRAGMA synchronous=NORMAL; PRAGMA journal_size_limit=${JOURNAL_BYTES}; PRAGMA temp_store=MEMORY`);
  const check = readText(database, "SELECT cast(quick_check AS blob) AS text FROM pragma_quick_check(1)");
  if (check !== "ok") throw new ForeignFileError(check);
  database.exec(schema);
  addColumns(database);
  for (const statement of columnProbes) database.prepare(statement).all();
  const version = readText(database, "SELECT cast(schema_version AS blob) AS text FROM meta");
  if (version !== String(SCHEMA_VERSION)) {
    throw new ForeignFileError(`schema version ${version}, this program knows ${SCHEMA_VERSION}`);
  }
  const ids = readText(
    database,
    `SELECT cast(count(*) AS blob) AS text FROM events WHERE id > ${MAX_EVENT_ID} OR id < 0`,
  );
  if (ids !== "0") throw new ForeignFileError("event numbers out of range");
}

/** What versions before 0.2 did not have. */
function addColumns(database: Libsql.Database): void {
  try {
    database.prepare("SELECT made_by FROM blocks LIMIT 0").all();
  } catch (error) {
    if (resultCode(error) !== FOREIGN_TABLES) throw error;
    database.exec("ALTER TABLE blocks ADD COLUMN made_by text");
  }
}

function readText(database: Libsql.Database, sql: string): string {
  const row: unknown = database.prepare(sql).get();
  const text = decodeBlob(isFields(row) ? row.text : undefined);
  if (text === undefined) throw new ForeignFileError("not a table of ours");
  return text;
}

/**
 * Closes for good. libsql keeps a connection, and its lock, until its statements are garbage; leaving WAL mode
 * checkpoints, removes the -wal file and gives up the lock now.
 */
export function releaseDatabase(database: Libsql.Database): void {
  for (const sql of [
    "PRAGMA journal_mode=DELETE",
    "PRAGMA locking_mode=NORMAL",
    "SELECT count(*) FROM sqlite_schema",
  ]) {
    try {
      database.prepare(sql).all();
    } catch {
      // A damaged or full file: SQLite recovers from the -wal file at the next opening.
    }
  }
  database.close();
}

/** "<path>.corrupt-20261122T093501123Z", the -wal file likewise; only the newest few are kept. */
function moveAside(path: string, nowMs: number): string {
  const aside = `${path}.corrupt-${new Date(nowMs).toISOString().replace(/[-:.]/g, "")}`;
  renameSync(path, aside);
  for (const suffix of ["-wal", "-journal", "-shm"]) {
    try {
      renameSync(path + suffix, aside + suffix);
    } catch {
      // Usually there is none. One that stays is deleted by SQLite, as the new database file is empty.
    }
  }
  const folder = dirname(path);
  const damaged = readdirSync(folder).filter((name) => name.startsWith(`${basename(path)}.corrupt-`));
  const stamps = [...new Set(damaged.map((name) => name.replace(/-(wal|journal|shm)$/, "")))].sort();
  for (const old of stamps.slice(0, -KEPT_DAMAGED_FILES)) {
    for (const suffix of ["", "-wal", "-journal", "-shm"]) rmSync(join(folder, old + suffix), { force: true });
  }
  return aside;
}
