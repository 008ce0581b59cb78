// How many rows one transaction of the store may write: a busy disk takes ten times as long, so the number follows what
// the last transactions took.

const MOST_ROWS = 4_000;
/** Also the number while it is not known whether transactions work. */
export const LEAST_ROWS = 500;
/** A transaction that has taken longer halves the number; a full one that has taken a quarter of this time doubles it. */
const FLUSH_MS = 20;

export class FlushSize {
  rows = MOST_ROWS / 4;

  took(ms: number, wasFull: boolean): void {
    if (ms > FLUSH_MS) this.rows = Math.max(LEAST_ROWS, Math.floor(this.rows / 2));
    else if (wasFull && ms < FLUSH_MS / 4) this.rows = Math.min(MOST_ROWS, this.rows * 2);
  }
}
