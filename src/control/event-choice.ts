// What a client asks of events, as the record takes it.
import { eventTypes } from "../record/event.ts";
import type { EventFilter } from "../record/event-filter.ts";
import { parseFilter } from "../record/filter-text.ts";
import { type Prefix, parsePrefix } from "../wire/address.ts";
import type { EventChoice, Reply } from "./api.ts";
import { badAddress, refuse } from "./target.ts";

/** `wallMs`: now, for a time in the filter. `keyOf`: by which source an address is counted. */
export function readChoice(
  { source, sinceMs, untilMs, types, filter = "" }: EventChoice,
  wallMs: number,
  keyOf: (source: Prefix) => Prefix = (given) => given,
): Reply<EventFilter> {
  const within = source === undefined ? undefined : parsePrefix(source);
  if (source !== undefined && within === undefined) return badAddress(source);
  const words = types?.split(",");
  const unknown = words?.find((word) => eventTypes.every((type) => type !== word));
  if (unknown !== undefined)
    return refuse("bad-type", `"${unknown.slice(0, 20)}" is no type of event: write ${eventTypes.join(", ")}`);
  const read = filter.trim() === "" ? undefined : parseFilter(filter, wallMs);
  if (read !== undefined && "error" in read) return refuse("bad-filter", read.error);
  return {
    ok: {
      ...read?.ok,
      ...(within !== undefined && { within: keyOf(within) }),
      ...latest(sinceMs, read?.ok.sinceMs),
      ...earliest(untilMs, read?.ok.untilMs),
      ...(words !== undefined && { types: eventTypes.filter((type) => words.includes(type)) }),
    },
  };
}

function latest(...times: readonly (number | undefined)[]): { readonly sinceMs?: number } {
  const given = times.filter((time) => time !== undefined);
  return given.length === 0 ? {} : { sinceMs: Math.max(...given) };
}

function earliest(...times: readonly (number | undefined)[]): { readonly untilMs?: number } {
  const given = times.filter((time) => time !== undefined);
  return given.length === 0 ? {} : { untilMs: Math.min(...given) };
}
