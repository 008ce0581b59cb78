// Which events are asked for. The store asks SQLite for most of it (store-sql.ts), and everything here again: the one place that
// decides.
import { formatPrefix, isIpv4, type Prefix, parsePrefix, prefixContains } from "../wire/address.ts";
import type { Event, EventType } from "./event.ts";
import { type StoredType, storedTypesOf } from "./event-quota.ts";
import type { Condition } from "./filter-text.ts";

export interface EventFilter {
  /** Canonical text, compared as it is. */
  readonly source?: string;
  /** Any source inside. */
  readonly within?: Prefix;
  /** Events of this time and later, in milliseconds since the epoch. */
  readonly sinceMs?: number;
  /** Events before this time. */
  readonly untilMs?: number;
  readonly types?: readonly EventType[];
  /** A filter in words (filter-text.ts). */
  readonly condition?: Condition;
}

export function passes(event: Event, filter: EventFilter): boolean {
  const { source, within, sinceMs, untilMs, types, condition } = filter;
  if (condition?.(event) === false) return false;
  if (types !== undefined && !types.includes(event.type)) return false;
  if (source !== undefined && event.source !== source) return false;
  if (sinceMs !== undefined && Date.parse(event.time) < sinceMs) return false;
  if (untilMs !== undefined && Date.parse(event.time) >= untilMs) return false;
  if (within === undefined) return true;
  const about = event.source === undefined ? undefined : parsePrefix(event.source);
  return about !== undefined && prefixContains(within, about);
}

/** A condition of SQL that every event holds that passes, and its parameters; others may hold it too. */
export function conditionOf({ source, within, sinceMs, untilMs, types }: EventFilter): {
  readonly sql: string;
  readonly parameters: readonly (string | number)[];
} {
  const parts: { sql: string; parameters: readonly (string | number)[] }[] = [];
  const text = within === undefined ? "" : commonText(within);
  if (source !== undefined) parts.push({ sql: "source = ?", parameters: [source] });
  // Of texts, for which SQLite has an index: those that begin so.
  if (text !== "") parts.push({ sql: "source >= ? AND source < ?", parameters: [text, `${text}\x7f`] });
  if (sinceMs !== undefined) parts.push({ sql: "time_ms >= ?", parameters: [Math.trunc(sinceMs)] });
  if (untilMs !== undefined) parts.push({ sql: "time_ms < ?", parameters: [Math.ceil(untilMs)] });
  if (types !== undefined) {
    const stored: readonly StoredType[] = storedTypesOf(types);
    parts.push({ sql: `type IN (${stored.map(() => "?").join(", ")})`, parameters: stored });
  }
  return {
    sql: parts.map((part) => part.sql).join(" AND ") || "true",
    parameters: parts.flatMap((part) => part.parameters),
  };
}

/** How the text of each address in a network begins: whole numbers only, and before a "::" might stand. */
function commonText(network: Prefix): string {
  const text = formatPrefix(network).replace(/\/.*$/, "");
  if (isIpv4(network)) {
    const whole = Math.floor((network.bits - 96) / 8);
    return whole >= 4 ? text : join(text.split(".").slice(0, whole), ".");
  }
  if (network.bits === 128) return text;
  const groups = (text.split("::")[0] ?? "").split(":").filter((group) => group !== "");
  const whole = groups.slice(0, Math.floor(network.bits / 16));
  const zero = whole.indexOf("0");
  return join(zero < 0 ? whole : whole.slice(0, zero), ":");
}

function join(numbers: readonly string[], separator: string): string {
  return numbers.map((number) => `${number}${separator}`).join("");
}
