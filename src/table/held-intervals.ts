// What the kernel's sets of blocked networks hold: read whole, or asked at single addresses. Of an interval the kernel finds
// the first key, whatever touches it; it does not find the end of one that another begins at (docs/decisions/0022).
import type { dumpElements } from "../kernel/element-dump.ts";
import type { ElementVisitor } from "../kernel/nf-elements.ts";
import type { NfTables } from "../kernel/nf-tables.ts";
import { addressOfKey, type Family, familyBits, keyOfAddress, type Span } from "./address-span.ts";
import { TABLE } from "./ruleset-plan.ts";
import { sameEnd } from "./same-end.ts";
import type { IntervalSet } from "./set-key.ts";

export const intervalSets = { ipv4: "blockednet4", ipv6: "blockednet6" } as const satisfies Record<Family, IntervalSet>;

export type IntervalTables = Pick<NfTables, "visitElements" | "intervalAt">;

/** Where an interval begins or ends. */
interface Mark {
  readonly at: bigint;
  readonly isEnd: boolean;
  readonly untilMs: number | undefined;
}

/** The intervals of a set: ascending, disjoint. Throws KernelError, ENOENT without the table. */
export function readIntervals(tables: IntervalTables, family: Family, nowMs: number): Span[] {
  const marks: Mark[] = [];
  tables.visitElements(intervalSets[family], noting(marks, nowMs));
  return spansOf(marks, family);
}

/** The same a part at a time; what comes or goes meanwhile may be told wrongly. Rejects with KernelError. */
export async function readIntervalsInParts(
  dump: typeof dumpElements,
  { family, nowMs }: { readonly family: Family; readonly nowMs: number },
  pause: () => Promise<void>,
): Promise<Span[]> {
  const marks: Mark[] = [];
  await dump({ table: TABLE, set: intervalSets[family] }, noting(marks, nowMs), pause);
  return spansOf(marks, family);
}

function noting(marks: Mark[], nowMs: number): ElementVisitor {
  // A long set is read for a second, and each element tells what is left of its time when it is read.
  const startMs = performance.now() - nowMs;
  return (key, expiresInMs, isEnd = false) => {
    const untilMs = expiresInMs === undefined ? undefined : performance.now() - startMs + expiresInMs;
    marks.push({ at: addressOfKey(key), isEnd, untilMs });
  };
}

function spansOf(marks: Mark[], family: Family): Span[] {
  // Where one ends and the next begins, the end comes first.
  marks.sort((a, b) => (a.at < b.at ? -1 : a.at > b.at ? 1 : Number(b.isEnd) - Number(a.isEnd)));
  const spans: Span[] = [];
  let open: { readonly at: bigint; readonly untilMs: number | undefined } | undefined;
  const close = (end: bigint) => {
    if (open !== undefined && end > open.at) spans.push({ first: open.at, last: end - 1n, untilMs: open.untilMs });
  };
  for (const mark of marks) {
    close(mark.at);
    open = mark.isEnd ? undefined : mark;
  }
  close(1n << BigInt(familyBits[family]));
  return spans;
}

/** What ends so soon may be gone already, or not yet. */
export const ENDING_MS = 2_000;

/**
 * Whether an address is in the interval that a span stands for, until its end; without a span, in none that stays. Without
 * a time, until whenever.
 */
export function isHeldAt(
  tables: IntervalTables,
  { family, address, span }: { readonly family: Family; readonly address: bigint; readonly span: Span | undefined },
  nowMs: number | undefined,
): boolean {
  const held = tables.intervalAt(intervalSets[family], keyOfAddress(address, family));
  if (span === undefined) return held === undefined || (held.expiresInMs ?? Number.POSITIVE_INFINITY) <= ENDING_MS;
  if (nowMs === undefined) return held !== undefined && addressOfKey(held.first) === span.first;
  if (held === undefined) return span.untilMs !== undefined && span.untilMs <= nowMs + ENDING_MS;
  const untilMs = held.expiresInMs === undefined ? undefined : nowMs + held.expiresInMs;
  return addressOfKey(held.first) === span.first && sameEnd(untilMs, span.untilMs);
}
