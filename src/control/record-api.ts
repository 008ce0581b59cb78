// The types of questions about the record and of pages of the blocked, as api.ts has those of all others.
import type { BlockedEntry } from "./api.ts";

export const blockedOrders = ["source", "since", "until", "grade", "offences"] as const;

/** A page of the blocked, for a list that a person looks through. */
export interface BlockedPageRequest {
  /** In the filter language (record/filter-text.ts); since: and until: are about the beginning of the block. */
  readonly filter?: string;
  /** Absent: "since". */
  readonly sort?: (typeof blockedOrders)[number];
  /** "up" or "down"; absent: down, the newest first. */
  readonly order?: "up" | "down";
  readonly offset?: number;
  readonly limit?: number;
}

export interface BlockedPage {
  /** All blocks. */
  readonly total: number;
  /** Blocks for which the filter holds. */
  readonly matching: number;
  readonly entries: readonly BlockedEntry[];
}

/** What was counted, by one dimension of the record (record/series/dimensions.ts). */
export interface CountRequest {
  readonly by: string;
  /** Milliseconds since the epoch; absent: the last day. Spans of which the beginning lies in this time are counted whole. */
  readonly sinceMs?: number;
  readonly untilMs?: number;
}

/** What monitoring asks: counters since the daemon's start, by label. Kinds of scan that were never seen are 0. */
export interface Figures {
  readonly kind: Readonly<Record<string, number>>;
  readonly tool: Readonly<Record<string, number>>;
  /** "probe held", "finding block", "block silence", "unblock expired" ... */
  readonly action: Readonly<Record<string, number>>;
  /** From the first packet of a delivery until its verdicts stood in the kernel. */
  readonly latency: {
    /** The upper bound in seconds, and how many took at most that. */
    readonly buckets: readonly (readonly number[])[];
    readonly sumSeconds: number;
    readonly count: number;
  };
}

export interface SeriesRequest extends CountRequest {
  /** "minute" (two days are kept), "hour" (62 days) or "day" (400). */
  readonly span: string;
  /** Only this value. */
  readonly value?: string;
}

export interface TopRequest extends CountRequest {
  readonly limit?: number;
}

/** A value and how often it was counted in one span. */
export interface SeriesEntry {
  /** When the span began, ISO 8601. */
  readonly start: string;
  /** "other": the sum of the values that were too many to keep. */
  readonly value: string;
  readonly count: number;
}

/** A value and how often it was counted in the time that was asked for. */
export interface TopEntry {
  readonly value: string;
  readonly count: number;
}
