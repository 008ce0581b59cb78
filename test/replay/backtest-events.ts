// A record of a few sources for the tests of backtest: a scanner, a client with slips, a slow scanner.
import type { Event, NumberedEvent } from "../../src/record/event.ts";

export const START = Date.UTC(2026, 10, 16, 10);
export const HOUR_MS = 3_600_000;
export const SCANNER = "198.51.100.7";
export const CLIENT = "192.0.2.2";
export const SLOW = "203.0.113.9";

export function probe(source: string, port: number, atMs: number, more: Partial<Event> = {}): Event {
  const time = new Date(START + atMs).toISOString();
  const about = { protocol: "tcp", port, kind: "syn", action: "logged", disposition: "probe" } as const;
  return { time, type: "probe", source, ...about, ...more };
}

/** In the order of their times, numbered from `first`. */
export function numbered(events: readonly Event[], first = 1): NumberedEvent[] {
  return [...events]
    .sort((a, b) => Date.parse(a.time) - Date.parse(b.time))
    .map((event, index) => ({ number: first + index, event }));
}

/** 20 ports within 2 s. */
export const scan: readonly Event[] = Array.from({ length: 20 }, (_, index) =>
  probe(SCANNER, 1000 + index, 100 * index),
);

/** One wrong port, twice, and the habitual 443 besides. */
export const slips: readonly Event[] = [
  probe(CLIENT, 8081, HOUR_MS),
  probe(CLIENT, 8081, HOUR_MS + 1000),
  probe(CLIENT, 443, HOUR_MS + 2000, { disposition: "quiet" }),
];

/** A port an hour for 30 hours. */
export const slow: readonly Event[] = Array.from({ length: 30 }, (_, index) =>
  probe(SLOW, 2000 + index, index * HOUR_MS),
);
