// What was counted over time, as clients ask for it: each value in each span, or the values with the highest sums.
import { isoTime } from "../base/clock.ts";
import type { Reply } from "../control/api.ts";
import type { CountRequest, SeriesEntry, SeriesRequest, TopEntry, TopRequest } from "../control/record-api.ts";
import { refuse } from "../control/target.ts";
import type { Daemon } from "../daemon/daemon.ts";
import { type Dimension, dimensions, spanNames } from "../record/series/dimensions.ts";

const DAY_MS = 86_400_000;
const TOP_VALUES = 20;
const MAX_TOP_VALUES = 1_000;

type CountsOf = Pick<Daemon, "series" | "clock">;

export function series(of: CountsOf, request: SeriesRequest): Reply<Iterable<SeriesEntry>> {
  const asked = timeOf(of, request);
  if ("refused" in asked) return asked;
  const span = spanNames.find((name) => name === request.span);
  if (span === undefined)
    return refuse("bad-count", `counts are kept by ${spanNames.join(", ")}, not by "${request.span}"`);
  const { value } = request;
  return { ok: entries(of, { ...asked.ok, span, ...(value !== undefined && { value }) }) };
}

function* entries({ series }: CountsOf, query: Parameters<Daemon["series"]["rows"]>[0]): Generator<SeriesEntry> {
  for (const { startSeconds, value, count } of series.rows(query))
    yield { start: isoTime(startSeconds * 1000), value, count };
}

export function top(of: CountsOf, request: TopRequest): Reply<readonly TopEntry[]> {
  const asked = timeOf(of, request);
  if ("refused" in asked) return asked;
  const counts = of.series.top(asked.ok, Math.min(request.limit ?? TOP_VALUES, MAX_TOP_VALUES));
  return { ok: counts.map(({ value, count }) => ({ value, count })) };
}

/** The record has the wall clock's times. Without a beginning: the day before the end. */
function timeOf({ clock }: CountsOf, { by: name, sinceMs, untilMs }: CountRequest) {
  const by: Dimension | undefined = dimensions.find((dimension) => dimension === name);
  if (by === undefined) return refuse("bad-count", `there are no counts by "${name}": ask by ${dimensions.join(", ")}`);
  const end = untilMs ?? clock.wallMs(clock.nowMs()) + 1;
  return { ok: { by, sinceMs: sinceMs ?? end - DAY_MS, untilMs: end } };
}
