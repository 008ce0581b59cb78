// The JSON on the control socket as schemas: what a client accepts from a server. Not loaded by the daemon (requests.ts).
// Answers may carry more fields than these (a newer daemon); they are kept, so that --json prints them.
import { z } from "zod";
import type { Event, NumberedEvent } from "../record/event.ts";
import type {
  BlockedEntry,
  Confirmation,
  Explanation,
  GuardEntry,
  KnownClient,
  Modes,
  Refusal,
  Status,
} from "./api.ts";

const count = z.number().nonnegative();

export const statusSchema: z.ZodType<Status> = z.looseObject({
  version: z.string(),
  probes: count,
  sources: count,
  lost: count,
  held: count,
  blocked: count,
  proven: count,
  unproven: count,
  uptimeSeconds: count,
  capture: z.enum(["nflog", "ring", "listen"]),
  firewall: z.enum(["nftables", "none"]),
  blocking: z.boolean(),
  configuration: z.string(),
  warnings: z.array(z.string()),
  counters: z.record(z.string(), z.number()),
});

export const blockedEntrySchema: z.ZodType<BlockedEntry> = z.looseObject({
  source: z.string(),
  since: z.string(),
  until: z.string().nullable(),
  grade: z.string(),
  soft: z.boolean(),
  reason: z.string(),
  backend: z.string(),
  enforced: z.boolean(),
  offences: count,
  knownPairs: count.exactOptional(),
  liveConnections: count.exactOptional(),
});

export const guardEntrySchema: z.ZodType<GuardEntry> = z.looseObject({
  source: z.string(),
  because: z.enum(["gateway", "resolver", "time server", "ssh", "container", "own", "peer"]),
  until: z.string().nullable(),
});

/** The names are detect/'s to list, which this room does not know; any short word is taken. */
const kindSchema = z.custom<NonNullable<Event["kind"]>>((kind) => typeof kind === "string" && kind.length <= 20);

/** Likewise. */
const dispositionSchema = z.custom<NonNullable<Event["disposition"]>>(
  (disposition) => typeof disposition === "string" && disposition.length <= 20,
);

export const eventSchema: z.ZodType<Event> = z.looseObject({
  time: z.string(),
  type: z.enum(["probe", "finding", "block", "unblock", "drift", "warning"]),
  source: z.string().exactOptional(),
  protocol: z.string().exactOptional(),
  port: z.number().exactOptional(),
  kind: kindSchema.exactOptional(),
  tool: z.string().exactOptional(),
  known: z.string().exactOptional(),
  grade: z.string().exactOptional(),
  action: z.string().exactOptional(),
  message: z.string().exactOptional(),
  disposition: dispositionSchema.exactOptional(),
  missed: count.exactOptional(),
});

export const numberedEventSchema: z.ZodType<NumberedEvent> = z.looseObject({ number: count, event: eventSchema });

export const knownClientSchema: z.ZodType<KnownClient> = z.looseObject({
  source: z.string(),
  protocol: z.enum(["tcp", "udp"]),
  port: z.number().min(0).max(65_535),
  until: z.string(),
});

export const explanationSchema: z.ZodType<Explanation> = z.looseObject({
  source: z.string(),
  state: z.string(),
  because: z.array(z.string()),
  block: blockedEntrySchema.exactOptional(),
  probes: count,
  contacts: count,
  firstSeen: z.string().exactOptional(),
  lastSeen: z.string().exactOptional(),
  offences: count,
  events: z.array(eventSchema),
});

export const modesSchema: z.ZodType<Modes> = z.looseObject({
  tcp: z.string().nullable(),
  udp: z.string().nullable(),
});

export const confirmationSchema: z.ZodType<Confirmation> = z.looseObject({ inTime: z.boolean(), kept: count });

export const unblockAnswerSchema = z.looseObject({ unblocked: z.array(z.string()) });

const refusalCodes = [
  "bad-address",
  "ignored",
  "guarded",
  "own",
  "no-such-block",
  "no-firewall",
  "full",
  "kernel",
  "mode-taken",
  "own-session",
  "too-wide",
  "longer",
  "covered",
  "no-trial",
  "busy",
] as const satisfies readonly Refusal["code"][];

export const refusalSchema = z.looseObject({
  error: z.looseObject({ code: z.enum(refusalCodes), message: z.string() }),
});
/** Every other error answer: too large, too many followers, internal. */
export const failureSchema = z.looseObject({ error: z.looseObject({ code: z.string(), message: z.string() }) });

/** The first complaint of a failed parse, with the place it is about. */
export function describeIssues(error: z.ZodError): string {
  const issue = error.issues[0];
  if (issue === undefined) return "not as agreed";
  const place = issue.path.map(String).join(".");
  return place === "" ? issue.message : `${place}: ${issue.message}`;
}
