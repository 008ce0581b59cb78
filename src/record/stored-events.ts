// Reads the events of a store that no daemon has open. Takes no lock and writes nothing: a lock would make a daemon that
// starts meanwhile go on without its store.
import { copyFileSync, mkdtempSync, rmSync, statSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type Libsql from "libsql";
import type { NumberedEvent } from "./event.ts";
import { readEventsAfter } from "./store-sql.ts";

// By require: see store-file.ts.
const Database: typeof Libsql = createRequire(import.meta.url)("libsql");

const PART_ROWS = 2000;

export interface StoredEvents {
  /** Rows that were read and are none of ours. */
  readonly badRows: number;
  /** All of them, the oldest first. Throws when the file is damaged or changes under it. */
  all(): Iterable<NumberedEvent>;
  close(): void;
}

/** Throws when the file is not there or cannot be read. */
export function openStoredEvents(path: string): StoredEvents {
  statSync(path);
  // The rows that a killed daemon has left in the -wal file are read with the rest: in a copy, as reading them takes writing.
  const copy = bytesOf(`${path}-wal`) > 0 ? copyOf(path) : undefined;
  const close = (): void => {
    if (copy !== undefined) rmSync(copy.folder, { recursive: true, force: true });
  };
  try {
    // sqlite.org/uri.html: an immutable file is neither locked nor looked at for changes.
    const database = new Database(copy?.file ?? `${pathToFileURL(path).href}?immutable=1`, {
      readonly: copy === undefined,
    });
    return new Reader(database, () => {
      database.close();
      close();
    });
  } catch (error) {
    close();
    throw error;
  }
}

class Reader implements StoredEvents {
  readonly #database: Libsql.Database;
  readonly close: () => void;
  badRows = 0;

  constructor(database: Libsql.Database, close: () => void) {
    this.#database = database;
    this.close = close;
  }

  *all(): Generator<NumberedEvent> {
    for (let after = 0; ; ) {
      const rows = readEventsAfter(this.#database, after, PART_ROWS);
      const last = rows.at(-1);
      if (last === undefined) return;
      if (last.number <= after) throw new Error("event numbers do not rise");
      after = last.number;
      for (const { number, event } of rows) {
        if (event === undefined) this.badRows++;
        else yield { number, event };
      }
    }
  }
}

function bytesOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}

function copyOf(path: string): { readonly folder: string; readonly file: string } {
  const folder = mkdtempSync(join(tmpdir(), "portreeve-"));
  const file = join(folder, "events.db");
  try {
    // The -wal file first: if a daemon empties it meanwhile, the database has what it held.
    copyFileSync(`${path}-wal`, `${file}-wal`);
    copyFileSync(path, file);
  } catch (error) {
    rmSync(folder, { recursive: true, force: true });
    throw error;
  }
  return { folder, file };
}
