// The rows of the store: how they are written as SQL parameters and parsed when they are read back, for they may
// have been tampered with or be another version's.
// Text is read as JSON inside a blob: libsql 0.5.29 aborts the process when a text column is not valid UTF-8.
import { z } from "zod";
import type { Block } from "../block/block.ts";
import { formatPrefix, type Prefix, parsePrefix } from "../wire/address.ts";
import type { Event } from "./event.ts";

/** A block as the store keeps it; whether the kernel enforces it is asked of the kernel. */
export type StoredBlock = Omit<Block, "enforced">;

/** How often a source has been blocked; kept after its block has ended. */
export interface StoredOffences {
  readonly source: Prefix;
  readonly offences: number;
  readonly lastEndMs: number;
}

/** What libsql can bind; anything else (a boolean) aborts the process. */
export type SqlValue = string | number | null;

const MAX_TEXT_CHARS = 1000;

export function blockParameters(sourceText: string, block: StoredBlock): SqlValue[] {
  const { sinceMs, untilMs, grade, soft, reason, offences, backend } = block;
  const until = untilMs === undefined ? null : integer(untilMs);
  const why = reason.slice(0, MAX_TEXT_CHARS);
  return [sourceText, integer(sinceMs), until, grade, soft ? 1 : 0, why, integer(offences), backend];
}

export function offencesParameters(sourceText: string, row: StoredOffences): SqlValue[] {
  return [sourceText, integer(row.offences), integer(row.lastEndMs)];
}

export function eventParameters(id: number, event: Event): SqlValue[] {
  return [id, integer(Date.parse(event.time)), event.type, event.source ?? null, JSON.stringify(event)];
}

/** One bad number must not make a transaction fail for ever. */
function integer(value: number): number {
  if (!Number.isFinite(value)) return 0;
  return Math.max(Number.MIN_SAFE_INTEGER, Math.min(Number.MAX_SAFE_INTEGER, Math.trunc(value)));
}

const decoder = new TextDecoder();
/** Text that was selected as a blob: get() answers with a Buffer, iterate() and all() with an ArrayBuffer. */
export const blobText = z
  .union([z.instanceof(ArrayBuffer), z.instanceof(Uint8Array)])
  .transform((bytes) => decoder.decode(bytes));

/** The JSON array that stands for a row; casts keep blobs out, which SQLite's json_array refuses. */
export const blockColumns =
  "cast(source AS text), cast(since_ms AS integer), cast(until_ms AS integer), cast(grade AS text), " +
  "cast(soft AS integer), cast(reason AS text), cast(offences AS integer), cast(backend AS text)";
export const offencesColumns = "cast(source AS text), cast(offences AS integer), cast(last_end_ms AS integer)";

// Sources are parsed after zod: a transform inside the tuple makes loading 100,000 blocks half as fast.
const count = z.number().int().nonnegative();

const blockSchema = z.tuple([
  z.string(),
  count,
  count.nullable(),
  z.enum(["handshake", "silence", "direct", "manual", "fleet"]),
  z.union([z.literal(0), z.literal(1)]),
  z.string().max(MAX_TEXT_CHARS),
  count,
  z.literal("nftables"),
]);
const offencesSchema = z.tuple([z.string(), count, count]);

const eventSchema = z.object({
  time: z.iso.datetime(),
  type: z.enum(["probe", "finding", "block", "unblock", "drift", "warning"]),
  source: z.string().optional(),
  protocol: z.string().optional(),
  port: z.number().int().min(0).max(65535).optional(),
  kind: z.enum(["syn", "connect", "null", "fin", "xmas", "synfin", "ack", "maimon", "udp", "unknown"]).optional(),
  tool: z.string().optional(),
  grade: z.string().optional(),
  action: z.string().optional(),
  message: z.string().optional(),
});

/** Canonical text only: the table's key is the text, and two spellings would be two blocks. */
function parseSource(text: string): Prefix | undefined {
  const prefix = parsePrefix(text);
  return prefix !== undefined && formatPrefix(prefix) === text ? prefix : undefined;
}

export function parseBlock(row: unknown): StoredBlock | undefined {
  const parsed = blockSchema.safeParse(row);
  if (!parsed.success) return undefined;
  const [text, sinceMs, until, grade, soft, reason, offences, backend] = parsed.data;
  const source = parseSource(text);
  if (source === undefined) return undefined;
  const untilMs = until === null ? undefined : until;
  return { source, sinceMs, untilMs, grade, soft: soft === 1, reason, offences, backend };
}

export function parseOffences(row: unknown): StoredOffences | undefined {
  const parsed = offencesSchema.safeParse(row);
  if (!parsed.success) return undefined;
  const [text, offences, lastEndMs] = parsed.data;
  const source = parseSource(text);
  return source && { source, offences, lastEndMs };
}

/** From the event's JSON text; fields that this version does not know are left out. */
export function parseEvent(json: string): Event | undefined {
  const parsed = eventSchema.safeParse(parseJson(json));
  if (!parsed.success) return undefined;
  const { time, type, source, protocol, port, kind, tool, grade, action, message } = parsed.data;
  return {
    time,
    type,
    ...(source !== undefined && { source }),
    ...(protocol !== undefined && { protocol }),
    ...(port !== undefined && { port }),
    ...(kind !== undefined && { kind }),
    ...(tool !== undefined && { tool }),
    ...(grade !== undefined && { grade }),
    ...(action !== undefined && { action }),
    ...(message !== undefined && { message }),
  };
}

export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
