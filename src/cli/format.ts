// Times, numbers and tables as people read them. Text that is not ours is escaped by those who call.
import { plural as pluralOf } from "../base/plural.ts";
import { wrapWords } from "../base/wrap-words.ts";

/** "2026-11-22 10:00:00" in the time zone of the reader, as the system's own logs have it; other text unchanged. */
export function formatTime(iso: string): string {
  const time = new Date(iso);
  if (Number.isNaN(time.getTime())) return iso;
  const two = (value: number): string => String(value).padStart(2, "0");
  const day = `${time.getFullYear()}-${two(time.getMonth() + 1)}-${two(time.getDate())}`;
  return `${day} ${two(time.getHours())}:${two(time.getMinutes())}:${two(time.getSeconds())}`;
}

const units = [
  ["d", 86_400_000],
  ["h", 3_600_000],
  ["m", 60_000],
  ["s", 1000],
] as const;

/** The two largest units: "3d 4h", "12m 5s", "0s". */
export function formatSpan(spanMs: number): string {
  let restMs = Math.max(0, Math.round(spanMs / 1000) * 1000);
  const parts: string[] = [];
  for (const [unit, unitMs] of units) {
    const whole = Math.floor(restMs / unitMs);
    restMs -= whole * unitMs;
    if (whole > 0) parts.push(`${whole}${unit}`);
    // "3d 20s" would pretend to a precision that it does not have.
    if (parts.length === 2 || (parts.length === 1 && whole === 0)) break;
  }
  return parts.length === 0 ? "0s" : parts.join(" ");
}

/** "1,234,567" */
export function formatCount(count: number): string {
  return String(count).replace(/\B(?=(\d{3})+$)/g, ",");
}

/** "1 probe", "2,000 probes" */
export function plural(count: number, one: string, many?: string): string {
  return pluralOf(count, one, many, formatCount);
}

/** "1st", "2nd", "11th" */
export function ordinal(number: number): string {
  const tens = number % 100;
  const suffix = tens >= 11 && tens <= 13 ? "th" : (["th", "st", "nd", "rd"][number % 10] ?? "th");
  return `${number}${suffix}`;
}

/** Rows that are looked at to find the columns' widths; a table may have a million more. */
const measuredRows = 500;

/** Less room than this for the last column, and it begins a line of its own. */
const leastColumns = 24;
/** How far such a line is indented. */
const indentOfRest = 4;

/**
 * Aligned lines, the head first; nothing when there are no rows. Every row has as many cells as the head. Where lines may be so
 * many columns wide only, the last column is wrapped at words.
 */
export async function* tableLines(
  head: readonly string[],
  rows: AsyncIterable<readonly string[]>,
  columns?: number,
): AsyncGenerator<string> {
  const first: (readonly string[])[] = [];
  let widths: readonly number[] | undefined;
  for await (const row of rows) {
    if (widths !== undefined) {
      yield alignRow(row, widths, columns);
      continue;
    }
    first.push(row);
    if (first.length < measuredRows) continue;
    widths = measure(head, first);
    yield* alignRows(head, first, widths, columns);
  }
  if (widths === undefined && first.length > 0) yield* alignRows(head, first, measure(head, first), columns);
}

function measure(head: readonly string[], rows: readonly (readonly string[])[]): number[] {
  return head.map((title, column) =>
    rows.reduce((width, row) => Math.max(width, row[column]?.length ?? 0), title.length),
  );
}

function* alignRows(
  head: readonly string[],
  rows: readonly (readonly string[])[],
  widths: readonly number[],
  columns: number | undefined,
): Generator<string> {
  yield alignRow(head, widths, columns);
  for (const row of rows) yield alignRow(row, widths, columns);
}

/** One row of a table whose columns, but for the last one, are so wide at least; with the end of its line. */
export function alignRow(row: readonly string[], widths: readonly number[], columns?: number): string {
  const aligned = row.slice(0, -1).map((cell, column) => `${cell.padEnd(widths[column] ?? 0)}  `);
  return `${wrapAfter(aligned.join(""), row.at(-1) ?? "", columns).trimEnd()}\n`;
}

function wrapAfter(before: string, text: string, columns = Number.POSITIVE_INFINITY): string {
  if (before.length + text.length <= columns) return before + text;
  const isBeside = columns - before.length >= leastColumns;
  const indent = " ".repeat(isBeside ? before.length : indentOfRest);
  const lines = wrapWords(text, Math.max(columns - indent.length, leastColumns));
  return isBeside ? before + lines.join(`\n${indent}`) : [before.trimEnd(), ...lines].join(`\n${indent}`);
}
