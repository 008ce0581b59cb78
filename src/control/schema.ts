// The JSON on the control socket as shapes: what a client accepts from a server. What a server accepts is in requests.ts.
// Answers may carry more fields than these (a newer daemon); they are kept, so that --json prints them.
import {
  count,
  fields,
  flag,
  keyOf,
  listOf,
  member,
  number,
  numberFrom,
  optional,
  orNull,
  recordOf,
  text,
  word,
} from "../base/shape.ts";
import type { Event, NumberedEvent } from "../record/event.ts";
import {
  type AllowListChange,
  type BlockedEntry,
  type Confirmation,
  type Explanation,
  type GuardEntry,
  guardCauses,
  type Imported,
  type KnownClient,
  type Modes,
  type NotImported,
  type Refusal,
  refusalStatus,
  type Status,
  type TriedPortCounts,
  type Unblocked,
  type WatchedPorts,
} from "./api.ts";
import type { BlockedPage, Figures, SeriesEntry, TopEntry } from "./record-api.ts";

const watchedSchema = fields<WatchedPorts>({ mode: text, ports: count });

export const statusSchema = fields<Status>({
  version: text,
  probes: count,
  sources: count,
  lost: count,
  held: count,
  blocked: count,
  proven: count,
  unproven: count,
  uptimeSeconds: count,
  capture: member(["nflog", "ring"]),
  firewall: text,
  blockedBy: text,
  blocking: flag,
  configuration: text,
  watched: fields<Status["watched"]>({ tcp: orNull(watchedSchema), udp: orNull(watchedSchema) }),
  warnings: listOf(text),
  counters: recordOf(number),
});

export const blockedEntrySchema = fields<BlockedEntry>({
  source: text,
  since: text,
  until: orNull(text),
  grade: text,
  soft: flag,
  reason: text,
  backend: text,
  enforced: flag,
  offences: count,
  knownPairs: optional(count),
  liveConnections: optional(count),
});

export const guardEntrySchema = fields<GuardEntry>({
  source: text,
  because: member(guardCauses),
  until: orNull(text),
});

/** The names are detect/'s to list, which this room does not know. */
const kindSchema = word<NonNullable<Event["kind"]>>(20);

/** Likewise. */
const dispositionSchema = word<NonNullable<Event["disposition"]>>(20);

export const eventSchema = fields<Event>({
  time: text,
  type: member(["probe", "finding", "block", "unblock", "drift", "warning", "outgoing"]),
  source: optional(text),
  protocol: optional(text),
  port: optional(number),
  host: optional(text),
  sourcePort: optional(number),
  target: optional(text),
  kind: optional(kindSchema),
  tool: optional(text),
  known: optional(text),
  grade: optional(text),
  action: optional(text),
  message: optional(text),
  disposition: optional(dispositionSchema),
  missed: optional(count),
});

export const numberedEventSchema = fields<NumberedEvent>({ number: count, event: eventSchema });

export const knownClientSchema = fields<KnownClient>({
  source: text,
  protocol: member(["tcp", "udp"]),
  port: numberFrom(0, 65_535),
  until: text,
});

export const explanationSchema = fields<Explanation>({
  source: text,
  state: text,
  because: listOf(text),
  block: optional(blockedEntrySchema),
  probes: count,
  contacts: count,
  ports: optional(fields<TriedPortCounts>({ tried: count, all: flag, answered: count, open: count })),
  firstSeen: optional(text),
  lastSeen: optional(text),
  offences: count,
  events: listOf(eventSchema),
});

export const modesSchema = fields<Modes>({
  tcp: orNull(text),
  udp: orNull(text),
});

export const confirmationSchema = fields<Confirmation>({ inTime: flag, kept: count });

export const allowListChangeSchema = fields<AllowListChange>({
  source: text,
  files: listOf(text),
  unblocked: listOf(text),
  stillWithin: optional(text),
});

export const importedSchema = fields<Imported>({
  added: count,
  merged: count,
  skipped: count,
  refused: listOf(fields<NotImported>({ index: count, code: keyOf(refusalStatus) })),
});

export const unblockedSchema = fields<Unblocked>({ unblocked: listOf(text) });

export const refusalSchema = fields<{ readonly error: Refusal }>({
  error: fields<Refusal>({ code: keyOf(refusalStatus), message: text }),
});
/** Every other error answer: too large, too many followers, internal. */
export const failureSchema = fields<{ readonly error: Failure }>({
  error: fields<Failure>({ code: text, message: text }),
});

interface Failure {
  readonly code: string;
  readonly message: string;
}

export const figuresSchema = fields<Figures>({
  kind: recordOf(number),
  tool: recordOf(number),
  action: recordOf(number),
  latency: fields<Figures["latency"]>({ buckets: listOf(listOf(number)), sumSeconds: number, count }),
});

export const seriesEntrySchema = fields<SeriesEntry>({ start: text, value: text, count });

export const topEntrySchema = fields<TopEntry>({ value: text, count });

export const blockedPageSchema = fields<BlockedPage>({
  total: count,
  matching: count,
  entries: listOf(blockedEntrySchema),
});
