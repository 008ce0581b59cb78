// What the record counts by, and how long and how finely it keeps the counts. The counts outlive the events, of which only the
// newest MAX_EVENTS are kept.

/**
 * Probes by kind of scan ("syn"), by port ("tcp/22") and by the network that they came from (an IPv4 /24, an IPv6 /48); findings by
 * tool ("nmap"); and what was done ("probe held", "finding block", "block silence", "unblock expired").
 */
export const dimensions = ["kind", "port", "network", "tool", "action"] as const;
export type Dimension = (typeof dimensions)[number];

/** The sum of all values that have no row of their own. */
export const OTHER = "other";

export interface Count {
  readonly by: Dimension;
  readonly value: string;
  readonly count: number;
}

export const spanNames = ["minute", "hour", "day"] as const;
export type SpanName = (typeof spanNames)[number];

export interface Span {
  readonly seconds: number;
  /** How long counts are kept, in seconds. */
  readonly keptSeconds: number;
  /** Values of one dimension that have rows of their own, those with the highest counts; the others are added up in OTHER. */
  readonly values: number;
}

const HOUR = 3_600;
const DAY = 24 * HOUR;

/** A day of UTC. Thirteen months of days: a month can be compared with the same month a year ago. */
export const spans: Readonly<Record<SpanName, Span>> = {
  minute: { seconds: 60, keptSeconds: 2 * DAY, values: 32 },
  hour: { seconds: HOUR, keptSeconds: 62 * DAY, values: 64 },
  day: { seconds: DAY, keptSeconds: 400 * DAY, values: 256 },
};

/** The beginning of the span in which a moment lies; both in seconds since the epoch. */
export function startOf(span: SpanName, seconds: number): number {
  return Math.floor(seconds / spans[span].seconds) * spans[span].seconds;
}

/** The values with the highest counts, and the sum of the others as OTHER. */
export function highest(counts: readonly Count[], values: number): Count[] {
  const named = counts.filter(({ value }) => value !== OTHER).sort((a, b) => b.count - a.count);
  const rest = [...named.slice(values), ...counts.filter(({ value }) => value === OTHER)];
  const sum = rest.reduce((total, { count }) => total + count, 0);
  const [first] = rest;
  return [...named.slice(0, values), ...(first === undefined ? [] : [{ by: first.by, value: OTHER, count: sum }])];
}
