// The rows of the store: how they are written as SQL parameters and parsed when they are read back, for they may
// have been tampered with or be another version's.
// Text is read as JSON inside a blob: libsql 0.5.29 aborts the process when a text column is not valid UTF-8.

import { isCount, isFields, isOptionalText, isText, isTime, oneOf, parseJson } from "../base/checks.ts";
import { kindNames } from "../detect/kinds.ts";
import { dispositionNames } from "../detect/probe.ts";
import { type Block, backends } from "../judge/block.ts";
import type { Reason } from "../judge/reason.ts";
import { grades } from "../judge/verdict.ts";
import { formatPrefix, type Prefix, parsePrefix } from "../wire/address.ts";
import { type Event, eventTypes } from "./event.ts";
import { storedTypeOf } from "./event-quota.ts";
import { describeReason, parseReason } from "./finding-text.ts";

/** A table of the store, and how its rows are read. */
export interface StoredTable<T> {
  readonly table: "blocks" | "offences";
  readonly columns: string;
  readonly parse: (row: unknown) => T | undefined;
  readonly where?: string;
}

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
const MAX_MADE_BY_CHARS = 65_536;

export function blockParameters(sourceText: string, block: StoredBlock): SqlValue[] {
  const { sinceMs, untilMs, grade, soft, reason, offences, backend, trigger, madeBy } = block;
  const until = untilMs === undefined ? null : integer(untilMs);
  const why = describeReason(reason).slice(0, MAX_TEXT_CHARS);
  const probe = [trigger?.protocol ?? null, trigger?.port ?? null];
  const made = madeBy ?? null;
  return [sourceText, integer(sinceMs), until, grade, soft ? 1 : 0, why, integer(offences), backend, ...probe, made];
}

export function offencesParameters(sourceText: string, row: StoredOffences): SqlValue[] {
  return [sourceText, integer(row.offences), integer(row.lastEndMs)];
}

export function eventParameters(id: number, event: Event): SqlValue[] {
  return [id, integer(Date.parse(event.time)), storedTypeOf(event), event.source ?? null, JSON.stringify(event)];
}

/** One bad number must not make a transaction fail for ever. */
function integer(value: number): number {
  if (!Number.isFinite(value)) return 0;
  return Math.max(Number.MIN_SAFE_INTEGER, Math.min(Number.MAX_SAFE_INTEGER, Math.trunc(value)));
}

const decoder = new TextDecoder();

/** Text that was selected as a blob: get() answers with a Buffer, iterate() and all() with an ArrayBuffer. */
export function decodeBlob(value: unknown): string | undefined {
  return value instanceof ArrayBuffer || value instanceof Uint8Array ? decoder.decode(value) : undefined;
}

/** The JSON array that stands for a row; casts keep blobs out, which SQLite's json_array refuses. */
export const blockColumns =
  "cast(source AS text), cast(since_ms AS integer), cast(until_ms AS integer), cast(grade AS text), " +
  "cast(soft AS integer), cast(reason AS text), cast(offences AS integer), cast(backend AS text), " +
  "cast(protocol AS integer), cast(port AS integer), cast(made_by AS text)";
export const offencesColumns = "cast(source AS text), cast(offences AS integer), cast(last_end_ms AS integer)";

/** Canonical text only: the table's key is the text, and two spellings would be two blocks. */
function parseSource(text: unknown): Prefix | undefined {
  if (!isText(text)) return undefined;
  const prefix = parsePrefix(text);
  // One address of IPv4 has one spelling only that is read.
  if (prefix === undefined || !/[:/]/.test(text)) return prefix;
  return formatPrefix(prefix) === text ? prefix : undefined;
}

/** Reasons that are read once for many rows: those of a list all have the same. */
const MAX_REASONS_KNOWN = 256;

/** Reads rows of blocks, one after the other; undefined for one that is none of ours. */
export function blockParser(): (row: unknown) => StoredBlock | undefined {
  const known = new Map<string, Reason>();
  const reasonOf = (text: string): Reason => {
    const before = known.get(text);
    if (before !== undefined) return before;
    const reason = parseReason(text);
    if (known.size >= MAX_REASONS_KNOWN) known.clear();
    known.set(text, reason);
    return reason;
  };
  return (row) => parseBlock(row, reasonOf);
}

export function parseBlock(row: unknown, reasonOf = parseReason): StoredBlock | undefined {
  if (!Array.isArray(row) || row.length !== 11) return undefined;
  const [text, sinceMs, until, gradeText, soft, reason, offences, backendText, protocol, port, made]: unknown[] = row;
  const grade = oneOf(grades, gradeText);
  const backend = oneOf(backends, backendText);
  const source = parseSource(text);
  if (source === undefined || grade === undefined || backend === undefined) return undefined;
  if (!isCount(sinceMs) || !isCount(offences) || !isText(reason, MAX_TEXT_CHARS)) return undefined;
  if (!isCount(until) && until !== null) return undefined;
  if (soft !== 0 && soft !== 1) return undefined;
  const block = {
    source,
    sinceMs,
    untilMs: until ?? undefined,
    grade,
    soft: soft === 1,
    reason: reasonOf(reason),
    offences,
    backend,
    ...(isText(made, MAX_MADE_BY_CHARS) && { madeBy: made }),
  };
  return isCount(protocol) && isCount(port) ? { ...block, trigger: { protocol, port } } : block;
}

export function parseOffences(row: unknown): StoredOffences | undefined {
  if (!Array.isArray(row) || row.length !== 3) return undefined;
  const [text, offences, lastEndMs]: unknown[] = row;
  const source = parseSource(text);
  if (source === undefined || !isCount(offences) || !isCount(lastEndMs)) return undefined;
  return { source, offences, lastEndMs };
}

/** From the event's JSON text; fields that this version does not know are left out. */
export function parseEvent(json: string): Event | undefined {
  const row = parseJson(json);
  if (!isFields(row)) return undefined;
  const { time, source, protocol, port, host, sourcePort, target, tool, known, grade, action, message, missed } = row;
  const type = oneOf(eventTypes, row.type);
  const disposition = oneOf(dispositionNames, row.disposition);
  const kind = oneOf(kindNames, row.kind);
  if (!isTime(time) || type === undefined) return undefined;
  if (kind === undefined && row.kind !== undefined) return undefined;
  if (port !== undefined && !(isCount(port) && port <= 65535)) return undefined;
  if (!isOptionalText(source) || !isOptionalText(protocol) || !isOptionalText(tool)) return undefined;
  if (!isOptionalText(known) || !isOptionalText(host) || !isOptionalText(target)) return undefined;
  if (sourcePort !== undefined && !(isCount(sourcePort) && sourcePort <= 65535)) return undefined;
  if (!isOptionalText(grade) || !isOptionalText(action) || !isOptionalText(message)) return undefined;
  return {
    time,
    type,
    ...(source !== undefined && { source }),
    ...(protocol !== undefined && { protocol }),
    ...(port !== undefined && { port }),
    ...(host !== undefined && { host }),
    ...(sourcePort !== undefined && { sourcePort }),
    ...(target !== undefined && { target }),
    ...(kind !== undefined && { kind }),
    ...(tool !== undefined && { tool }),
    ...(known !== undefined && { known }),
    ...(grade !== undefined && { grade }),
    ...(action !== undefined && { action }),
    ...(disposition !== undefined && { disposition }),
    ...(isCount(missed) && { missed }),
    ...(message !== undefined && { message }),
  };
}
