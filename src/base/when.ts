// A moment in the past as a person types it on a command line: a time before now, or a date of the reader's own clock.
import { parseDuration } from "./duration.ts";

/** How it may be written, for messages and help. */
export const whenExamples = '"12h", "7d", "22:00", "yesterday 22:00", "2026-11-22" or "2026-11-22 10:00"';

/** In milliseconds since the epoch; undefined for anything else. */
export function parseWhen(text: string, nowMs: number): number | undefined {
  const spanMs = parseDuration(text);
  if (spanMs !== undefined) return nowMs - spanMs;
  const words = text.trim();
  const named = /^(?:(today|yesterday)(?:[ T](\d\d?:\d\d))?|(\d\d?:\d\d))$/.exec(words);
  if (named !== null) return ofDay(named[1] === "yesterday" ? 1 : 0, named[2] ?? named[3] ?? "0:00", nowMs);
  const [, day, time = "00:00", zone = ""] =
    /^(\d{4}-\d\d-\d\d)(?:[ T](\d\d:\d\d(?::\d\d(?:\.\d{1,3})?)?)(Z?))?$/.exec(words) ?? [];
  const ms = day === undefined ? Number.NaN : Date.parse(`${day}T${time}${zone}`);
  return Number.isNaN(ms) ? undefined : ms;
}

/** Of the day so many days ago, by the reader's clock. */
function ofDay(daysAgo: number, time: string, nowMs: number): number | undefined {
  const [hours = 0, minutes = 0] = time.split(":").map(Number);
  if (hours > 23 || minutes > 59) return undefined;
  const day = new Date(nowMs);
  return new Date(day.getFullYear(), day.getMonth(), day.getDate() - daysAgo, hours, minutes).getTime();
}
