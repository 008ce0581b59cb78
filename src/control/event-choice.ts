// What a client asks of events, as the record takes it.
import { eventTypes } from "../record/event.ts";
import type { EventFilter } from "../record/event-filter.ts";
import { type Prefix, parsePrefix } from "../wire/address.ts";
import type { EventChoice, Reply } from "./api.ts";
import { badAddress, refuse } from "./target.ts";

/** `keyOf`: by which source an address is counted. */
export function readChoice(
  { source, sinceMs, untilMs, types }: EventChoice,
  keyOf: (source: Prefix) => Prefix = (given) => given,
): Reply<EventFilter> {
  const within = source === undefined ? undefined : parsePrefix(source);
  if (source !== undefined && within === undefined) return badAddress(source);
  const words = types?.split(",");
  const unknown = words?.find((word) => eventTypes.every((type) => type !== word));
  if (unknown !== undefined)
    return refuse("bad-type", `"${unknown.slice(0, 20)}" is no type of event: write ${eventTypes.join(", ")}`);
  return {
    ok: {
      ...(within !== undefined && { within: keyOf(within) }),
      ...(sinceMs !== undefined && { sinceMs }),
      ...(untilMs !== undefined && { untilMs }),
      ...(words !== undefined && { types: eventTypes.filter((type) => words.includes(type)) }),
    },
  };
}
