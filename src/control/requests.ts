// What the daemon accepts from a client, field by field. What a client accepts from the daemon is in schema.ts.
import { fields, flag, listOf, member, onlyFields, optional, text, textOf, wholeNumber } from "../base/shape.ts";
import { MAX_FILTER_CHARS } from "../record/filter-text.ts";
import {
  type AllowRequest,
  type BlockRequest,
  type DisallowRequest,
  type EventRequest,
  type EventsAfterRequest,
  type ImportRequest,
  type ModeRequest,
  modeNames,
  type UnblockRequest,
  type WhyRequest,
} from "./api.ts";
import { controlLimits } from "./limits.ts";
import { type BlockedPageRequest, blockedOrders, type SeriesRequest, type TopRequest } from "./record-api.ts";

/** "2001:db8:1111:2222:3333:4444:255.255.255.255/128" and no more; the daemon parses it. */
const sourceText = textOf(1, 50);
export const MAX_REASON_CHARS = 200;
const MAX_TYPES_CHARS = 100;
/** A person comes over one or two hops. */
export const MAX_SESSION_ADDRESSES = 16;
/** Ten years, as for BLOCK_TIME; beyond it "for ever" (0) is meant. */
const LONGEST_BLOCK_MS = 10 * 365 * 86_400_000;

export const noFields = fields<Readonly<Record<never, never>>>({});

export const blockRequest = onlyFields<BlockRequest>({
  source: sourceText,
  forMs: optional(wholeNumber(LONGEST_BLOCK_MS)),
  reason: optional(textOf(0, MAX_REASON_CHARS)),
  force: optional(flag),
  session: optional(listOf(sourceText, MAX_SESSION_ADDRESSES)),
});

/** Sources in one part of a list: some tens of milliseconds of the daemon's time. */
export const MAX_IMPORTED_SOURCES = 2_000;
/** A part of the longest sources that there are. */
export const IMPORT_BODY_BYTES = 128 * 1024;

export const importRequest = onlyFields<ImportRequest>({
  sources: listOf(sourceText, MAX_IMPORTED_SOURCES),
  forMs: optional(wholeNumber(LONGEST_BLOCK_MS)),
  reason: optional(textOf(0, MAX_REASON_CHARS)),
  session: optional(listOf(sourceText, MAX_SESSION_ADDRESSES)),
  isDryRun: optional(flag),
  isLast: optional(flag),
});

export const unblockRequest = onlyFields<UnblockRequest>({ target: sourceText, ruleIsGone: optional(flag) });

export const allowRequest = onlyFields<AllowRequest>({
  source: sourceText,
  reason: optional(textOf(0, MAX_REASON_CHARS)),
  force: optional(flag),
});

export const disallowRequest = onlyFields<DisallowRequest>({ source: sourceText });

export const modeRequest = onlyFields<ModeRequest>({ mode: member(modeNames) });

/** The daemon refuses what is no address or CIDR. */
export const whyRequest = fields<WhyRequest>({ source: optional(text) });

const limit = optional(wholeNumber(controlLimits.events));

const chosenEvents = {
  limit,
  source: optional(text),
  sinceMs: optional(wholeNumber()),
  untilMs: optional(wholeNumber()),
  types: optional(textOf(1, MAX_TYPES_CHARS)),
  filter: optional(textOf(0, MAX_FILTER_CHARS)),
};

export const eventRequest = fields<EventRequest>(chosenEvents);

export const eventsAfterRequest = fields<EventsAfterRequest>({ after: wholeNumber(), ...chosenEvents });

const counted = { by: textOf(1, 20), sinceMs: optional(wholeNumber()), untilMs: optional(wholeNumber()) };
/** "2001:db8:1234::/48", and no tool has a longer name. */
const MAX_VALUE_CHARS = 100;

export const seriesRequest = fields<SeriesRequest>({
  ...counted,
  span: textOf(1, 10),
  value: optional(textOf(1, MAX_VALUE_CHARS)),
});

export const topRequest = fields<TopRequest>({ ...counted, limit });

/** Further pages cost the daemon more than they tell a person, who has the filter. */
const MAX_OFFSET = 10_000;

export const blockedPageRequest = fields<BlockedPageRequest>({
  filter: optional(textOf(0, MAX_FILTER_CHARS)),
  sort: optional(member(blockedOrders)),
  order: optional(member(["up", "down"])),
  offset: optional(wholeNumber(MAX_OFFSET)),
  limit: optional(wholeNumber(1_000)),
});
