// Typed arrays that grow in steps: a table of them costs what it holds, and what a step adds is not resident until it is
// written. Each column grows by itself, so that never more than one stands in memory twice.

export type Column = Uint8Array | Uint16Array | Uint32Array | Float64Array;

const FIRST_ROWS = 1_024;
const STEP = 2;

/** How long the columns are to be for a row of this number. */
export function rowsFor(row: number): number {
  return Math.max(FIRST_ROWS, Math.ceil((row + 1) * STEP));
}

/** The column itself where it is long enough, else a longer one with the same content. */
export function grown<C extends Column>(column: C, rows: number, make: new (length: number) => C): C {
  if (column.length >= rows) return column;
  const longer = new make(rows);
  longer.set(column);
  return longer;
}
