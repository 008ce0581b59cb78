// Spans in the order of their addresses, disjoint, and made one where they touch and end together: the union of networks.
// One place of it is made anew without a look at the others.
import { appendSpan, clipSpan, indexOfEndFrom, type Span, spansNotAmong } from "./address-span.ts";

/** What has come and gone of a list of spans. */
export interface SpanChange {
  readonly gone: readonly Span[];
  readonly added: readonly Span[];
}

export class SpanList {
  #spans: readonly Span[];
  /** None ends before. */
  #firstEndMs: number;

  /** `spans`: ascending and disjoint, those that touch ending at different times. */
  constructor(spans: readonly Span[]) {
    this.#spans = spans;
    this.#firstEndMs = firstEndMs(spans);
  }

  get all(): readonly Span[] {
    return this.#spans;
  }

  /** Those that have any address between two, both included. */
  between(first: bigint, last: bigint): Span[] {
    const found: Span[] = [];
    for (let index = indexOfEndFrom(this.#spans, first); index < this.#spans.length; index++) {
      const span = this.#spans[index];
      if (span === undefined || span.first > last) break;
      found.push(span);
    }
    return found;
  }

  dropEnded(nowMs: number): void {
    if (nowMs < this.#firstEndMs) return;
    this.#spans = this.#spans.filter(({ untilMs }) => untilMs === undefined || untilMs > nowMs);
    this.#firstEndMs = firstEndMs(this.#spans);
  }

  /**
   * Puts parts in place of whatever is within each of some ranges, which ascend and are apart. All spans are walked once: for
   * many ranges, where replace() would copy them all for each.
   */
  replaceAll(ranges: readonly (Pick<Span, "first" | "last"> & { readonly parts: readonly Span[] })[]): SpanChange {
    const before = this.#spans;
    const after: Span[] = [];
    let at = 0;
    let current = before[at];
    for (const { first, last, parts } of ranges) {
      for (; current !== undefined && current.last < first; current = before[++at]) appendSpan(after, current);
      if (current !== undefined && current.first < first)
        appendSpan(after, clipSpan(current, current.first, first - 1n));
      for (const part of parts) appendSpan(after, part);
      while (current !== undefined && current.last <= last) current = before[++at];
      if (current !== undefined && current.first <= last) current = clipSpan(current, last + 1n, current.last);
    }
    for (; current !== undefined; current = before[++at]) appendSpan(after, current);
    this.#spans = after;
    this.#firstEndMs = firstEndMs(after);
    return { gone: spansNotAmong(before, after), added: spansNotAmong(after, before) };
  }

  /** Puts parts in place of whatever is between two addresses; they lie between these. */
  replace(first: bigint, last: bigint, parts: readonly Span[]): SpanChange {
    const at = indexOfEndFrom(this.#spans, first - 1n);
    // With those that touch, which may become one with the parts.
    const before = this.between(first - 1n, last + 1n);
    const after: Span[] = [];
    for (const span of before) {
      if (span.first < first) appendSpan(after, clipSpan(span, span.first, first - 1n));
    }
    for (const part of parts) appendSpan(after, part);
    for (const span of before) {
      if (span.last > last) appendSpan(after, clipSpan(span, last + 1n, span.last));
    }
    this.#spans = [...this.#spans.slice(0, at), ...after, ...this.#spans.slice(at + before.length)];
    this.#firstEndMs = Math.min(this.#firstEndMs, firstEndMs(after));
    return { gone: spansNotAmong(before, after), added: spansNotAmong(after, before) };
  }
}

/** Several changes as one: what came and went again is in neither list. */
export function joinChanges(changes: readonly SpanChange[]): SpanChange {
  const gone = new Map<string, Span>();
  const added = new Map<string, Span>();
  for (const change of changes) {
    for (const span of change.gone) if (!added.delete(nameOf(span))) gone.set(nameOf(span), span);
    for (const span of change.added) if (!gone.delete(nameOf(span))) added.set(nameOf(span), span);
  }
  return { gone: [...gone.values()], added: [...added.values()] };
}

function nameOf({ first, last, untilMs }: Span): string {
  return `${first}-${last} ${untilMs}`;
}

function firstEndMs(spans: readonly Span[]): number {
  return spans.reduce(
    (least, { untilMs = Number.POSITIVE_INFINITY }) => Math.min(least, untilMs),
    Number.POSITIVE_INFINITY,
  );
}
